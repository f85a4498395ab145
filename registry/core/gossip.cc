// Gossip's events. Records that come in: gossip_records.cc; how things are told to others:
// gossip_spread.cc.
#include "registry/core/gossip.h"

#include <algorithm>

#include "registry/core/sync_codec.h"

namespace sixpn::registry {
namespace {

bool concerns_members(const Changes& changes) {
  return std::any_of(changes.slots.begin(), changes.slots.end(), [](const Slot& slot) {
    return slot.key.kind == RecordKind::kHost || is_root_signed(slot.key.kind);
  });
}

// What no honest member sends.
std::uint64_t garbage_of(const Counters& counters) {
  return counters.dropped_malformed + counters.dropped_bad_signature +
         counters.dropped_not_permitted;
}

// Tells a host's enrolments apart.
std::uint64_t key_code(const PublicKey& key) {
  std::uint64_t code = 0;
  for (std::size_t i = 0; i < sizeof code; ++i) code = code << 8 | key[i];
  return code;
}

}  // namespace

Gossip::Gossip(Options options, Rng& rng)
    : options_(std::move(options)),
      rng_(rng),
      store_(options_.root_key, options_.limits, options_.checks),
      membership_(options_.self, options_.incarnation, rng, options_.membership),
      relay_(options_.self, rng),
      synced_(!options_.expects_peers) {
  relay_.set_interests(&store_.interests());
}

// ---- events
// ----------------------------------------------------------------------------------------

Gossip::Output Gossip::load(Now now, const std::vector<SignedRecordPtr>& records) {
  Output out;
  store_.reserve(records);
  // Host records first: the others need their writers' certificates.
  for (bool hosts : {true, false})
    for (const auto& record : records)
      if ((record->record.key.kind == RecordKind::kHost) == hosts)
        count(store_.merge(record, now.wall, Origin::kDisk));
  store_.trim();
  if (!records.empty() && options_.loads_whole) synced_ = true;
  forget_unwanted(now, true);
  follow_store(now, out);
  if (records.empty()) return out;
  follow_interests(now, {}, out);  // the disk's records are no changes
  changed_ = now.mono;
  out.snapshot_dirty = true;
  follow_members(now, out);
  return out;
}

Gossip::Output Gossip::start(Now now) {
  Membership::Output probes;
  changed_ = now.mono;
  membership_.start(now.mono);
  announce_self(probes);
  announced_ = synced_;
  next_collect_ = now.mono + kCollectInterval;
  return finish(now, {}, probes);
}

Gossip::Output Gossip::on_datagram(Now now, HostId from, std::string_view bytes) {
  Output out;
  Membership::Output probes;
  receive(now, from, bytes, Path::kUdp, out, probes);
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::on_question(Now now, HostId from, std::string_view bytes) {
  Output out;
  Membership::Output probes;
  receive(now, from, bytes, Path::kTcp, out, probes);
  out = finish(now, std::move(out), probes);
  std::erase_if(out.datagrams, [&](Datagram& each) {
    bool goes = each.to == from && out.answers.size() < kMaxTalk;
    if (goes) out.answers.push_back(std::move(each.bytes));
    return goes;
  });
  return out;
}

Gossip::Output Gossip::on_tcp_probe(Now now, HostId target, bool answered,
                                    const std::vector<std::string>& answers) {
  Output out;
  Membership::Output probes;
  for (const auto& answer : answers) receive(now, target, answer, Path::kTcp, out, probes);
  membership_.on_tcp_probe(now.mono, target, answered, probes);
  return finish(now, std::move(out), probes);
}

void Gossip::receive(Now now, HostId from, std::string_view bytes, Path path, Output& out,
                     Membership::Output& probes) {
  ++counters_.datagrams_in;
  counters_.bytes_in += bytes.size();
  if (!membership_.status(from) || from == options_.self) {
    ++counters_.dropped_stranger;
    return;
  }
  if (!floods_.admits_datagram(now.mono, from, bytes.size())) return;
  auto garbage = garbage_of(counters_);
  auto datagram = decode_datagram(bytes);
  if (!datagram) {
    ++counters_.dropped_malformed;
    floods_.on_garbage(now.mono, from, 1);
    return;
  }
  // Updates come before the answer to a probe, so that the answer carries what they changed.
  bool was_down = membership_.status(from) == HostStatus::kDown;
  membership_.on_heard(now.mono, from, datagram->incarnation, probes);
  if (datagram->push) {
    order_ = std::make_shared<const Order>(Order{from, *datagram->push});
    ++counters_.pushes_received;
    if (datagram->push->heads.empty())
      relay_.on_push(now.mono, from, datagram->push->sequence);
    else
      hear_reminder(now, from, *datagram->push, out);
  }
  relay_.on_acks(now.mono, from, datagram->acks);
  if (!datagram->again.empty()) {
    Relay::Output asked;
    relay_.on_again(now.mono, from, datagram->again, asked);
    perform(now, asked, out);
  }
  receive_claims(now, from, *datagram, out, probes);
  // An acknowledgement by TCP measures no path, and says nothing of UDP.
  bool by_tcp =
      path == Path::kTcp && datagram->probe && datagram->probe->kind == ProbeMessage::Kind::kAck;
  if (datagram->probe && !by_tcp) membership_.on_message(now.mono, from, *datagram->probe, probes);
  if (datagram->wall) {
    Duration half = membership_.round_trip(from).value_or(Duration::zero()) / 2;
    clocks_[from].add(*datagram->wall - now.wall +
                      std::chrono::duration_cast<std::chrono::milliseconds>(half));
  }
  receive_records(now, from, datagram->records, out);
  if (datagram->fragment) receive_fragment(now, from, *datagram->fragment, out);
  floods_.on_garbage(now.mono, from, garbage_of(counters_) - garbage);
  hear_heads(now, from, *datagram, out);
  compare_roots(now, from, *datagram, out);
  // The other side of a partition: what was revoked there meanwhile must not wait.
  bool returns = was_down && membership_.status(from) != HostStatus::kDown;
  bool same = datagram->root_hash == store_.root_hash(shared_with(from));
  if (returns && !same) request_sync(now, from, out);
}

Gossip::Output Gossip::on_timer(Now now) {
  Output out;
  Membership::Output probes;
  membership_.on_timer(now.mono, probes);
  if (next_collect_ <= now.mono) {
    next_collect_ = now.mono + kCollectInterval;
    store_.collect(now.wall);
    forget_unwanted(now, false);
    while (!pending_.empty() && pending_.front().arrived + kPendingAge <= now.mono)
      pending_.pop_front();
  }
  if (next_trust_ <= now.mono) follow_members(now, out);
  if (next_spread_ <= now.mono) tell_some(now, out);
  if (next_repair_ <= now.mono) repair_due(now, out);
  if (next_fill_ <= now.mono) fill_due(now, out);
  if (next_compare_ <= now.mono) compare_due(now, out);
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::on_local_write(Now now, const std::vector<SignedRecordPtr>& records) {
  Output out;
  Membership::Output probes;
  std::size_t fresh = 0;  // slots that those before in the batch take
  for (const auto& record : records) {
    auto verdict = store_.judge(*record, now.wall);
    if (verdict == Verdict::kAccepted && store_.find(slot_of(record->record)) == nullptr &&
        !store_.has_room(record->record, fresh++))
      verdict = Verdict::kFull;
    std::string what = to_string(record->record.key);
    if (record->record.tombstone && store_.find(slot_of(record->record)) == nullptr)
      out.refused = Error("there is no record " + what + " to erase");
    else if (verdict != Verdict::kAccepted)
      out.refused =
          Error("the record " + what + " was refused: " + std::string(to_string(verdict)));
    if (out.refused) return finish(now, std::move(out), probes);
  }
  SignedRecordPtr left;  // to anti-entropy
  for (const auto& record : records) {
    count(store_.merge(record, now.wall));
    if (!spread(now, record, true)) left = record;
  }
  tell_revoked(now, records, out);
  follow_store(now, out);
  if (is_random() && is_small()) tell_all(now, records, {}, out);
  if (left != nullptr)
    for (HostId peer : choose_living(kMaxSyncs, interest_network(left->record)))
      request_sync(now, peer, out);
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::admit(Now now, const SignedRecordPtr& host_record) {
  Output out;
  Membership::Output probes;
  bool news = host_record->record.key.kind == RecordKind::kHost &&
              receive(now, host_record, out) == Verdict::kAccepted;
  retry_pending(now, out);
  follow_store(now, out);
  // The newcomer is known only here: this host is the origin for all others.
  if (news) spread(now, host_record, true);
  if (news && is_random() && is_small()) tell_all(now, {host_record}, {}, out);
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::on_sync_records(Now now, HostId from,
                                       const std::vector<SignedRecordPtr>& records) {
  Output out;
  Membership::Output probes;
  auto garbage = garbage_of(counters_);
  if (!shut_out_.contains(from) && floods_.admits_sync_records(now.mono, from))
    for (const auto& record : records) receive(now, record, out);
  floods_.on_garbage(now.mono, from, garbage_of(counters_) - garbage);
  retry_pending(now, out);
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::on_sync_finished(Now now, HostId peer, bool settled, Duration come_back) {
  Output out;
  Membership::Output probes;
  Peer& state = peers_[peer];
  if (state.syncing) --syncing_;
  state.syncing = false;
  settled ? ++counters_.syncs_finished : ++counters_.syncs_failed;
  // A busy peer is no failing one: its word is kept, and the backoff does not grow.
  if (come_back == Duration::zero())
    state.backoff = std::clamp(2 * state.backoff, kSyncBackoffFirst, kSyncBackoffMost);
  state.not_before = now.mono + (come_back == Duration::zero() ? state.backoff : come_back);
  state.differs_since = kNever;
  bool first = settled && !synced_;
  if (settled) on_first_sync(out);
  // What the peer held, it has held from begin to end: the session brought what it says now.
  auto said = std::exchange(state.said, nullptr);
  auto compared = std::exchange(state.compared, {});
  if (settled && said == interest_record(peer)) on_equal(peer, compared, out);
  if (holding_.is_filling()) {
    next_fill_ = now.mono;
    // The first session also brought the peer's word, on which the next may rely; and whoever gave
    // what is used may have the rest.
    if (first || (settled && compared != to_compare(peer))) {
      state.not_before = now.mono;
      request_sync(now, peer, out);
      next_fill_ = now.mono + kFillInterval;
    }
  }
  return finish(now, std::move(out), probes);
}

Gossip::Output Gossip::leave(Now now) {
  Output out;
  Membership::Output probes;
  membership_.leave(probes);
  for (auto& update : probes.news) sign_own(update);
  // Said to everybody, twice: nobody is left to repeat it for us.
  for (int i = 0; i < 2; ++i) tell_all(now, {}, probes.news, out);
  probes.news.clear();
  next_spread_ = next_collect_ = next_trust_ = next_repair_ = kNever;
  next_fill_ = next_compare_ = kNever;
  return finish(now, std::move(out), probes);
}

// ---- what follows from them
// ------------------------------------------------------------------------

Gossip::Output Gossip::finish(Now now, Output out, Membership::Output& probes) {
  follow_store(now, out);
  welcome_back(now, out.changes, probes);
  // Who started without a registry knew nobody to tell. (A small cluster: introduce().)
  if (synced_ && !announced_) {
    announced_ = true;
    if (!is_small() && !membership_.left()) announce_self(probes);
  }
  apply_membership(now, probes, out);
  if (is_random() && eager_ && !is_small()) tell_some(now, out);
  eager_ = false;
  order_.reset();
  if (!membership_.left()) relay_due(now, out);
  bool more = is_random() && (!records_.empty() || !updates_.empty());
  if (membership_.left() || !more) {
    next_spread_ = kNever;
  } else if (next_spread_ == kNever) {
    next_spread_ = now.mono + kSpreadInterval;
  }
  out.wake = std::min({membership_.rearm(now.mono), next_spread_, next_collect_, next_trust_,
                       next_repair_, next_fill_, next_compare_});
  if (!membership_.left()) out.wake = std::min(out.wake, relay_.next_wake());
  return out;
}

void Gossip::apply_membership(Now now, Membership::Output& probes, Output& out) {
  if (probes.changed) refresh_members();
  if (probes.changed) suggest_paths();
  std::vector<MemberUpdate> own;
  for (auto& update : probes.news) {
    bool origin = update.accuser == options_.self || update.host == options_.self;
    if (origin) sign_own(update);
    spread(now, update, origin);
    if (origin) own.push_back(update);
  }
  for (const auto& proof : probes.proofs) spread(now, proof, true);
  for (const auto& words : probes.first_words) pass_on_first_words(now, words);
  if (is_random() && is_small()) tell_all(now, {}, own, out);
  for (const auto& message : probes.messages) send_probe(now, message, out);
  for (const auto& ping : probes.tcp_probes) ask_by_tcp(now, ping, out);
  tell_directly(now, probes, out);
  out.snapshot_dirty |= probes.changed;
}

// Who left is back when it signs a host record in a later life: its WireGuard peer is gone, so this
// is the first that others can hear of it.
void Gossip::welcome_back(Now now, const Changes& changes, Membership::Output& probes) {
  for (const auto& slot : changes.slots) {
    auto record = slot.key.kind == RecordKind::kHost ? store_.find(slot) : nullptr;
    if (!record || membership_.status(record->record.writer) != HostStatus::kLeft) continue;
    membership_.on_heard(now.mono, record->record.writer, record->record.stamp.major << kLifeBits,
                         probes);
  }
}

// After merges: what changed, for the shell, and who is a member now.
void Gossip::follow_store(Now now, Output& out) {
  Changes changes = store_.take_changes();
  if (changes.empty()) return;
  changed_ = now.mono;
  out.snapshot_dirty = true;
  follow_interests(now, changes, out);
  if (concerns_members(changes)) follow_members(now, out);
  out.changes.add(std::move(changes));
}

// Who is a member: every host with a certificate that is neither revoked nor past its grace.
void Gossip::follow_members(Now now, Output& out) {
  HostTrust trust = judge_hosts(store_, options_.self, now.wall, options_.certificate_grace);
  if (std::exchange(shut_out_, std::move(trust.shut_out)) != shut_out_) out.snapshot_dirty = true;
  next_trust_ =
      membership_.left() || trust.valid_until.empty() ? kNever : now.mono + kTrustInterval;
  if (trust.next_turn && next_trust_ != kNever)
    next_trust_ = std::min<Instant>(next_trust_, now.mono + (*trust.next_turn - now.wall));
  std::vector<HostId> fresh;
  for (const auto& [host, certificate] : store_.certificates()) {
    if (!shut_out_.contains(host)) {
      if (host != options_.self && !membership_.status(host)) fresh.push_back(host);
      auto record = store_.host_record(host);
      membership_.add(now.mono, host, region_code(certificate.invite.region),
                      key_code(certificate.signing_key), record ? record->record.stamp.major : 0);
    } else if (membership_.status(host) && host != options_.self) {
      membership_.remove(host);
      claim_budget_.erase(host);
      clocks_.erase(host);
    }
  }
  refresh_members();
  if (is_small() && !membership_.left())
    for (HostId host : fresh) introduce(now, host, out);
}

std::optional<std::chrono::milliseconds> Gossip::clock_ahead(HostId host) const {
  auto found = clocks_.find(host);
  return found == clocks_.end() ? std::nullopt : found->second.ahead();
}

Counters Gossip::counters() const {
  Counters out = counters_;
  const Counters& members = membership_.counters();
  out.suspicions = members.suspicions;
  out.refuted = members.refuted;
  out.downs = members.downs;
  out.accusations = members.accusations;
  out.stalls = members.stalls;
  out.self_refutations = members.self_refutations;
  out.dropped_flood = floods_.dropped();
  out.local_downs = members.local_downs;
  out.tcp_only_answers = members.tcp_only_answers;
  out.dropped_queue_full +=
      members.dropped_queue_full + relay_.counters().dropped_full + fragments_.given_up();
  out.pushes_retried = relay_.counters().retried;
  out.pushes_reminded = relay_.counters().reminded;
  out.pushes_asked_again = relay_.counters().asked_again;
  out.pushes_adopted = relay_.counters().adopted;
  out.pushes_unanswered = relay_.counters().unanswered;
  return out;
}

bool Gossip::check_invariants() const {
  auto running = std::count_if(peers_.begin(), peers_.end(),
                               [](const auto& entry) { return entry.second.syncing; });
  return membership_.check_invariants() && floods_.check_invariants() &&
         relay_.check_invariants() && repair_.check_invariants() &&
         static_cast<std::size_t>(running) == syncing_ && syncing_ <= kMaxSyncs &&
         pending_.size() <= kMaxPending && records_.size() <= kMaxSpreadRecords &&
         updates_.size() <= kMaxSpreadUpdates;
}

}  // namespace sixpn::registry
