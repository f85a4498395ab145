#include "registry/core/snapshot_builder.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "registry/core/address.h"
#include "registry/core/machine_id.h"
#include "registry/core/network_id.h"

namespace sixpn::registry {
namespace {

// No host claimed anything before it was invited: such a claim comes after all others.
bool is_backdated(const Store& store, const SignedRecord& claim) {
  const HostCertificate* writer = store.certificate_of(claim.record.writer);
  return writer != nullptr && writer->invite.issued &&
         claim.record.stamp.major < HybridClock::from_wall(*writer->invite.issued - kMaxClockAhead);
}

// Which of two claims of one thing by two orgs goes first.
auto claim_rank(const Store& store, const SignedRecord& claim) {
  return std::tuple(is_backdated(store, claim), claim.record.stamp, claim.record.org);
}

// The live network record that stands among the claims of each id: the one whose id proves its org
// and name best, then the first by clock, then by org. Of one build, in which each is looked for
// once however many records ask: one host may write thousands of either.
class StandingClaims {
 public:
  StandingClaims(const Store& store, NetworkProofs& proofs) : store_(store), proofs_(proofs) {}

  // Null: nobody claims it.
  const SignedRecord* find(NetworkId id) {
    auto [known, is_new] = standing_.try_emplace(id, nullptr);
    if (is_new) known->second = look_for(id);
    return known->second;
  }
  std::string org_of(NetworkId id) {
    const SignedRecord* claim = find(id);
    return claim == nullptr ? "" : claim->record.org;
  }

 private:
  const SignedRecord* look_for(NetworkId id) {
    std::vector<const SignedRecord*> claims;
    const auto& records = store_.records();
    for (auto it = records.lower_bound(Slot{network_key(id), ""});
         it != records.end() && (*it)->record.key == network_key(id); ++it)
      if (!(*it)->record.tombstone) claims.push_back(it->get());
    if (claims.size() <= 1) return claims.empty() ? nullptr : claims.front();
    auto rank = [&](const SignedRecord* claim) {
      return std::pair(attempt(std::get<NetworkRecord>(claim->record.value)),
                       claim_rank(store_, *claim));
    };
    const SignedRecord* best = claims.front();
    auto least = rank(best);
    for (const auto* claim : claims)
      if (auto its = rank(claim); its < least) std::tie(best, least) = std::tuple(claim, its);
    return best;
  }

  unsigned attempt(const NetworkRecord& network) {
    auto [known, is_new] = proofs_.try_emplace({network.id, network.org, network.name}, 0);
    if (is_new) known->second = attempt_of(cluster_, network);
    return known->second;
  }

  const Store& store_;
  NetworkProofs& proofs_;
  const std::string cluster_ = cluster_id(store_.root_key());
  std::map<NetworkId, const SignedRecord*> standing_;
};

bool is_at_home(const MachineRecord& machine) {
  return machine.host == host_of(machine.address);
}
bool proves_address(const MachineRecord& machine) {
  return machine.id == machine_id_of(machine.address);
}

// Of two machines that claim one id: the one that the id belongs to by its address, then the one on
// the host where that address was born, until it lets go.
bool outranks_for_id(const MachineRecord& a, const MachineRecord& b) {
  return std::pair(proves_address(a), is_at_home(a)) > std::pair(proves_address(b), is_at_home(b));
}
// Of two that claim one address: nobody but its birthplace is at home there.
bool outranks_for_address(const MachineRecord& a, const MachineRecord& b) {
  return std::pair(is_at_home(a), proves_address(a)) > std::pair(is_at_home(b), proves_address(b));
}

// Fills one view from the records of its network.
class ViewBuilder {
 public:
  ViewBuilder(const Store& store, const std::set<HostId>& shut_out, StandingClaims& claims,
              const NetworkRecord& network, std::uint64_t generation)
      : store_(store),
        shut_out_(shut_out),
        claims_(&claims),
        view_(std::make_shared<NetworkView>()) {
    view_->network = network;
    view_->generation = generation;
  }

