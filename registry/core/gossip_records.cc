// Gossip's side of records that come in: recognised, judged by the store, passed on when they are
// news, kept for a while when their writer is not known yet.
#include <algorithm>

#include "registry/core/gossip.h"

namespace sixpn::registry {

void Gossip::receive_records(Now now, HostId from, const std::vector<std::string>& wires,
                             Output& out) {
  std::set<HostId> unknown;
  for (const auto& wire : wires) {
    if (order_) ++counters_.copies_received;
    if (recognise(now, record_head(digest_of(hash(wire))))) continue;
    auto record = options_.checks.decode(wire);
    if (!record) {
      ++counters_.dropped_malformed;
      continue;
    }
    HostId writer = (*record)->record.writer;
    bool by_root = is_root_signed((*record)->record.key.kind);
    bool admitted = by_root ? floods_.admits_statement(now.mono, from)
                            : floods_.admits_change(now.mono, writer);
    if (!admitted) continue;
    auto verdict = receive(now, *record, out);
    if (verdict == Verdict::kAccepted)
      by_root ? floods_.on_statement(now.mono, from) : floods_.on_change(now.mono, writer);
    if (verdict == Verdict::kUnknownWriter) unknown.insert(writer);
  }
  if (!wires.empty()) retry_pending(now, out);
  ask_for_writers(now, unknown, out);
}

void Gossip::receive_fragment(Now now, HostId from, const RecordFragment& fragment, Output& out) {
  if (recognise(now, fragment.head)) return fragments_.forget(from, fragment.head);
  auto wire = fragments_.add(now.mono, from, fragment);
  if (!wire) return;
  if (record_head(digest_of(hash(*wire))) != fragment.head)
    ++counters_.dropped_malformed;
  else
    receive_records(now, from, {std::move(*wire)}, out);
}

// What is known already is not decoded; a push of it may still ask for this host's other duty.
bool Gossip::recognise(Now now, RecordHead head) {
  if (!repair_.knows(head)) return false;
  ++counters_.records_duplicate;
  if (!order_) return true;
  ++counters_.copies_duplicate;
  relay_.pass_on_again(now.mono, order_->from, order_->header, head);
  return true;
}

// Whoever pushed a record holds its writer's certificate.
void Gossip::ask_for_writers(Now now, const std::set<HostId>& unknown, Output& out) {
  GossipDatagram request;
  for (HostId writer : unknown) {
    bool room = order_ != nullptr && request.pull_hosts.size() < kMaxHostsPulled;
    if (room && repair_.lacks_host(now.mono, writer)) request.pull_hosts.push_back(writer);
  }
  if (request.pull_hosts.empty()) return;
  counters_.records_pulled += request.pull_hosts.size();
  send(now, order_->from, std::move(request), out);
}

Verdict Gossip::receive(Now now, const SignedRecordPtr& record, Output& out) {
  const Record& r = record->record;
  if (is_unwanted(r)) {
    ++counters_.dropped_unwanted;
    return Verdict::kDuplicate;
  }
  std::optional<HostCertificate> before;
  const auto* host = std::get_if<HostValue>(&r.value);
  if (const HostCertificate* standing = store_.certificate_of(r.writer);
      host != nullptr && standing != nullptr && standing->encoded != (*host)->certificate)
    before = *standing;
  auto verdict = store_.merge(record, now.wall);
  count(verdict);
  if (verdict == Verdict::kUnknownWriter) {
    if (pending_.size() >= kMaxPending) {
      pending_.pop_front();
      ++counters_.dropped_queue_full;
    }
    pending_.push_back({now.mono, record, order_});
  }
  if (verdict == Verdict::kDuplicate) repair_.learn_old(record);
  if (verdict == Verdict::kDuplicate && order_) ++counters_.copies_duplicate;
  if (verdict == Verdict::kEnrolmentLost) note_conflict(now, **host);
  if (verdict != Verdict::kAccepted) return verdict;
  if (before) conflicts_.note(*store_.certificate_of(r.writer), *before, now.wall);
  spread(now, record, false);
  if (r.writer == options_.self && is_owned(r))
    out.own_incarnation_seen = std::max(out.own_incarnation_seen, r.stamp.major);
  return verdict;
}

// The store has verified the certificate that it refused, and does not keep it.
void Gossip::note_conflict(Now now, const HostRecord& refused) {
  auto certificate = verify_certificate(refused.certificate, options_.root_key);
  if (certificate) note_second_enrolment(now, *certificate);
}

void Gossip::note_second_enrolment(Now now, const HostCertificate& refused) {
  if (const HostCertificate* standing = store_.certificate_of(refused.invite.host))
    conflicts_.note(*standing, refused, now.wall);
}

// Records whose writer has become known meanwhile, with the duties that they came with.
void Gossip::retry_pending(Now now, Output& out) {
  std::vector<Pending> ready;
  std::erase_if(pending_, [&](const Pending& waiting) {
    if (store_.certificate_of(waiting.record->record.writer) == nullptr) return false;
    ready.push_back(waiting);
    return true;
  });
  auto order = order_;
  for (const auto& waiting : ready) {
    order_ = waiting.order;
    if (!recognise(now, record_head(waiting.record->digest))) receive(now, waiting.record, out);
  }
  order_ = std::move(order);
}

void Gossip::count(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccepted:
      ++counters_.records_accepted;
      return;
    case Verdict::kDuplicate:
      ++counters_.records_duplicate;
      return;
    case Verdict::kUnknownWriter:
      ++counters_.dropped_unknown_writer;
      return;
    case Verdict::kBadSignature:
    case Verdict::kBadCertificate:
      ++counters_.dropped_bad_signature;
      return;
    case Verdict::kEnrolmentLost:
      ++counters_.enrolment_conflicts;
      return;
    case Verdict::kNotPermitted:
      ++counters_.dropped_not_permitted;
      return;
    case Verdict::kClockAhead:
      ++counters_.dropped_clock_ahead;
      return;
    case Verdict::kExpired:
      ++counters_.dropped_expired;
      return;
    case Verdict::kFull:
      ++counters_.dropped_full;
      return;
  }
}

}  // namespace sixpn::registry
