// Gossip's telling: relay trees, heads, piggyback, random gossip, and the comparison of root
// hashes.
#include <algorithm>

#include "registry/core/gossip.h"

namespace sixpn::registry {
namespace {

std::size_t size_of(const GossipDatagram& datagram) {
  std::size_t size = kHeaderBytes + 8 * datagram.ihave.size();
  for (const auto& update : datagram.updates) size += update_bytes(update);
  for (const auto& record : datagram.records) size += record_bytes(record.size());
  return size;
}

bool add(GossipDatagram& datagram, const MemberUpdate& update) {
  if (datagram.updates.size() >= kMaxUpdatesPerDatagram ||
      size_of(datagram) + update_bytes(update) > kMaxDatagramBytes)
    return false;
  datagram.updates.push_back(update);
  return true;
}

bool add(GossipDatagram& datagram, const SignedRecordPtr& record) {
  if (datagram.records.size() >= kMaxRecordsPerDatagram ||
      size_of(datagram) + record_bytes(record->wire_size) > kMaxDatagramBytes)
    return false;
  datagram.records.push_back(record->wire());
  return true;
}

bool fits(const SignedRecord& record) {
  return record.wire_size <= kMaxGossipedRecordBytes;
}

// ceil(log10(n + 1)), by digits.
std::size_t decades(std::size_t n) {
  std::size_t count = 1;
  for (; n >= 10; n /= 10) ++count;
  return count;
}

// What takes something out of answers, and what decides who is trusted, hurries.
bool is_urgent(const Record& record) {
  if (record.tombstone || record.key.kind == RecordKind::kHost || is_root_signed(record.key.kind))
    return true;
  const auto* machine = std::get_if<MachineRecord>(&record.value);
  return machine != nullptr &&
         (machine->state != MachineState::kStarted || machine->health == Health::kCritical);
}

}  // namespace

bool Gossip::is_random() const {
  return options_.dissemination == Dissemination::kRandom;
}

// In a small cluster the origin has told everybody directly, and the rest only helps against loss.
std::size_t Gossip::times_to_tell(bool origin) const {
  std::size_t living = living_.size();
  if (living < kSmallCluster) return origin ? 2 * living : std::min(living, kFanout);
  return kSpreadMultiplier * kFanout * decades(living);
}

// What goes in fragments is bounded in bytes, here and so in every host that passes it on.
bool Gossip::admits_size(Now now, const SignedRecord& record) {
  if (fits(record)) return true;
  if (is_random()) return false;
  if (!fragments_sent_.allows(kFragmentLimit, now.mono)) {
    ++counters_.fragments_refused;
    return false;
  }
  fragments_sent_.take(kFragmentLimit, now.mono, static_cast<int>(fragments_of(record.wire_size)));
  return true;
}

bool Gossip::spread(Now now, const SignedRecordPtr& record, bool origin) {
  const bool news = origin || order_;
  const bool travels = news ? admits_size(now, *record) : fits(*record);
  repair_.learn(now.mono, record, news && travels);
  if (!travels) return false;  // anti-entropy carries it
  if (is_random()) {
    if (records_.add(slot_of(record->record), record, times_to_tell(origin)))
      ++counters_.dropped_queue_full;
    eager_ = true;
  } else if (origin) {
    relay_.originate(now.mono, record, is_urgent(record->record));
  } else if (order_) {
    relay_.pass_on(now.mono, order_->from, order_->header, record, is_urgent(record->record));
  }
  return true;
}

void Gossip::spread(Now now, const MemberUpdate& update, bool origin) {
  UpdateKey key{update.host, update.status == HostStatus::kSuspected ? update.accuser
                             : update.status == HostStatus::kDown    ? HostId{}
                                                                     : update.host};
  if (updates_.add(key, update, is_random() ? times_to_tell(origin) : kPiggybacks))
    ++counters_.dropped_queue_full;
  eager_ = true;
  if (is_random()) return;
  if (origin) {
    relay_.originate(now.mono, update);
  } else if (order_ && !accuses(update)) {  // accusations: receive_claims()
    relay_.pass_on(now.mono, order_->from, order_->header, update);
  }
}

// ---- the relay trees
// ------------------------------------------------------------------------------

// The trees stand on who lives here and now; a mere suspicion moves nobody.
void Gossip::refresh_members() {
  auto living = membership_.living();
  const auto* own = store_.certificate_of(options_.self);
  const std::string& region = own == nullptr ? region_ : own->invite.region;
  if (living == living_ && region == region_) return;
  living_ = std::move(living);
  region_ = region;
  std::vector<RelayMember> members;
  for (HostId host : living_) {
    const auto* certificate = store_.certificate_of(host);
    members.push_back({host, certificate == nullptr ? "" : certificate->invite.region});
  }
  relay_.set_members(std::move(members), region_);
}

// Until acknowledgements tell more, what probes measured.
void Gossip::suggest_paths() {
  if (relay_.knows_all_paths()) return;
  for (HostId host : living_)
    if (auto measured = membership_.round_trip(host)) relay_.suggest_path(host, *measured);
}

void Gossip::relay_due(Now now, Output& out) {
  Relay::Output relayed;
  relay_.send_due(now, relayed);
  perform(now, relayed, out);
  if (next_repair_ == kNever && !is_random() && repair_.has_news(now.mono))
    next_repair_ = now.mono + kRepairInterval;
}

void Gossip::perform(Now now, const Relay::Output& relayed, Output& out) {
  for (const auto& sending : relayed.sendings) {
    GossipDatagram datagram;
    datagram.push = sending.header;
    if (sending.header.heads.empty()) {
      datagram.updates = sending.content->updates;
      const auto& records = sending.content->records;
      if (const auto& part = sending.content->fragment)
        datagram.fragment = fragment_of(*records.front(), *part);
      else
        for (const auto& record : records) datagram.records.push_back(record->wire());
    }
    send(now, sending.to, std::move(datagram), out);
    counters_.pushes_sent += sending.to.size();
  }
  for (HostId host : relayed.acks) {
    GossipDatagram datagram;
    datagram.acks = relay_.take_acks(host, kMaxAcksPerDatagram);
    if (!datagram.acks.empty()) send(now, host, std::move(datagram), out);
  }
}

// A packet that was lost, or whose acknowledgement was. Its duty is done on what is known here;
// what waits for its writer's host record is no longer lacking either.
void Gossip::hear_reminder(Now now, HostId from, const PushHeader& push, Output& out) {
  bool known = std::all_of(push.heads.begin(), push.heads.end(), [this](RecordHead head) {
    return repair_.knows(head) ||
           std::any_of(pending_.begin(), pending_.end(), [head](const Pending& waiting) {
             return record_head(waiting.record->digest) == head;
           });
  });
  if (!known) {
    GossipDatagram request;
    request.again = {push.sequence};
    return send(now, from, std::move(request), out);
  }
  relay_.on_push(now.mono, from, push.sequence);
  for (RecordHead head : push.heads) relay_.pass_on_again(now.mono, from, push, head);
}

// ---- repair
// ---------------------------------------------------------------------------------------

// Everybody tells the member that is a step further in the ring of members, or of the region; the
// step changes with time, alike for all: so nearly everybody is told in each round.
std::optional<HostId> Gossip::repair_peer(Now now, const RelayTree& tree) const {
  auto round = static_cast<std::uint64_t>(now.wall.time_since_epoch() / kRepairInterval);
  Rng step(round);
  auto ring = tree.members();
  if (ring.size() < 2) return std::nullopt;
  const auto& region = tree.region_members(tree.region_of(options_.self));
  if (round % 2 == 1 && region.size() > 1) ring = region;
  auto self = std::lower_bound(ring.begin(), ring.end(), options_.self) - ring.begin();
  return ring[(static_cast<std::size_t>(self) + 1 + step.below(ring.size() - 1)) % ring.size()];
}

// Each audience has a ring of its own. What everybody holds goes first, then the networks in turn.
void Gossip::repair_due(Now now, Output& out) {
  next_repair_ = repair_.has_news(now.mono) ? now.mono + kRepairInterval : kNever;
  std::set<NetworkId> audiences;
  for (NetworkId network : repair_.networks(now.mono)) audiences.insert(relay_.audience(network));
  std::vector<NetworkId> turns(audiences.begin(), audiences.end());
  std::size_t begin = repair_round_++ * kMaxRepairAudiences;
  std::set<HostId> told;
  for (std::size_t i = 0; i < std::min(turns.size(), kMaxRepairAudiences); ++i) {
    auto peer = repair_peer(now, relay_.tree(turns[(begin + i) % turns.size()]));
    if (peer && told.insert(*peer).second) tell_heads(now, *peer, out);
  }
}

void Gossip::tell_heads(Now now, HostId to, Output& out) {
  const InterestRecord* theirs = store_.interest_of(to);
  GossipDatagram datagram;
  datagram.ihave = repair_.news(now.mono, kMaxHeads, [theirs](NetworkId network) {
    return registry::wants(theirs, network);
  });
  if (datagram.ihave.empty()) return;
  peers_[to].told_heads = now.mono;
  offer_updates(datagram);
  send(now, to, std::move(datagram), out);
}

void Gossip::hear_heads(Now now, HostId from, const GossipDatagram& datagram, Output& out) {
  if (is_random()) return;
  GossipDatagram request;
  request.pull = repair_.lacking(now.mono, datagram.ihave);
  counters_.records_pulled += request.pull.size();
  if (!request.pull.empty()) send(now, from, std::move(request), out);

  std::vector<SignedRecordPtr> asked;
  for (RecordHead head : datagram.pull)
    if (auto record = repair_.find(now.mono, head); record != nullptr && admits_size(now, *record))
      asked.push_back(std::move(record));
  for (HostId host : datagram.pull_hosts) {
    auto record = store_.host_record(host);
    if (record != nullptr && repair_.admits_answer(now.mono)) asked.push_back(std::move(record));
  }
  Relay::Output answer;
  relay_.answer(now, from, asked, answer);
  perform(now, answer, out);

  bool settled = datagram.stable >= kRepairAfter && now.mono - changed_ >= kRepairAfter;
  bool same = datagram.root_hash == store_.root_hash(shared_with(from));
  if (same || !settled || !repair_.has_news(now.mono)) return;
  if (now.mono - peers_[from].told_heads >= kRepairInterval) tell_heads(now, from, out);
}

// ---- directly
// -------------------------------------------------------------------------------------

// At once, to everybody, in as few datagrams as they fit.
void Gossip::tell_all(Now now, const std::vector<SignedRecordPtr>& records,
                      const std::vector<MemberUpdate>& updates, Output& out) {
  std::vector<GossipDatagram> batches(1);
  auto place = [&batches](const auto& item) {
    if (add(batches.back(), item)) return;
    batches.emplace_back();
    add(batches.back(), item);  // false only for a record that no datagram holds
  };
  for (const auto& update : updates) place(update);
  for (const auto& record : records)
    if (fits(*record)) place(record);
  if (batches.front().updates.empty() && batches.front().records.empty()) return;
  for (HostId to : membership_.living())
    for (const auto& batch : batches) send(now, to, batch, out);
}

void Gossip::tell_some(Now now, Output& out) {
  next_spread_ = now.mono + kSpreadInterval;
  for (HostId to : choose_living(kFanout)) {
    if (records_.empty() && updates_.empty()) return;
    GossipDatagram datagram;
    fill(to, datagram);
    send(now, to, std::move(datagram), out);
  }
}

// Whoever is revoked hears of it before it is a member no more; later nobody here talks to it.
void Gossip::tell_revoked(Now now, const std::vector<SignedRecordPtr>& records, Output& out) {
  for (const auto& record : records) {
    const auto* revocation = std::get_if<RevocationRecord>(&record->record.value);
    if (revocation == nullptr || !membership_.status(revocation->host) ||
        revocation->host == options_.self)
      continue;
    GossipDatagram datagram;
    if (add(datagram, record)) send(now, revocation->host, std::move(datagram), out);
  }
}

void Gossip::send_probe(Now now, const ProbeMessage& message, Output& out) {
  GossipDatagram datagram;
  datagram.probe = message;
  if (message.kind == ProbeMessage::Kind::kPing || message.kind == ProbeMessage::Kind::kAck)
    datagram.wants_claim = !membership_.has_claim(message.to);
  if (message.kind == ProbeMessage::Kind::kAck && claim_wanted_by_ == message.to)
    add(datagram, membership_.own_claim());
  datagram.wall = now.wall;
  fill(message.to, datagram);
  send(now, message.to, std::move(datagram), out);
}

void Gossip::ask_by_tcp(Now now, const ProbeMessage& ping, Output& out) {
  Output question;
  send_probe(now, ping, question);
  for (auto& each : question.datagrams) out.tcp_probes.push_back(std::move(each));
}

void Gossip::offer_updates(GossipDatagram& datagram) {
  updates_.offer(kMaxUpdatesPerDatagram, [&](const MemberUpdate& update) {
    // What was overtaken uses up its turns unsaid.
    return !membership_.is_current(update) || add(datagram, update);
  });
}

// What the receiver must know of itself first, then what is least told.
void Gossip::fill(HostId to, GossipDatagram& datagram) {
  if (auto verdict = membership_.verdict_on(to)) add(datagram, *verdict);
  offer_updates(datagram);
  if (!is_random()) return;
  records_.offer(kMaxRecordsPerDatagram,
                 [&](const SignedRecordPtr& record) { return add(datagram, record); });
}

void Gossip::send(Now now, HostId to, GossipDatagram datagram, Output& out) {
  send(now, std::vector{to}, std::move(datagram), out);
}

// One encoding for all that hold the same; what this host owes to each of them rides along.
void Gossip::send(Now now, const std::vector<HostId>& to, GossipDatagram datagram, Output& out) {
  datagram.incarnation = membership_.incarnation();
  datagram.stable = now.mono - changed_;
  std::string encoded;
  for (HostId host : to) {
    auto root = store_.root_hash(shared_with(host));
    if (encoded.empty() || root != datagram.root_hash) {
      datagram.root_hash = root;
      encoded = encode_datagram(datagram);
    }
    auto room = std::min(ack_room(encoded.size()), kMaxAcksPerDatagram - datagram.acks.size());
    auto& sent = out.datagrams.emplace_back(Datagram{host, encoded});
    append_acks(sent.bytes, relay_.take_acks(host, room));
    ++counters_.datagrams_out;
    counters_.bytes_out += sent.bytes.size();
  }
}

std::vector<HostId> Gossip::choose_living(std::size_t most, NetworkId wanted) {
  auto hosts = living_;
  std::erase_if(hosts,
                [&](HostId host) { return !registry::wants(store_.interest_of(host), wanted); });
  rng_.shuffle(hosts);
  hosts.resize(std::min(hosts.size(), most));
  return hosts;
}

// ---- anti-entropy: when
// ----------------------------------------------------------------------------

void Gossip::compare_roots(Now now, HostId from, const GossipDatagram& datagram, Output& out) {
  Peer& peer = peers_[from];
  if (datagram.root_hash == store_.root_hash(shared_with(from))) {
    peer.differs_since = kNever;
    peer.not_before = {};
    peer.backoff = {};
    peer.told_heads = {};
    peer.same_at = now.mono;
    on_first_sync(out);
    // What both say they hold is part of what is equal.
    if (holding_.is_filling()) on_equal(from, shared_with(from), out);
    return;
  }
  if (peer.differs_since == kNever) peer.differs_since = now.mono;
  Duration differs = now.mono - peer.differs_since;
  bool settled = now.mono - changed_ >= kSyncAfter && datagram.stable >= kSyncAfter;
  bool my_turn = options_.self < from || differs >= kSyncYield;
  if (!synced_ || (settled && my_turn) || differs >= kSyncAnyway) request_sync(now, from, out);
}

void Gossip::request_sync(Now now, HostId peer_id, Output& out) {
  Peer& peer = peers_[peer_id];
  if (membership_.left() || peer.syncing || now.mono < peer.not_before || syncing_ >= kMaxSyncs)
    return;
  peer.compared = to_compare(peer_id);
  peer.syncing = true;
  peer.said = interest_record(peer_id);
  ++syncing_;
  ++counters_.syncs_started;
  out.syncs.push_back(peer_id);
}

}  // namespace sixpn::registry
