// What this host believes of the others. Who is asked, and when: membership_probes.cc.
#include "registry/core/membership.h"

#include <algorithm>
#include <cmath>

namespace sixpn::registry {
namespace {

// Rendezvous weight: every host computes the same order of confirmers for a suspect.
std::uint64_t weight(HostId suspect, HostId confirmer) {
  std::uint64_t h = (std::uint64_t{suspect.value} << 32 | confirmer.value) + 0x9e3779b97f4a7c15ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

bool moved(Duration from, Duration to) {
  return 10 * std::abs((to - from).count()) > from.count();
}

}  // namespace

Membership::Membership(HostId self, std::uint64_t incarnation, Rng& rng)
    : self_(self), incarnation_(incarnation), rng_(rng) {}

void Membership::start(Instant now) {
  heard_ = now;
  next_probe_ = now;
  next_dead_probe_ = now + kDeadProbeInterval;
  next_report_ = now + kRoundTripReport;
}

// A host is taken to live until probes say otherwise: after a restart, names keep their answers.
void Membership::add(Instant now, HostId host) {
  if (host == self_) return;
  auto [place, added] = members_.try_emplace(host);
  if (added) place->second.heard = now;
}

void Membership::remove(HostId host) {
  members_.erase(host);
  std::erase(round_, host);
  std::erase_if(probes_, [host](const auto& entry) { return entry.second.target == host; });
  std::erase_if(relays_, [host](const auto& entry) {
    return entry.second.target == host || entry.second.requester == host;
  });
}

void Membership::leave(Output& out) {
  if (left_) return;
  left_ = true;
  probes_.clear();
  relays_.clear();
  next_probe_ = next_dead_probe_ = next_report_ = kNever;
  for (auto& [host, member] : members_) {
    if (member.status == HostStatus::kSuspected) member.status = HostStatus::kAlive;
    member.suspicion.reset();
  }
  out.news.push_back({self_, HostStatus::kLeft, incarnation_, self_});
}

// ---- what others say
// -------------------------------------------------------------------------------

void Membership::on_heard(Instant now, HostId from, std::uint64_t incarnation, Output& out) {
  guard_against_stall(now);
  auto found = members_.find(from);
  if (found == members_.end()) return;
  Member& member = found->second;
  heard_ = member.heard = now;
  if (incarnation <= member.incarnation) return;
  bool news = member.incarnation != 0 || member.status != HostStatus::kAlive;
  believe(from, member, HostStatus::kAlive, incarnation, out);
  if (news) out.news.push_back({from, HostStatus::kAlive, incarnation, self_});
}

void Membership::on_update(Instant now, const MemberUpdate& update, Output& out) {
  if (update.host == self_) return on_claim_about_self(update, out);
  auto found = members_.find(update.host);
  if (found == members_.end() || left_) return;
  Member& member = found->second;
  switch (update.status) {
    case HostStatus::kAlive:
      if (update.incarnation <= member.incarnation) return;
      believe(update.host, member, HostStatus::kAlive, update.incarnation, out);
      out.news.push_back(update);
      return;
    case HostStatus::kSuspected:
      return on_suspect(now, member, update, out);
    case HostStatus::kDown:
      return on_down(now, member, update, out);
    case HostStatus::kLeft:
      if (update.incarnation < member.incarnation || member.status == HostStatus::kLeft) return;
      believe(update.host, member, HostStatus::kLeft, update.incarnation, out);
      out.news.push_back(update);
      return;
  }
}

// Refutes: a greater incarnation, told to everybody, overrules what was said of the smaller one.
void Membership::on_claim_about_self(const MemberUpdate& update, Output& out) {
  bool mistaken = update.status != HostStatus::kAlive && update.incarnation >= incarnation_;
  bool from_elsewhere = update.status == HostStatus::kAlive && update.incarnation > incarnation_;
  if (left_ || (!mistaken && !from_elsewhere)) return;
  incarnation_ = update.incarnation + 1;
  ++counters_.self_refutations;
  worsen_health(1);
  out.news.push_back({self_, HostStatus::kAlive, incarnation_, self_});
}

void Membership::on_suspect(Instant now, Member& member, const MemberUpdate& update, Output& out) {
  if (update.incarnation < member.incarnation || member.status == HostStatus::kDown ||
      member.status == HostStatus::kLeft)
    return;
  bool newer = update.incarnation > member.incarnation;
  if (member.status == HostStatus::kAlive || newer) {
    // Who refuted is a new case. But what was never heard has refuted nothing: accused without its
    // incarnation, it was accused in vain, for those who knew better; so that is said again.
    bool repeat =
        member.incarnation == 0 && member.suspicion && member.suspicion->has_accuser(self_);
    believe(update.host, member, HostStatus::kSuspected, update.incarnation, out);
    member.suspicion = make_suspicion(now, update.accuser);
    out.news.push_back(update);
    if (repeat && member.suspicion->confirm(self_))
      out.news.push_back({update.host, HostStatus::kSuspected, update.incarnation, self_});
  } else if (member.suspicion->confirm(update.accuser)) {
    out.news.push_back(update);
  } else {
    return;
  }
  if (update.accuser == self_ || member.suspicion->has_accuser(self_)) return;
  if (is_confirmer(update.host) && !is_probing(update.host))
    probe(now, update.host, Purpose::kConfirm, out);
}

// Somebody's verdict. Whoever has just heard the host itself knows better, and only suspects it.
void Membership::on_down(Instant now, Member& member, const MemberUpdate& update, Output& out) {
  if (update.incarnation < member.incarnation || member.status == HostStatus::kDown ||
      member.status == HostStatus::kLeft)
    return;
  if (now - member.heard < kProbeInterval) {
    MemberUpdate doubt = update;
    doubt.status = HostStatus::kSuspected;
    return on_suspect(now, member, doubt, out);
  }
  believe(update.host, member, HostStatus::kDown, update.incarnation, out);
  out.news.push_back(update);
}

// The one place where a belief changes.
void Membership::believe(HostId host, Member& member, HostStatus status, std::uint64_t incarnation,
                         Output& out) {
  if (member.status != status) {
    bool was_accused =
        member.status == HostStatus::kSuspected || member.status == HostStatus::kDown;
    if (status == HostStatus::kAlive && was_accused) ++counters_.refuted;
    if (status == HostStatus::kSuspected) ++counters_.suspicions;
    if (status == HostStatus::kDown) ++counters_.downs;
    out.changed = true;
  }
  member.status = status;
  member.incarnation = incarnation;
  member.suspicion.reset();
  if (status == HostStatus::kDown || status == HostStatus::kLeft)
    std::erase_if(probes_, [host](const auto& entry) { return entry.second.target == host; });
}

// ---- suspicion
// -------------------------------------------------------------------------------------

Suspicion Membership::make_suspicion(Instant now, HostId accuser) const {
  std::size_t hosts = living().size() + 1;
  double scale = std::max(1.0, std::log10(static_cast<double>(hosts)));
  auto stretch = [&](Duration d) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(d.count()) * scale)) *
           (2 + health_) / 2;
  };
  // The suspect and its first accuser cannot confirm.
  std::size_t needed = std::min(kConfirmations, hosts > 2 ? hosts - 2 : 0);
  return {now, accuser, needed, stretch(kSuspicionLeast), stretch(kSuspicionMost)};
}

