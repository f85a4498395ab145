// Gossip's telling: direct sends, piggyback, and the comparison of root hashes.
#include <algorithm>

#include "registry/core/gossip.h"

namespace sixpn::registry {
namespace {

std::size_t size_of(const GossipDatagram& datagram) {
  std::size_t size = kHeaderBytes;
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
      size_of(datagram) + record_bytes(record->wire.size()) > kMaxDatagramBytes)
    return false;
  datagram.records.push_back(record->wire);
  return true;
}

// ceil(log10(n + 1)), by digits.
std::size_t decades(std::size_t n) {
  std::size_t count = 1;
  for (; n >= 10; n /= 10) ++count;
  return count;
}

}  // namespace

bool Gossip::is_small() const {
  return membership_.living().size() < kSmallCluster;
}

// In a small cluster the origin has told everybody directly, and the rest only helps against loss.
std::size_t Gossip::times_to_tell(bool origin) const {
  std::size_t living = membership_.living().size();
  if (living < kSmallCluster) return origin ? 2 * living : std::min(living, kFanout);
  return kSpreadMultiplier * kFanout * decades(living);
}

void Gossip::spread(const SignedRecordPtr& record, bool origin) {
  if (record->wire.size() > kMaxGossipedRecordBytes) return;  // anti-entropy carries it
  if (records_.add(slot_of(record->record), record, times_to_tell(origin)))
    ++counters_.dropped_queue_full;
  eager_ = true;
}

void Gossip::spread(const MemberUpdate& update, bool origin) {
  UpdateKey key{update.host, update.status == HostStatus::kSuspected ? update.accuser
                             : update.status == HostStatus::kDown    ? HostId{}
                                                                     : update.host};
  if (updates_.add(key, update, times_to_tell(origin))) ++counters_.dropped_queue_full;
  eager_ = true;
}

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
    if (record->wire.size() <= kMaxGossipedRecordBytes) place(record);
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

// What the receiver must know of itself first, then what is least told.
void Gossip::fill(HostId to, GossipDatagram& datagram) {
  if (auto verdict = membership_.verdict_on(to)) add(datagram, *verdict);
  updates_.offer(kMaxUpdatesPerDatagram, [&](const MemberUpdate& update) {
    // What was overtaken uses up its turns unsaid.
    return !membership_.is_current(update) || add(datagram, update);
  });
  records_.offer(kMaxRecordsPerDatagram,
                 [&](const SignedRecordPtr& record) { return add(datagram, record); });
}

void Gossip::send(Now now, HostId to, GossipDatagram datagram, Output& out) {
  datagram.incarnation = membership_.incarnation();
  datagram.root_hash = store_.root_hash();
  datagram.stable = now.mono - changed_;
  auto& sent = out.datagrams.emplace_back(Datagram{to, encode_datagram(datagram)});
  ++counters_.datagrams_out;
  counters_.bytes_out += sent.bytes.size();
}

std::vector<HostId> Gossip::choose_living(std::size_t most) {
  auto hosts = membership_.living();
  rng_.shuffle(hosts);
  hosts.resize(std::min(hosts.size(), most));
  return hosts;
}

// ---- anti-entropy: when
// ----------------------------------------------------------------------------

void Gossip::compare_roots(Now now, HostId from, const GossipDatagram& datagram, Output& out) {
  Peer& peer = peers_[from];
  if (datagram.root_hash == store_.root_hash()) {
    peer = {.differs_since = kNever, .not_before = {}, .backoff = {}, .syncing = peer.syncing};
    if (!synced_) synced_ = out.snapshot_dirty = true;
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
  peer.syncing = true;
  ++syncing_;
  ++counters_.syncs_started;
  out.syncs.push_back(peer_id);
}

}  // namespace sixpn::registry
