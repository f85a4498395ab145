// Gossip's side of interest (decisions/0019): who wants which machines, which of them are here in
// full, filling what is newly wanted, letting go of what no longer is.
#include <algorithm>

#include "registry/core/gossip.h"

namespace sixpn::registry {

Selection Gossip::shared_with(HostId host) const {
  return intersection(store_.selection_of(options_.self), store_.selection_of(host));
}

// One session compares the same from begin to end.
Selection Gossip::to_compare(HostId host) const {
  if (auto peer = peers_.find(host); peer != peers_.end() && peer->second.syncing)
    return peer->second.compared;
  auto shared = shared_with(host);
  auto first = holding_.first();
  // Of nothing but what everybody holds, before all else; once that is here, of the rest.
  return synced_ && first.networks.empty() ? shared : intersection(shared, first);
}

Selection Gossip::held() const {
  return synced_ ? holding_.held() : Selection{false, {}};
}

bool Gossip::wants(HostId host, const Record& record) const {
  return registry::wants(store_.interest_of(host), interest_network(record));
}

// What is of no use here, unless it takes the place of something that is here.
bool Gossip::is_unwanted(const Record& record) const {
  return !wants(options_.self, record) && record.writer != options_.self &&
         store_.find(slot_of(record)) == nullptr;
}

SignedRecordPtr Gossip::interest_record(HostId host) const {
  return store_.find({interest_key(host), to_string(host)});
}

// Who begins to hold a network counts as a change of it: it has to be in step anew.
void Gossip::note_changes(Now now, const Changes& changes) {
  const InterestRecord* own = store_.interest_of(options_.self);
  if (own == nullptr || own->all) return;
  auto note = [&](NetworkId network) {
    if (registry::wants(own, network)) network_changed_[network] = now.mono;
  };
  for (NetworkId network : changes.networks) note(network);
  for (const auto& [network, machines] : changes.machines) note(network);
  for (const auto& slot : changes.slots) {
    auto record = slot.key.kind == RecordKind::kInterest ? store_.find(slot) : nullptr;
    if (record == nullptr || record->record.writer == options_.self) continue;
    for (NetworkId network : std::get<InterestRecord>(record->record.value).networks) note(network);
  }
}

// After merges.
void Gossip::follow_interests(Now now, const Changes& changes, Output& out) {
  note_changes(now, changes);
  bool said =
      std::exchange(interests_seen_, store_.interest_generation()) != store_.interest_generation();
  if (said) relay_.set_interests(&store_.interests());
  const InterestRecord* own = store_.interest_of(options_.self);
  // Networks come in with the first sync, and those are to be filled as well.
  bool more = holding_.is_filling() && own != nullptr && own->all;
  if (!said && !more) return;
  note_unwanted(now);
  std::erase_if(network_changed_,
                [own](const auto& entry) { return !registry::wants(own, entry.first); });
  holding_.follow(own, store_.networks());
  if (said) out.snapshot_dirty = true;
  schedule_holding(now);
}

void Gossip::schedule_holding(Now now) {
  if (membership_.left()) return;
  if (!holding_.is_filling()) {
    next_fill_ = kNever;
  } else if (next_fill_ == kNever) {
    next_fill_ = now.mono;
  }
  bool some = !store_.selection_of(options_.self).all;
  if (!some) {
    next_compare_ = kNever;
  } else if (next_compare_ == kNever) {
    next_compare_ = now.mono + kCompareInterval;
  }
}

void Gossip::on_first_sync(Output& out) {
  if (std::exchange(synced_, true)) return;
  out.snapshot_dirty = true;
}

void Gossip::on_equal(HostId peer, const Selection& compared, Output& out) {
  if (!synced_ || !holding_.is_filling()) return;
  auto before = held();
  holding_.on_equal(peer, store_.interest_of(peer), compared);
  holding_.settle(membership_.living(), store_);
  if (held() != before) out.snapshot_dirty = true;
}

// Syncs with those who have what is filling; nearer ones first, by chance among these.
void Gossip::fill_due(Now now, Output& out) {
  next_fill_ = kNever;
  if (!holding_.is_filling()) return;
  next_fill_ = now.mono + kFillInterval;
  if (!synced_) return;  // the first sync comes first, and may be enough
  auto living = membership_.living();
  auto before = held();
  holding_.settle(living, store_);
  if (held() != before) out.snapshot_dirty = true;
  auto sources = holding_.sources(living, store_);
  rng_.shuffle(sources);
  const RelayTree& tree = relay_.tree();
  std::stable_partition(sources.begin(), sources.end(),
                        [&tree](HostId host) { return tree.region_of(host) == tree.own_region(); });
  for (HostId host : sources) {
    // The whole registry comes from one host: a second would bring the same.
    if (syncing_ >= (to_compare(host).all ? 1 : kMaxSyncs)) break;
    request_sync(now, host, out);
  }
}

// Says nothing but this host's root.
void Gossip::compare_due(Now now, Output& out) {
  next_compare_ = now.mono + kCompareInterval;
  auto networks = store_.selection_of(options_.self).networks;
  if (networks.empty()) return;
  NetworkId network = networks[compared_++ % networks.size()];
  if (relay_.audience(network) == NetworkId{}) return;  // any probe does it
  auto others = relay_.tree(network).members();
  std::erase(others, options_.self);
  if (!others.empty()) send(now, others[rng_.below(others.size())], {}, out);
}

Gossip::Company Gossip::company_in(NetworkId network) const {
  auto last = network_changed_.find(network);
  Instant changed = last == network_changed_.end() ? Instant{} : last->second;
  Company out;
  for (const auto& [host, certificate] : store_.certificates()) {
    auto status = membership_.status(host);
    if (host == options_.self || !status || *status == HostStatus::kLeft) continue;
    const InterestRecord* theirs = store_.interest_of(host);
    if (!registry::wants(theirs, network)) continue;
    out.others = true;
    auto peer = peers_.find(host);
    bool in_step = peer != peers_.end() && peer->second.same_at > changed;
    if (in_step && *status != HostStatus::kDown && holds(theirs, network)) out.keepers.insert(host);
  }
  return out;
}

bool Gossip::may_let_go(NetworkId network) const {
  auto company = company_in(network);
  return !company.others || !company.keepers.empty();
}

// What this host ceases to want is not compared with anybody from now on: who keeps it is decided
// by what was in step until now.
void Gossip::note_unwanted(Now now) {
  const InterestRecord* own = store_.interest_of(options_.self);
  for (const auto& [network, sum] : store_.groups().sums())
    if (!registry::wants(own, network) && !unwanted_.contains(network))
      unwanted_[network] = {now.mono, company_in(network).keepers};
  std::erase_if(unwanted_, [&](const auto& entry) {
    bool again = registry::wants(own, entry.first);
    if (again) network_changed_[entry.first] = now.mono;  // nobody was in step with it meanwhile
    return again || !store_.groups().sums().contains(entry.first);
  });
}

// One of those who kept it still does, or nobody wants it. Another who holds it now may never have
// heard of what this host knows.
bool Gossip::may_forget(NetworkId network) const {
  const auto& keepers = unwanted_.at(network).keepers;
  return !company_in(network).others ||
         std::any_of(keepers.begin(), keepers.end(), [&](HostId host) {
           auto status = membership_.status(host);
           bool lives = status && *status != HostStatus::kLeft && *status != HostStatus::kDown;
           return lives && holds(store_.interest_of(host), network);
         });
}

// The machine came to the disk and its interest did not: a crash came between.
bool Gossip::has_machine_in(NetworkId network) const {
  const auto* own = store_.groups().find(to_string(options_.self));
  return own != nullptr &&
         std::any_of(own->members.begin(), own->members.end(), [network](const auto& member) {
           return member.network == network && !(*member.entry)->record.tombstone;
         });
}

// A drop is not a deletion: nobody is told. From the disk, what an earlier life let go of and did
// not get to drop must not count as held.
void Gossip::forget_unwanted(Now now, bool at_once) {
  note_unwanted(now);
  std::set<NetworkId> gone;
  orphans_.clear();
  for (const auto& [network, unwanted] : unwanted_) {
    if (!at_once && now.mono - unwanted.since < kForgetAfter) continue;
    bool may_go = !has_machine_in(network) && (at_once || may_forget(network));
    (may_go ? gone : orphans_).insert(network);
  }
  for (NetworkId network : gone) unwanted_.erase(network);
  if (!gone.empty()) store_.forget(gone);
}

}  // namespace sixpn::registry