  ViewBuilder(const Store& store, const std::set<HostId>& shut_out, const NetworkView& before,
              std::uint64_t generation)
      : store_(store), shut_out_(shut_out), view_(std::make_shared<NetworkView>(before)) {
    view_->generation = generation;
  }

  // From all records of the network.
  std::shared_ptr<const NetworkView> build() {
    for (const auto& record : store_.of_network(view_->network.id))
      std::visit([&](const auto& value) { add(record, value); }, record->record.value);
    for (const auto& [id, machine] : view_->machines)
      if (AppView* app = edit(machine->app)) app->machines.push_back(machine);
    for (const auto& [name, app] : edited_) app->machines.shrink_to_fit();
    add_addresses();
    view_->changed_apps = {view_->generation, {}};
    return view_;
  }

  // From the view before, in which only these machines are out of date. Nothing when several
  // machines claim one address: then all of them have to be weighed.
  std::shared_ptr<const NetworkView> update(const std::set<MachineId>& changed) {
    if (view_->machines.size() != view_->machines_by_address.size()) return nullptr;
    for (MachineId id : changed)
      if (!replace(id)) return nullptr;
    for (const auto& [name, app] : edited_) view_->changed_apps.add(view_->generation, name);
    return view_;
  }

 private:
  const std::string& org() const { return view_->network.org; }

  void add(const SignedRecordPtr&, const auto&) {}

  void add(const SignedRecordPtr&, const AppValue& value) {
    const AppRecord& app = *value;
    if (app.org != org()) return;
    auto view = std::make_shared<AppView>(AppView{app, {}});
    edited_[app.name] = view.get();
    view_->apps[app.name] = AppPtr(std::move(view));
  }

  [[nodiscard]] bool may_stand(const MachineRecord& machine) const {
    if (shut_out_.contains(machine.host)) return false;
    const HostCertificate* certificate = store_.certificate_of(machine.host);
    return certificate != nullptr && certificate->invite.allows_org(org()) &&
           certificate->invite.region == machine.region;
  }

  static void claim(MachinePtr& place, const SignedRecordPtr& record,
                    const MachineRecord& machine) {
    if (!place || outranks_for_id(machine, *place)) place = MachinePtr(record, &machine);
  }

  void add(const SignedRecordPtr& record, const MachineRecord& machine) {
    if (may_stand(machine)) claim(view_->machines[machine.id], record, machine);
  }

  // Sorted at once: inserting one by one would move the rest each time.
  void add_addresses() {
    std::vector<MachinePtr> machines;
    machines.reserve(view_->machines.size());
    for (const auto& [id, machine] : view_->machines) machines.push_back(machine);
    std::stable_sort(machines.begin(), machines.end(),
                     [](const auto& a, const auto& b) { return a->address < b->address; });
    for (const auto& machine : machines) {
      auto& place = view_->machines_by_address[machine->address];
      if (!place || outranks_for_address(*machine, *place)) place = machine;
    }
  }

  // The machine that stands under this id in this network; null: none does.
  [[nodiscard]] MachinePtr standing_machine(MachineId id) const {
    MachinePtr out;
    const RecordKey key = machine_key(id);
    const auto& records = store_.records();
    for (auto it = records.lower_bound(Slot{key, ""});
         it != records.end() && (*it)->record.key == key; ++it) {
      const auto* machine = std::get_if<MachineRecord>(&(*it)->record.value);
      if (machine != nullptr && machine->network == view_->network.id && may_stand(*machine))
        claim(out, *it, *machine);
    }
    return out;
  }

  // False when another machine is at its address.
  bool replace(MachineId id) {
    MachinePtr now = standing_machine(id);
    if (auto found = view_->machines.find(id); found != view_->machines.end()) {
      MachinePtr before = found->second;
      unlist(*before);
      view_->machines_by_address.erase(before->address);
      if (!now) view_->machines.erase(id);
    }
    if (!now) return true;
    view_->machines[id] = now;
    list(now);
    return view_->machines_by_address.try_emplace(now->address, now).second;
  }

