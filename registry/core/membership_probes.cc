// Membership's questions: direct probes, probes through others and by TCP, and what their failure
// means.
#include <algorithm>
#include <utility>

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
  // Others could keep a dead host alive.
  if (from != probe.target && !was_asked(probe, from)) return;
  Member& member = members_.at(probe.target);
  if (from == probe.target) {
    member.tcp_only = 0;
    member.backed_off = probe.repeated;
    if (!probe.repeated) on_round_trip(member, now - probe.sent, out);
  }
  if (probe.purpose == Purpose::kRound) health_ = std::max(0, health_ - 1);
  if (probe.purpose == Purpose::kDead)
    next_dead_probe_ = std::min(next_dead_probe_, now + kReturnProbeInterval);
  probes_.erase(found);
}

// The tunnel carries TCP, and the agent at its other end answered: the host lives, and something
// between us drops UDP.
void Membership::on_tcp_probe(Instant now, HostId target, bool answered, Output& out) {
  guard_against_stall(now);
  auto found = members_.find(target);
  if (found == members_.end() || !answered || !is_probing(target)) return;
  forget_probes(target);
  Member& member = found->second;
  heard_ = member.heard = now;
  ++counters_.tcp_only_answers;
  if (++member.tcp_only == kTcpOnlyAnswers) out.tcp_only.push_back(target);
}

void Membership::on_sent(Instant now, std::size_t taken, std::size_t refused) {
  if (taken > 0) {
    refused_since_ = kNever;
  } else if (refused > 0 && refused_since_ == kNever) {
    refused_since_ = now;
  }
}

// The first answers are told at once: they hold the tunnel's handshake, and the next ones correct
// them.
void Membership::on_round_trip(Member& member, Duration measured, Output& out) {
  RoundTrip* region = nullptr;
  bool room = region_paths_.contains(member.region) || region_paths_.size() < kMaxRegionPaths;
  if (member.region != 0 && room) region = &region_paths_[member.region];
  member.round_trip.sample(measured, region);
  if (region != nullptr) region->sample(measured);
  Duration distance = *member.round_trip.distance();
  if (member.reported && distance * 4 > *member.reported * 3) return;
  member.reported = distance;
  out.changed = true;
  ++revision_;
}

// A host that was never measured is taken to be like its region: in a big cluster that is nearly
// every one. Who answered late, or lost a packet, gets the most until it answers in time: the
// answer to a repeated question tells no round trip, so a path that has grown would never be
// learnt (Karn and Partridge, 1987).
Membership::PathEstimate Membership::path_to(const Member& member) const {
  const RoundTrip* path = &member.round_trip;
  if (!path->smoothed())
    if (auto region = region_paths_.find(member.region); region != region_paths_.end())
      path = &region->second;
  Duration timeout = member.backed_off ? kDirectTimeoutMost
                                       : path->timeout(kDirectTimeoutLeast, kDirectTimeoutMost);
  Duration again = std::min(timeout, path->timeout(kAgainTimeoutLeast, kDirectTimeoutMost));
  return {path->smoothed().value_or(Duration::zero()), timeout, again};
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
  if (found == probes_.end() || !was_asked(found->second, from)) return;
  found->second.nacks = std::min(found->second.nacks + 1, found->second.relays.size());
}

// ---- timers
// ----------------------------------------------------------------------------------------

void Membership::on_timer(Instant now, Output& out) {
  guard_against_stall(now);
  check_relays(now, out);
  check_probes(now, out);
  check_suspicions(now, out);
  if (refute_at_ <= now) refute(out);
  if (next_probe_ <= now) probe_next(now, out);
  if (next_dead_probe_ <= now) probe_missed(now, out);
  if (next_report_ <= now) report_round_trips(now, out);
}