// Many at once, or silence from everybody, says more about this host's own network than about
// theirs.
bool Membership::must_wait(Instant now, const Member& member) const {
  if (now - member.suspicion->start() >= kPatience) return false;
  std::size_t suspected = count(HostStatus::kSuspected);
  if (suspected >= kMassFailure && suspected * 6 > members_.size()) return true;
  return living().size() > 1 && now - heard_ > kProbeInterval;
}

void Membership::check_suspicions(Instant now, Output& out) {
  for (auto& [host, member] : members_) {
    if (!member.suspicion || member.suspicion->deadline() > now) continue;
    if (must_wait(now, member)) {
      member.suspicion->wait_until(now + kProbeInterval);
      continue;
    }
    believe(host, member, HostStatus::kDown, member.incarnation, out);
    out.news.push_back({host, HostStatus::kDown, member.incarnation, self_});
  }
}

bool Membership::is_confirmer(HostId suspect) const {
  std::uint64_t mine = weight(suspect, self_);
  std::size_t heavier = 0;
  for (const auto& [host, member] : members_)
    if (host != suspect && member.status == HostStatus::kAlive && weight(suspect, host) > mine)
      ++heavier;
  return heavier < kConfirmers;
}

std::size_t Membership::count(HostStatus status) const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [status](const auto& entry) { return entry.second.status == status; }));
}

// ---- reading
// ---------------------------------------------------------------------------------------

void Membership::report_round_trips(Instant now, Output& out) {
  next_report_ = now + kRoundTripReport;
  for (auto& [host, member] : members_) {
    auto distance = member.round_trip.distance();
    if (!distance || (member.reported && !moved(*member.reported, *distance))) continue;
    member.reported = distance;
    out.changed = true;
  }
}

std::optional<HostStatus> Membership::status(HostId host) const {
  if (host == self_) return left_ ? HostStatus::kLeft : HostStatus::kAlive;
  auto found = members_.find(host);
  if (found == members_.end()) return std::nullopt;
  return found->second.status;
}

std::optional<Duration> Membership::round_trip(HostId host) const {
  if (host == self_) return Duration::zero();
  auto found = members_.find(host);
  return found == members_.end() ? std::nullopt : found->second.reported;
}

std::optional<MemberUpdate> Membership::verdict_on(HostId host) const {
  auto found = members_.find(host);
  if (found == members_.end() || found->second.status == HostStatus::kAlive) return std::nullopt;
  return MemberUpdate{host, found->second.status, found->second.incarnation, self_};
}

std::vector<HostId> Membership::living() const {
  std::vector<HostId> out;
  for (const auto& [host, member] : members_)
    if (member.status == HostStatus::kAlive || member.status == HostStatus::kSuspected)
      out.push_back(host);
  return out;
}

bool Membership::check_invariants() const {
  bool timers_match = std::all_of(members_.begin(), members_.end(), [](const auto& entry) {
    return entry.second.suspicion.has_value() == (entry.second.status == HostStatus::kSuspected);
  });
  bool probes_known = std::all_of(probes_.begin(), probes_.end(), [this](const auto& entry) {
    return members_.contains(entry.second.target);
  });
  return timers_match && probes_known && !members_.contains(self_) && health_ >= 0 &&
         health_ <= kWorstHealth && probes_.size() <= kMaxProbes && relays_.size() <= kMaxRelays;
}

}  // namespace sixpn::registry