  // The app's view, a copy of its own where the view before shares it; null: no such app.
  AppView* edit(const std::string& name) {
    if (auto known = edited_.find(name); known != edited_.end()) return known->second;
    auto app = view_->apps.find(name);
    if (app == view_->apps.end()) return nullptr;
    auto copy = std::make_shared<AppView>(*app->second);
    view_->apps[name] = copy;
    return edited_[name] = copy.get();
  }

  static auto place_in(std::vector<MachinePtr>& machines, MachineId id) {
    return std::lower_bound(machines.begin(), machines.end(), id,
                            [](const MachinePtr& each, MachineId key) { return each->id < key; });
  }
  void list(const MachinePtr& machine) {
    AppView* app = edit(machine->app);
    if (app == nullptr) return;
    app->machines.insert(place_in(app->machines, machine->id), machine);
  }
  void unlist(const MachineRecord& machine) {
    AppView* app = edit(machine.app);
    if (app == nullptr) return;
    app->machines.erase(place_in(app->machines, machine.id));
  }

  void add(const SignedRecordPtr& record, const PeerRecord& peer) {
    if (record->record.org == org()) view_->peers[peer.name] = peer;
  }

  // An address for an app of another org is let in, but the network's own org goes first; of
  // several others, the first to claim it.
  void add(const SignedRecordPtr& record, const FlycastRecord& flycast) {
    const std::string& right = record->record.org;
    if (claims_->org_of(flycast.app_network) != right) return;
    auto& place = flycast_claims_[flycast.address];
    auto rank = [&](const SignedRecord& claim) {
      return std::pair(claim.record.org != org(), claim_rank(store_, claim));
    };
    if (place != nullptr && rank(*place) < rank(*record)) return;
    place = record.get();
    view_->flycast[flycast.address] = flycast;
  }