Instant Membership::next_wake() const {
  Instant wake = std::min({next_probe_, next_dead_probe_, next_report_, refute_at_});
  for (const auto& [sequence, probe] : probes_)
    wake = std::min({wake, probe.ask_others, probe.try_tcp, probe.deadline});
  for (const auto& [sequence, relay] : relays_)
    wake = std::min({wake, relay.nack_at, relay.expires});
  return std::min(wake, next_deadline());
}

// The event just handled may be the first after a stall, and none of membership's own. A deadline
// may move into the past (a confirmation came, this host's health is better): that is due now, and
// no stall.
Instant Membership::rearm(Instant now) {
  guard_against_stall(now);
  Instant wake = next_wake();
  expected_wake_ = wake == kNever ? kNever : std::max(wake, now);
  return wake;
}

// The loop did not run for a while: answers may be waiting unread, so nothing that is in flight
// counts.
void Membership::guard_against_stall(Instant now) {
  if (!options_.lifeguard || expected_wake_ == kNever || now - expected_wake_ < kStall) return;
  Duration late = now - expected_wake_;
  expected_wake_ = kNever;
  awake_since_ = now;
  ++counters_.stalls;
  worsen_health(kStallHealth);
  probes_.clear();
  heard_ += late;
  for (auto& [host, member] : suspected_) member->trial->suspicion.extend(late);
  ++cases_;
}

void Membership::worsen_health(int by) {
  if (!options_.lifeguard) return;
  health_ = std::min(kWorstHealth, health_ + by);
}

// ---- asking
// ----------------------------------------------------------------------------------------

Duration Membership::probe_spacing() const {
  std::size_t at_once = std::clamp<std::size_t>(living_.size(), 1, kProbesPerInterval);
  // By a quarter for each step of ill health: a host that asks too rarely recovers slowly.
  return kProbeInterval * (4 + health_) / static_cast<Duration::rep>(4 * at_once);
}

void Membership::probe_next(Instant now, Output& out) {
  next_probe_ = now + probe_spacing();
  if (round_.empty()) {
    round_ = living_;
    rng_.shuffle(round_);
  }
  while (!round_.empty()) {
    HostId target = round_.back();
    round_.pop_back();
    auto found = members_.find(target);
    bool lives = found != members_.end() && (found->second.status == HostStatus::kAlive ||
                                             found->second.status == HostStatus::kSuspected);
    if (!lives || is_probing(target) || accused_.contains(target)) continue;
    return probe(now, target, Purpose::kRound, out);
  }
}

// The dead are asked for ever: that is how a healed partition is noticed from both sides. And so
// are those whom this host accuses, by TCP too: whose datagrams are lost hears of it, and refutes,
// by no other way.
void Membership::probe_missed(Instant now, Output& out) {
  next_dead_probe_ = now + kDeadProbeInterval;
  std::size_t missed = down_.size() + accused_.size();
  if (missed == 0) return;
  auto place = static_cast<std::ptrdiff_t>(rng_.below(missed));
  auto dead = static_cast<std::ptrdiff_t>(down_.size());
  HostId pick =
      place < dead ? *std::next(down_.begin(), place) : *std::next(accused_.begin(), place - dead);
  if (!is_probing(pick)) probe(now, pick, place < dead ? Purpose::kDead : Purpose::kAccused, out);
}

