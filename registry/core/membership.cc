// What this host believes of the others. Accusations: membership_suspicions.cc. Who is asked, and
// when: membership_probes.cc.
#include "registry/core/membership.h"

#include <algorithm>

namespace sixpn::registry {
namespace {

bool moved(Duration from, Duration to) {
  return 10 * std::abs((to - from).count()) > from.count();
}

// Our own words, heard from elsewhere this often in one life: no restored disk, but a second
// process with our keys.
constexpr std::uint64_t kTwinAfter = 3;

bool lives(HostStatus status) {
  return status == HostStatus::kAlive || status == HostStatus::kSuspected;
}

}  // namespace

Membership::Membership(HostId self, std::uint64_t incarnation, Rng& rng, MembershipOptions options)
    : self_(self), incarnation_(incarnation), rng_(rng), options_(options) {}

void Membership::start(Instant now) {
  heard_ = now;
  next_probe_ = now;
  // At a moment of its own: hosts that started together would otherwise miss a heal together.
  next_dead_probe_ = now + Duration(static_cast<Duration::rep>(
                               rng_.below(static_cast<std::uint64_t>(kDeadProbeInterval.count()))));
  next_report_ = now + kRoundTripReport;
}

// A host is taken to live until probes say otherwise: after a restart, names keep their answers.
void Membership::add(Instant now, HostId host, std::uint32_t region, std::uint64_t key,
                     std::uint64_t life) {
  if (host == self_) {
    options_.region = region;
    return;
  }
  auto found = members_.find(host);
  if (found != members_.end() && found->second.key != key) {
    remove(host);
    found = members_.end();
  }
  if (found != members_.end()) {
    found->second.life = life;
    return;
  }
  Member& member = members_[host];
  member.life = life;
  ++revision_;
  member.heard = now;
  member.region = region;
  member.key = key;
  living_.insert(std::lower_bound(living_.begin(), living_.end(), host), host);
  ++electorate_;
}

void Membership::remove(HostId host) {
  if (members_.erase(host) == 0) return;
  ++revision_;
  std::erase(living_, host);
  std::erase(round_, host);
  suspected_.erase(host);
  accused_.erase(host);
  ++electorate_;
  down_.erase(host);
  forget_probes(host);
  std::erase_if(relays_, [host](const auto& entry) {
    return entry.second.target == host || entry.second.requester == host;
  });
}

void Membership::leave(Output& out) {
  if (left_) return;
  left_ = true;
  ++revision_;
  signature_ = {};
  probes_.clear();
  relays_.clear();
  next_probe_ = next_dead_probe_ = next_report_ = refute_at_ = kNever;
  for (auto& [host, member] : suspected_) {
    member->status = HostStatus::kAlive;
    member->trial.reset();
  }
  suspected_.clear();
  accused_.clear();
  ++electorate_;
  out.news.push_back(own_claim());
}

// ---- what others say
// -------------------------------------------------------------------------------

void Membership::on_heard(Instant now, HostId from, std::uint64_t incarnation, Output& out) {
  guard_against_stall(now);
  auto found = members_.find(from);
  if (found == members_.end() || incarnation > kMaxIncarnation) return;
  Member& member = found->second;
  heard_ = member.heard = now;
  member.heard_life = incarnation >> kLifeBits;
  if (incarnation < member.claimed) return correct(now, from, from, member, out);
  if (incarnation <= member.incarnation) return;
  member.incarnation = incarnation;
  if (member.status == HostStatus::kLeft) member.claim.reset();
  if (!member.trial || incarnation > member.trial->suspicion.incarnation())
    believe(now, from, member, HostStatus::kAlive, out);
}

std::optional<MemberUpdate> Membership::wanted(Instant now, const MemberUpdate& update) const {
  if (left_ || update.incarnation > kMaxIncarnation) return std::nullopt;
  if (update.host == self_) return wants_about_self(update) ? std::optional(update) : std::nullopt;
  auto found = members_.find(update.host);
  if (found == members_.end()) return std::nullopt;
  const Member& member = found->second;
  switch (update.status) {
    case HostStatus::kAlive:
    case HostStatus::kLeft:
      return wants_own_words(member, update) ? std::optional(update) : std::nullopt;
    case HostStatus::kSuspected:
      return may_accuse(now, member, update.host, update.incarnation, update.accuser)
                 ? std::optional(update)
                 : std::nullopt;
    case HostStatus::kDown:
      return wanted_accusers(now, member, update);
  }
  return std::nullopt;
}

void Membership::on_update(Instant now, const MemberUpdate& update, Output& out, bool quiet) {
  auto news = wanted(now, update);
  if (!news) return;
  if (news->host == self_) return on_claim_about_self(now, *news, out);
  switch (news->status) {
    case HostStatus::kAlive:
    case HostStatus::kLeft:
      return on_own_words(now, members_.at(news->host), *news, quiet, out);
    case HostStatus::kSuspected:
      return on_accusation(now, *news, out);
    case HostStatus::kDown:
      return on_evidence(now, *news, out);
  }
}

bool Membership::wants_own_words(const Member& member, const MemberUpdate& update) {
  bool older = update.incarnation < std::max(member.incarnation, member.claimed);
  bool after_goodbye = member.status == HostStatus::kLeft && update.incarnation <= member.claimed;
  // Unless it was heard in that life: then its record is of a life that it took over (its state
  // was restored from a backup).
  std::uint64_t life = update.incarnation >> kLifeBits;
  bool of_the_past =
      update.status == HostStatus::kLeft && life < member.life && life != member.heard_life;
  if (older || after_goodbye || of_the_past) return false;
  bool known = member.claim && update.incarnation == member.claimed;
  return !known || update.status == HostStatus::kLeft;
}

void Membership::on_own_words(Instant now, Member& member, const MemberUpdate& update, bool quiet,
                              Output& out) {
  // The first word of a host that was taken to live anyway changes no answer; but who lacks it asks
  // for it, one by one, and cannot say of which life it accuses that host.
  bool news = member.claimed != 0 || member.status != HostStatus::kAlive ||
              update.status != HostStatus::kAlive;
  bool accused = member.trial && member.trial->suspicion.incarnation() >= update.incarnation;
  // What was never heard has refuted nothing: accused without its incarnation, it was accused in
  // vain, for those who knew better; so that is said again.
  bool in_vain = accused_.contains(update.host) && member.trial->suspicion.incarnation() == 0 &&
                 member.heard < member.trial->suspicion.start() &&
                 awake_since_ <= member.trial->suspicion.start();
  member.incarnation = member.claimed = update.incarnation;
  member.claim = std::make_unique<Signature>(update.signature);
  if (update.status == HostStatus::kLeft || !accused)
    believe(now, update.host, member, update.status, out);
  if (!quiet && !(accused && update.status == HostStatus::kAlive))
    (news ? out.news : out.first_words).push_back(update);
  if (in_vain && member.status == HostStatus::kAlive) accuse(now, update.host, out);
}

// Somebody talks of this host's past: what it said last itself, and what is known against it.
void Membership::on_stale(Instant now, HostId from, const MemberUpdate& update, Output& out) {
  auto found = members_.find(update.host);
  if (found == members_.end() || update.status != HostStatus::kSuspected ||
      update.accuser != from || update.incarnation >= found->second.incarnation)
    return;
  correct(now, from, update.host, found->second, out);
}

void Membership::correct(Instant now, HostId to, HostId host, Member& member, Output& out) {
  if (now - member.corrected < kCorrectionInterval && member.corrected != Instant{}) return;
  member.corrected = now;
  if (auto words = claim_of(host)) out.direct.push_back({to, *words});
  if (member.trial && to != host) out.direct.push_back({to, evidence(host, member)});
}

// The one place where a belief changes.
void Membership::believe(Instant now, HostId host, Member& member, HostStatus status, Output& out) {
  HostStatus before = std::exchange(member.status, status);
  if (!(status == HostStatus::kSuspected || status == HostStatus::kDown)) member.trial.reset();
  if (before == status) return;
  out.changed = true;
  ++revision_;
  ++electorate_;
  bool was_accused = before == HostStatus::kSuspected || before == HostStatus::kDown;
  if (status == HostStatus::kAlive && was_accused) ++counters_.refuted;
  if (status == HostStatus::kSuspected) ++counters_.suspicions;
  if (status == HostStatus::kDown) ++counters_.downs;

  if (lives(before) != lives(status)) {
    auto place = std::lower_bound(living_.begin(), living_.end(), host);
    lives(status) ? void(living_.insert(place, host)) : void(living_.erase(place));
  }
  status == HostStatus::kSuspected ? void(suspected_.emplace(host, &member))
                                   : void(suspected_.erase(host));
  status == HostStatus::kDown ? void(down_.insert(host)) : void(down_.erase(host));
  if (status != HostStatus::kSuspected) accused_.erase(host);
  if (!lives(status)) forget_probes(host);
  if (before == HostStatus::kDown && lives(status)) retell_departures(now, out);
}

// The other side of a partition did not hear who left meanwhile.
void Membership::retell_departures(Instant now, Output& out) {
  next_dead_probe_ = std::min(next_dead_probe_, now + kReturnProbeInterval);
  if (now - retold_ < kRetellInterval && retold_ != Instant{}) return;
  retold_ = now;
  std::size_t told = 0;
  for (const auto& [host, member] : members_) {
    if (member.status != HostStatus::kLeft || !member.claim) continue;
    out.news.push_back(*claim_of(host));
    if (++told == kMaxRetold) return;
  }
}

// ---- about this host
// -------------------------------------------------------------------------------

// Accusations name our present incarnation, or they are old, or made up. Our own words from
// elsewhere, at a greater one, are those of another life of ours (a restored disk) or of a twin.
bool Membership::wants_about_self(const MemberUpdate& update) const {
  bool pending = refute_at_ != kNever;
  if (pending && update.incarnation <= refute_above_) return false;
  switch (update.status) {
    case HostStatus::kAlive:
      return update.incarnation > incarnation_;
    case HostStatus::kLeft:
      return update.incarnation >= incarnation_;
    case HostStatus::kSuspected:
      return update.incarnation == incarnation_ && members_.contains(update.accuser);
    case HostStatus::kDown:
      return update.incarnation == incarnation_ && !update.accusers.empty() &&
             members_.contains(update.accusers.front().accuser);
  }
  return false;
}

// Refutes: a greater incarnation, told to everybody, overrules what was said of the smaller one. A
// host that accuses us again and again is answered ever less at once: it needs company to harm us.
void Membership::on_claim_about_self(Instant now, const MemberUpdate& update, Output& out) {
  HostId accuser = update.accuser;
  if (update.status == HostStatus::kDown) accuser = update.accusers.front().accuser;
  if (update.status == HostStatus::kAlive || update.status == HostStatus::kLeft) {
    accuser = self_;
    out.twin = ++elsewhere_ >= kTwinAfter;
  }
  refute_above_ = std::max(refute_above_, update.incarnation);
  if (limit(now, {self_, HostId{}}).try_take(kHealthLimit, now)) worsen_health(1);
  if (limit(now, {accuser, self_}).try_take(kRefutationLimit, now)) return refute(out);
  refute_at_ = std::min(refute_at_, now + kRefutationLimit.interval);
}

void Membership::refute(Output& out) {
  refute_at_ = kNever;
  incarnation_ = std::max(incarnation_, refute_above_) + 1;
  signature_ = {};
  ++counters_.self_refutations;
  out.news.push_back(own_claim());
}

void Membership::endorse(const MemberUpdate& own) {
  if (own.host == self_) {
    if (own.incarnation == incarnation_) signature_ = own.signature;
    return;
  }
  auto found = members_.find(own.host);
  if (found != members_.end() && found->second.trial)
    found->second.trial->suspicion.sign(self_, own.signature);
}

MemberUpdate Membership::own_claim() const {
  return {self_, left_ ? HostStatus::kLeft : HostStatus::kAlive, incarnation_, self_, signature_,
          {}};
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
    ++revision_;
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

std::optional<Instant> Membership::heard(HostId host) const {
  auto found = members_.find(host);
  return found == members_.end() ? std::nullopt : std::optional(found->second.heard);
}

std::size_t Membership::accusers_of(HostId host) const {
  auto found = members_.find(host);
  bool accused = found != members_.end() && found->second.trial;
  return accused ? found->second.trial->suspicion.accusers().size() : 0;
}

std::optional<MemberUpdate> Membership::claim_of(HostId host) const {
  auto found = members_.find(host);
  if (found == members_.end() || !found->second.claim) return std::nullopt;
  const Member& member = found->second;
  bool gone = member.status == HostStatus::kLeft;
  return MemberUpdate{
      host, gone ? HostStatus::kLeft : HostStatus::kAlive, member.claimed, host, *member.claim, {}};
}

bool Membership::has_claim(HostId host) const {
  auto found = members_.find(host);
  return found != members_.end() && found->second.claim &&
         found->second.claimed >= found->second.incarnation;
}

std::optional<MemberUpdate> Membership::held(const MemberUpdate& update) const {
  auto found = members_.find(update.host);
  if (found == members_.end() || !found->second.trial) return std::nullopt;
  const Suspicion& suspicion = found->second.trial->suspicion;
  if (suspicion.incarnation() != update.incarnation) return std::nullopt;
  auto holds = [&](const Accusation& each) {
    const auto& own = suspicion.accusers();
    return std::find(own.begin(), own.end(), each) != own.end();
  };
  if (update.status == HostStatus::kSuspected)
    return holds({update.accuser, update.signature}) ? std::optional(update) : std::nullopt;
  MemberUpdate out = update;
  std::erase_if(out.accusers, [&](const Accusation& each) { return !holds(each); });
  if (out.accusers.size() < quorum_on(update.host, found->second).proof) return std::nullopt;
  return out;
}

bool Membership::is_current(const MemberUpdate& update) const {
  if (update.host == self_) return update.incarnation == incarnation_;
  auto found = members_.find(update.host);
  if (found == members_.end()) return false;
  const Member& member = found->second;
  switch (update.status) {
    case HostStatus::kAlive:
      return update.incarnation == member.claimed && member.status != HostStatus::kLeft;
    case HostStatus::kLeft:
      return update.incarnation == member.claimed && member.status == HostStatus::kLeft;
    case HostStatus::kSuspected:
    case HostStatus::kDown:
      return member.trial && member.trial->suspicion.incarnation() == update.incarnation;
  }
  return false;
}

bool Membership::check_invariants() const {
  std::size_t living = 0;
  std::size_t suspected = 0;
  std::size_t down = 0;
  for (const auto& [host, member] : members_) {
    bool is_suspected = member.status == HostStatus::kSuspected;
    bool is_down = member.status == HostStatus::kDown;
    if ((member.trial != nullptr) != (is_suspected || is_down) ||
        (is_suspected && !suspected_.contains(host)) || (is_down && !down_.contains(host)))
      return false;
    living += lives(member.status) ? 1 : 0;
    suspected += is_suspected ? 1 : 0;
    down += is_down ? 1 : 0;
  }
  bool indexed = suspected == suspected_.size() && down == down_.size() &&
                 std::all_of(accused_.begin(), accused_.end(),
                             [this](HostId host) { return suspected_.contains(host); });
  if (!indexed) return false;
  // Now and then: after every event, it would be most of a simulation's time.
  if (sequence_ % 16 == 0 && !suspected_.empty()) {
    const auto& [host, member] = *suspected_.begin();
    if (quorum_on(host, *member) != count_quorum(host, *member) ||
        next_deadline() != count_next_deadline())
      return false;
  }
  bool probes_known = std::all_of(probes_.begin(), probes_.end(), [this](const auto& entry) {
    return members_.contains(entry.second.target);
  });
  return living == living_.size() && std::is_sorted(living_.begin(), living_.end()) &&
         probes_known && !members_.contains(self_) && health_ >= 0 && health_ <= kWorstHealth &&
         probes_.size() <= kMaxProbes && relays_.size() <= kMaxRelays &&
         limits_.size() <= kMaxLimits;
}

}  // namespace sixpn::registry