  const Store& store_;
  const std::set<HostId>& shut_out_;
  StandingClaims* claims_ = nullptr;  // null where only machines are put in place
  std::shared_ptr<NetworkView> view_;
  std::map<std::string, AppView*> edited_;             // those of view_->apps that are its own
  std::map<Ip6, const SignedRecord*> flycast_claims_;  // that stand
};

void add_hosts(const Store& store, const Membership& membership, const HostTrust& trust,
               Snapshot& out) {
  std::map<HostId, HostView> hosts;
  std::map<HostId, ShutOut> shut_out;
  const auto& records = store.records();
  for (auto it = records.lower_bound(Slot{{RecordKind::kHost, ""}, ""});
       it != records.end() && (*it)->record.key.kind == RecordKind::kHost; ++it) {
    const auto& host = *std::get<HostValue>((*it)->record.value);
    const HostId id = host.id;
    std::optional<WallTime> until;
    if (auto ends = trust.valid_until.find(id); ends != trust.valid_until.end())
      until = ends->second;
    if (trust.shut_out.contains(id)) {
      shut_out[id] = {host, store.is_revoked(id), until};
      continue;
    }
    auto& view = hosts.emplace_hint(hosts.end(), id, HostView())->second;
    view.record = host;
    view.valid_until = until;
    view.status = membership.status(id).value_or(HostStatus::kAlive);
    view.round_trip = membership.round_trip(id);
  }
  out.hosts = std::move(hosts);
  out.shut_out = std::move(shut_out);
}

void add_statements(const Store& store, Snapshot& out) {
  std::map<std::string, OrgRecord> orgs;
  const auto& records = store.records();
  for (auto it = records.lower_bound(Slot{{RecordKind::kOrg, ""}, ""});
       it != records.end() && (*it)->record.key.kind == RecordKind::kOrg; ++it)
    if (const auto* org = std::get_if<OrgRecord>(&(*it)->record.value)) orgs[org->name] = *org;
  std::map<HostId, RevocationRecord> revocations;
  for (HostId host : store.revoked())
    if (auto record = store.find({revocation_key(host), ""}))
      revocations[host] = std::get<RevocationRecord>(record->record.value);
  std::map<HostId, InterestRecord> interests;
  for (auto it = records.lower_bound(Slot{{RecordKind::kInterest, ""}, ""});
       it != records.end() && (*it)->record.key.kind == RecordKind::kInterest; ++it)
    if (const auto* interest = std::get_if<InterestRecord>(&(*it)->record.value))
      if (out.hosts.contains(interest->host))
        interests.emplace_hint(interests.end(), interest->host, *interest);
  std::map<HostId, RenewalPtr> renewals;
  for (const auto& [host, record] : renewals_in(store))
    renewals[host] = RenewalPtr(store.find(slot_of(record->record)),
                                std::get_if<RenewalRecord>(&record->record.value));
  std::map<std::string, TlsGrantPtr> grants;
  for (auto it = records.lower_bound(Slot{{RecordKind::kTlsGrant, ""}, ""});
       it != records.end() && (*it)->record.key.kind == RecordKind::kTlsGrant; ++it)
    if (const auto* grant = std::get_if<TlsGrantRecord>(&(*it)->record.value))
      grants.emplace((*it)->record.key.id, TlsGrantPtr(*it, grant));
  out.tls_grants = std::move(grants);
  out.orgs = std::move(orgs);
  out.revocations = std::move(revocations);
  out.interests = std::move(interests);
  out.renewals = std::move(renewals);
}

}  // namespace

void SnapshotBuilder::touch(const Changes& changes) {
  touched_.insert(changes.networks.begin(), changes.networks.end());
  for (const auto& [network, machines] : changes.machines)
    touched_machines_[network].insert(machines.begin(), machines.end());
}

// Whom to trust follows from the records of hosts, and from the time.
void SnapshotBuilder::judge(const Store& store, WallTime now) {
  bool same_records = records_of_hosts_ == store.host_records_generation();
  bool same_time = now >= judged_ && (!trust_.next_turn || now < *trust_.next_turn);
  if (judged_ != WallTime{} && same_records && same_time) return;
  HostTrust before = std::exchange(trust_, judge_hosts(store, self_, now, grace_));
  judged_ = now;
  records_of_hosts_ = store.host_records_generation();
  shared_is_current_ = false;
  if (before.shut_out != trust_.shut_out)
    for (NetworkId network : store.networks()) touched_.insert(network);
}

// Moves to `touched_` the networks whose machines cannot be put in place singly.
void SnapshotBuilder::update_machines(const Store& store) {
  for (const auto& [id, machines] : std::exchange(touched_machines_, {})) {
    if (touched_.contains(id)) continue;
    const NetworkView* view = last_.find_network(id);
    auto updated =
        view == nullptr
            ? nullptr
            : ViewBuilder(store, trust_.shut_out, *view, last_.generation).update(machines);
    updated ? void(last_.networks[id] = std::move(updated)) : void(touched_.insert(id));
  }
}

void SnapshotBuilder::update_networks(const Store& store) {
  if (touched_.empty()) return;
  if (proofs_.size() > kMaxProofs) proofs_.clear();
  StandingClaims claims(store, proofs_);
  for (NetworkId id : std::exchange(touched_, {})) {
    const SignedRecord* claim = claims.find(id);
    if (claim == nullptr) {
      last_.networks.erase(id);
      continue;
    }
    const auto& network = std::get<NetworkRecord>(claim->record.value);
    last_.networks[id] =
        ViewBuilder(store, trust_.shut_out, claims, network, last_.generation).build();
  }
}

void SnapshotBuilder::update_shared(const Store& store, const Membership& membership) {
  if (shared_is_current_ && members_ == membership.revision()) return;
  add_hosts(store, membership, trust_, last_);
  if (!shared_is_current_) add_statements(store, last_);
  shared_is_current_ = true;
  members_ = membership.revision();
}

SnapshotPtr SnapshotBuilder::build(const Store& store, const Membership& membership, bool synced,
                                   WallTime now) {
  ++last_.generation;
  last_.self = self_;
  last_.synced = synced;
  last_.certificate_grace = grace_;
  judge(store, now);
  update_machines(store);
  update_networks(store);
  update_shared(store, membership);
  return std::make_shared<const Snapshot>(last_);
}

}  // namespace sixpn::registry