// A round's probe asks directly, then once more and through others, then by TCP. An observer's is
// one of many that ask at the same time: it need not go through others; and it is rare, so it asks
// by TCP from the beginning. So are those that are missed already, and their silence says nothing.
void Membership::probe(Instant now, HostId target, Purpose purpose, Output& out) {
  if (probes_.size() >= kMaxProbes) {
    ++counters_.dropped_queue_full;
    return;
  }
  Member& member = members_.at(target);
  PathEstimate path = path_to(member);
  bool missed = purpose == Purpose::kDead || purpose == Purpose::kAccused;
  bool asked_lately =
      now - member.asked_by_tcp < kDeadProbeInterval && member.asked_by_tcp != Instant{};
  Duration direct = scaled(path.timeout);
  Duration by_tcp = scaled(path.round_trip * 5 / 2 + kTcpSlack);
  Probe probe{target, purpose, now, kNever, kNever, kNever};
  if (purpose == Purpose::kRound) {
    probe.ask_others = now + direct;
    probe.try_tcp = probe.ask_others + scaled(path.again);
    probe.deadline = probe.try_tcp + std::max(direct, by_tcp);
  } else if (purpose == Purpose::kConfirm) {
    probe.ask_others = now + direct;
    probe.deadline = now + std::max(2 * direct, by_tcp);
  } else {
    probe.deadline = now + std::max(scaled(kProbeInterval), by_tcp);
  }
  const ProbeMessage ping{Kind::kPing, target, ++sequence_, target};
  out.messages.push_back(ping);
  if (purpose == Purpose::kConfirm || (missed && !asked_lately)) out.tcp_probes.push_back(ping);
  if (missed && !asked_lately) member.asked_by_tcp = now;
  probes_[ping.sequence] = probe;
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
    if (probe.try_tcp <= now) {
      probe.try_tcp = kNever;
      const ProbeMessage ping{Kind::kPing, probe.target, entry->first, probe.target};
      out.messages.push_back(ping);
      out.tcp_probes.push_back(ping);
    }
    ++entry;
  }
  for (const auto& probe : failed) fail(now, probe, out);
}

// No direct answer in time: once more, and through others, in case only our own path is bad.
void Membership::ask_others(Probe& probe, std::uint64_t sequence, Output& out) {
  probe.ask_others = kNever;
  probe.repeated = true;
  out.messages.push_back({Kind::kPing, probe.target, sequence, probe.target});
  if (probe.purpose != Purpose::kRound) return;
  probe.relays = choose_relays(probe.target);
  for (HostId relay : probe.relays)
    out.messages.push_back({Kind::kPingRequest, relay, sequence, probe.target});
}

// At random, by a bounded number of draws; the first from the target's own region if one is met.
std::vector<HostId> Membership::choose_relays(HostId target) {
  std::vector<HostId> relays;
  std::uint32_t region = members_.at(target).region;
  for (std::size_t draw = 0; draw < 8 * kIndirectProbes && !living_.empty(); ++draw) {
    HostId host = living_[static_cast<std::size_t>(rng_.below(living_.size()))];
    const Member& member = members_.at(host);
    bool far = relays.empty() && draw < 4 * kIndirectProbes && member.region != region;
    if (host == target || member.status != HostStatus::kAlive || far ||
        std::find(relays.begin(), relays.end(), host) != relays.end())
      continue;
    relays.push_back(host);
    if (relays.size() == kIndirectProbes) break;
  }
  return relays;
}

void Membership::fail(Instant now, const Probe& probe, Output& out) {
  bool missed = probe.purpose == Purpose::kDead || probe.purpose == Purpose::kAccused;
  if (missed || !members_.contains(probe.target)) return;
  const Member& member = members_.at(probe.target);
  // No relay said anything at all: the fault may be ours (Lifeguard's LHA probe, which counts every
  // missing one; after a partition that keeps the healthy slow for long).
  if (probe.nacks == 0 && !probe.relays.empty()) worsen_health(1);
  bool silent = heard_ < probe.sent && living_.size() > 1 && now - heard_ < kPatience;
  if (options_.lifeguard && (silent || is_cut_off(now))) return;
  if (member.heard > probe.sent) return;
  if (options_.lifeguard && counters_.stalls > 0 && now - awake_since_ < kAfterStall)
    return this->probe(now, probe.target, Purpose::kConfirm, out);
  accuse(now, probe.target, out);
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

bool Membership::was_asked(const Probe& probe, HostId relay) {
  return std::find(probe.relays.begin(), probe.relays.end(), relay) != probe.relays.end();
}

void Membership::forget_probes(HostId target) {
  std::erase_if(probes_, [target](const auto& entry) { return entry.second.target == target; });
}

}  // namespace sixpn::registry
