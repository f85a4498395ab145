// Membership's questions: direct probes, probes through others, and what their failure means.
#include <algorithm>

#include "registry/core/membership.h"

namespace sixpn::registry {

using Kind = ProbeMessage::Kind;

void Membership::on_message(Instant now, HostId from, const ProbeMessage& message, Output& out) {
  if (left_ || !members_.contains(from)) return;
  switch (message.kind) {
    case Kind::kPing:
      out.messages.push_back({Kind::kAck, from, message.sequence, self_});
      return;
    case Kind::kAck:
      return on_ack(now, from, message, out);
    case Kind::kPingRequest:
      return on_ping_request(now, from, message, out);
    case Kind::kNack:
      return on_nack(from, message);
  }
}

void Membership::on_ack(Instant now, HostId from, const ProbeMessage& message, Output& out) {
  if (auto relay = relays_.find(message.sequence); relay != relays_.end()) {
    const Relay& asked = relay->second;
    if (asked.target != from || message.target != from) return;
    out.messages.push_back({Kind::kAck, asked.requester, asked.sequence, from});
    relays_.erase(relay);
    return;
  }
  auto found = probes_.find(message.sequence);
  if (found == probes_.end() || found->second.target != message.target) return;
  const Probe& probe = found->second;
  auto member = members_.find(probe.target);
  if (from == probe.target && !probe.repeated) {
    on_round_trip(member->second, now - probe.sent, out);
  }
  if (probe.purpose == Purpose::kRound) health_ = std::max(0, health_ - 1);
  probes_.erase(found);
}

// The first answers are told at once: they hold the tunnel's handshake, and the next ones correct
// them.
void Membership::on_round_trip(Member& member, Duration measured, Output& out) {
  member.round_trip.sample(measured);
  Duration distance = *member.round_trip.distance();
  if (member.reported && distance * 4 > *member.reported * 3) return;
  member.reported = distance;
  out.changed = true;
}

void Membership::on_ping_request(Instant now, HostId from, const ProbeMessage& message,
                                 Output& out) {
  if (message.target == self_ || !members_.contains(message.target)) return;
  if (relays_.size() >= kMaxRelays) {
    ++counters_.dropped_queue_full;
    return;
  }
  std::uint64_t sequence = ++sequence_;
  relays_[sequence] = {from, message.sequence, message.target, now + kNackAfter,
                       now + kProbeInterval};
  out.messages.push_back({Kind::kPing, message.target, sequence, message.target});
}

void Membership::on_nack(HostId from, const ProbeMessage& message) {
  auto found = probes_.find(message.sequence);
  if (found == probes_.end() || from == found->second.target) return;
  found->second.nacks = std::min(found->second.nacks + 1, found->second.nacks_expected);
}

// ---- timers
// ----------------------------------------------------------------------------------------

void Membership::on_timer(Instant now, Output& out) {
  guard_against_stall(now);
  check_relays(now, out);
  check_probes(now, out);
  check_suspicions(now, out);
  if (next_probe_ <= now) probe_next(now, out);
  if (next_dead_probe_ <= now) probe_dead(now, out);
  if (next_report_ <= now) report_round_trips(now, out);
}

Instant Membership::next_wake() const {
  Instant wake = std::min({next_probe_, next_dead_probe_, next_report_});
  for (const auto& [sequence, probe] : probes_)
    wake = std::min({wake, probe.ask_others, probe.deadline});
  for (const auto& [sequence, relay] : relays_)
    wake = std::min({wake, relay.nack_at, relay.expires});
  for (const auto& [host, member] : members_)
    if (member.suspicion) wake = std::min(wake, member.suspicion->deadline());
  return wake;
}

Instant Membership::rearm() {
  Instant wake = next_wake();
  expected_wake_ = wake == kNever ? kNever : std::max(wake, stalled_until_);
  return wake;
}

// The loop did not run for a while: answers may be waiting unread, so nothing that is in flight
// counts.
void Membership::guard_against_stall(Instant now) {
  if (expected_wake_ == kNever || now - expected_wake_ < kStall) return;
  Duration late = now - expected_wake_;
  expected_wake_ = kNever;
  stalled_until_ = now;  // what is overdue now was judged here, once
  ++counters_.stalls;
  worsen_health(1);
  probes_.clear();
  heard_ += late;
  for (auto& [host, member] : members_)
    if (member.suspicion) member.suspicion->extend(late);
}

void Membership::worsen_health(int by) {
  health_ = std::min(kWorstHealth, health_ + by);
}

// ---- asking
// ----------------------------------------------------------------------------------------

Duration Membership::probe_spacing() const {
  std::size_t at_once = std::clamp<std::size_t>(living().size(), 1, kProbesPerInterval);
  return scaled(kProbeInterval) / static_cast<Duration::rep>(at_once);
}

void Membership::probe_next(Instant now, Output& out) {
  next_probe_ = now + probe_spacing();
  if (round_.empty()) {
    round_ = living();
    rng_.shuffle(round_);
  }
  while (!round_.empty()) {
    HostId target = round_.back();
    round_.pop_back();
    auto found = members_.find(target);
    bool lives = found != members_.end() && (found->second.status == HostStatus::kAlive ||
                                             found->second.status == HostStatus::kSuspected);
    if (!lives || is_probing(target)) continue;
    return probe(now, target, Purpose::kRound, out);
  }
}

// The dead are asked for ever: that is how a healed partition is noticed from both sides.
void Membership::probe_dead(Instant now, Output& out) {
  next_dead_probe_ = now + kDeadProbeInterval;
  std::vector<HostId> dead;
  for (const auto& [host, member] : members_)
    if (member.status == HostStatus::kDown) dead.push_back(host);
  if (dead.empty()) return;
  HostId target = dead[rng_.below(dead.size())];
  if (!is_probing(target)) probe(now, target, Purpose::kDead, out);
}

void Membership::probe(Instant now, HostId target, Purpose purpose, Output& out) {
  if (probes_.size() >= kMaxProbes) {
    ++counters_.dropped_queue_full;
    return;
  }
  Duration direct = members_.at(target).round_trip.timeout(kDirectTimeoutLeast, kDirectTimeoutMost);
  std::uint64_t sequence = ++sequence_;
  Instant ask = purpose == Purpose::kDead ? kNever : now + scaled(direct);
  probes_[sequence] = {target, purpose, now, ask, now + scaled(kProbeInterval), false, 0, 0};
  out.messages.push_back({Kind::kPing, target, sequence, target});
}

void Membership::check_probes(Instant now, Output& out) {
  std::vector<Probe> failed;
  for (auto entry = probes_.begin(); entry != probes_.end();) {
    Probe& probe = entry->second;
    if (probe.deadline <= now) {
      failed.push_back(probe);
      entry = probes_.erase(entry);
      continue;
    }
    if (probe.ask_others <= now) ask_others(probe, entry->first, out);
    ++entry;
  }
  for (const auto& probe : failed) fail(now, probe, out);
}

// No direct answer in time: once more, and through others, in case only our own path is bad.
void Membership::ask_others(Probe& probe, std::uint64_t sequence, Output& out) {
  probe.ask_others = kNever;
  probe.repeated = true;
  out.messages.push_back({Kind::kPing, probe.target, sequence, probe.target});
  std::vector<HostId> candidates;
  for (const auto& [host, member] : members_)
    if (host != probe.target && member.status == HostStatus::kAlive) candidates.push_back(host);
  rng_.shuffle(candidates);
  candidates.resize(std::min(candidates.size(), kIndirectProbes));
  probe.nacks_expected = candidates.size();
  for (HostId relay : candidates)
    out.messages.push_back({Kind::kPingRequest, relay, sequence, probe.target});
}

void Membership::fail(Instant now, const Probe& probe, Output& out) {
  if (probe.purpose == Purpose::kDead) return;
  auto found = members_.find(probe.target);
  if (found == members_.end()) return;
  // Relays that said nothing at all: the fault may be ours (Lifeguard's LHA probe).
  if (probe.nacks < probe.nacks_expected) worsen_health(1);
  bool cut_off = heard_ < probe.sent && living().size() > 1 && now - heard_ < kPatience;
  if (cut_off || found->second.heard > probe.sent) return;
  on_update(now, {probe.target, HostStatus::kSuspected, found->second.incarnation, self_}, out);
}

void Membership::check_relays(Instant now, Output& out) {
  for (auto entry = relays_.begin(); entry != relays_.end();) {
    Relay& relay = entry->second;
    if (relay.nack_at <= now) {
      out.messages.push_back({Kind::kNack, relay.requester, relay.sequence, relay.target});
      relay.nack_at = kNever;
    }
    entry = relay.expires <= now ? relays_.erase(entry) : std::next(entry);
  }
}

bool Membership::is_probing(HostId target) const {
  return std::any_of(probes_.begin(), probes_.end(),
                     [target](const auto& entry) { return entry.second.target == target; });
}

}  // namespace sixpn::registry
