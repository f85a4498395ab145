// Membership's justice: who may accuse, who checks it, how much proof it takes, and how long the
// accused has. Nobody's verdict is believed, only signed accusations; every host judges by itself.
#include <algorithm>

#include "registry/core/membership.h"

namespace sixpn::registry {

// ---- accusations
// -----------------------------------------------------------------------------------

bool Membership::may_accuse(Instant now, const Member& member, HostId host,
                            std::uint64_t incarnation, HostId accuser) const {
  if (accuser == host || (accuser != self_ && !members_.contains(accuser))) return false;
  if (member.trial) {
    const Suspicion& suspicion = member.trial->suspicion;
    if (incarnation != suspicion.incarnation() || suspicion.has_accuser(accuser) ||
        suspicion.accusers().size() >= kMaxAccusers)
      return false;
  } else if (member.status != HostStatus::kAlive || incarnation != member.incarnation) {
    // Of the past, or of an incarnation that the host itself has never named here.
    return false;
  }
  auto allows = [&](const LimitKey& key, const BucketLimit& limit) {
    auto found = limits_.find(key);
    return found == limits_.end() || found->second.allows(limit, now);
  };
  // The first accusation in each life of the host is free: only the host begins a new life.
  bool refuted_before = (incarnation & ((1U << kLifeBits) - 1)) != 0;
  return allows({accuser, accuser}, kAccuserLimit) &&
         (!refuted_before || allows({accuser, host}, kAccusationLimit));
}

// Of the accusers of a "down", those that are new here. At an incarnation that this host has not
// heard the accused itself name, only a whole proof counts.
std::optional<MemberUpdate> Membership::wanted_accusers(Instant now, const Member& member,
                                                        const MemberUpdate& update) const {
  std::uint64_t known = member.trial ? member.trial->suspicion.incarnation() : member.incarnation;
  bool ahead = update.incarnation > known;
  MemberUpdate out = update;
  out.accusers.clear();
  std::set<HostId> seen;
  for (const auto& each : update.accusers) {
    bool may = ahead ? each.accuser != update.host &&
                           (each.accuser == self_ || members_.contains(each.accuser))
                     : may_accuse(now, member, update.host, update.incarnation, each.accuser);
    if (may && seen.insert(each.accuser).second) out.accusers.push_back(each);
  }
  std::size_t least = ahead ? quorum_on(update.host, member).proof : 1;
  if (out.accusers.size() < least) return std::nullopt;
  return out;
}

void Membership::accuse(Instant now, HostId host, Output& out) {
  const Member& member = members_.at(host);
  std::uint64_t incarnation =
      member.trial ? member.trial->suspicion.incarnation() : member.incarnation;
  on_update(now, {host, HostStatus::kSuspected, incarnation, self_}, out);
}

// A first suspicion of our own goes to the observers, and to the accused, who may refute it before
// anybody else has heard; their confirmations go to everybody.
void Membership::on_accusation(Instant now, const MemberUpdate& update, Output& out) {
  Member& member = members_.at(update.host);
  if (!member.trial) open_case(now, update.host, member, update.incarnation, out);
  Case& trial = *member.trial;
  trial.suspicion.accuse(now, {update.accuser, update.signature});
  ++cases_;
  take_limits(now, update.accuser, update.host, update.incarnation);
  bool own = update.accuser == self_;
  if (own) ++counters_.accusations;
  if (own && member.status == HostStatus::kSuspected && accused_.insert(update.host).second)
    ++electorate_;
  bool confirmed = trial.suspicion.accusers().size() > 1;
  if (confirmed || living_.size() < kTellAllSuspicions) {
    out.news.push_back(update);
  } else if (own) {
    out.direct.push_back({update.host, update});
    for (HostId observer : observers_of(update.host))
      if (observer != self_) out.direct.push_back({observer, update});
  } else if (!trial.observer) {
    out.news.push_back(update);
  }
  if (!own && trial.observer && !trial.suspicion.has_accuser(self_) && !is_probing(update.host))
    probe(now, update.host, Purpose::kConfirm, out);
}

void Membership::on_evidence(Instant now, const MemberUpdate& update, Output& out) {
  Member& member = members_.at(update.host);
  std::uint64_t known = member.trial ? member.trial->suspicion.incarnation() : member.incarnation;
  if (!member.trial || update.incarnation > known)
    open_case(now, update.host, member, update.incarnation, out);
  ++cases_;
  for (const auto& each : update.accusers) {
    if (!member.trial->suspicion.accuse(now, each)) continue;
    take_limits(now, each.accuser, update.host, update.incarnation);
  }
  out.news.push_back(evidence(update.host, member));
}

void Membership::open_case(Instant now, HostId host, Member& member, std::uint64_t incarnation,
                           Output& out) {
  auto observers = observers_of(host);
  auto place = std::find(observers.begin(), observers.end(), self_);
  member.trial = std::make_unique<Case>(Case{Suspicion(now, incarnation)});
  ++cases_;
  member.trial->observer = place != observers.end();
  member.trial->announcer = place - observers.begin() < std::ptrdiff_t{kAnnouncers};
  if (accused_.erase(host) != 0) ++electorate_;
  believe(now, host, member, HostStatus::kSuspected, out);
}

void Membership::take_limits(Instant now, HostId accuser, HostId host, std::uint64_t incarnation) {
  limit(now, {accuser, accuser}).take(kAccuserLimit, now);
  if ((incarnation & ((1U << kLifeBits) - 1)) != 0)
    limit(now, {accuser, host}).take(kAccusationLimit, now);
}

TokenBucket& Membership::limit(Instant now, const LimitKey& key) {
  if (limits_.size() >= kMaxLimits && !limits_.contains(key)) {
    std::erase_if(limits_, [now](const auto& entry) { return entry.second.is_full(now); });
    if (limits_.size() >= kMaxLimits) limits_.erase(limits_.begin());
  }
  return limits_[key];
}

// ---- judgement
// -------------------------------------------------------------------------------------

// Who could accuse: the living other than the suspect, less those that this host itself finds
// silent, for the dead do not vote. Only our own finding counts for that: a liar cannot lower the
// quorum by accusing witnesses.
Quorum Membership::count_quorum(HostId suspect, const Member& member) const {
  std::size_t others = living_.size();
  if (std::binary_search(living_.begin(), living_.end(), suspect)) --others;
  others -= accused_.size() - (accused_.contains(suspect) ? 1 : 0);
  std::size_t voters = others + 1;
  std::size_t observers = std::min(voters, kObservers);
  std::size_t proof = std::min(voters, options_.quorum);
  std::size_t enough = std::max(proof, (3 * observers + 3) / 4);
  std::size_t not_counted = member.trial ? void_votes(member.trial->suspicion) : 0;
  return {proof + not_counted, enough + not_counted};
}

Quorum Membership::quorum_on(HostId suspect, const Member& member) const {
  if (!member.trial) return count_quorum(suspect, member);
  Case::KnownQuorum& known = member.trial->known_quorum;
  std::size_t accusers = member.trial->suspicion.accusers().size();
  if (known.electorate != electorate_ || known.accusers != accusers)
    known = {count_quorum(suspect, member), accusers, electorate_};
  return known.quorum;
}

// Accusers that do not count among the voters: else two liars that leave, or are silent towards
// this host, would lower the quorum and then be one.
std::size_t Membership::void_votes(const Suspicion& suspicion) const {
  const auto& accusers = suspicion.accusers();
  auto is_void = [this](const Accusation& each) {
    return each.accuser != self_ &&
           (!std::binary_search(living_.begin(), living_.end(), each.accuser) ||
            accused_.contains(each.accuser));
  };
  return static_cast<std::size_t>(std::count_if(accusers.begin(), accusers.end(), is_void));
}

Instant Membership::deadline(HostId host, const Member& member) const {
  const Suspicion& suspicion = member.trial->suspicion;
  if (!options_.lifeguard) return suspicion.start() + options_.fixed_suspicion;
  return suspicion.deadline(quorum_on(host, member), health_);
}

Instant Membership::count_next_deadline() const {
  Instant next = kNever;
  for (const auto& [host, member] : suspected_) next = std::min(next, deadline(host, *member));
  return next;
}

Instant Membership::next_deadline() const {
  KnownDeadline& known = known_deadline_;
  if (known.electorate != electorate_ || known.cases != cases_ || known.health != health_)
    known = {count_next_deadline(), electorate_, cases_, health_};
  return known.next;
}

std::vector<HostId> Membership::observers_of(HostId suspect) const {
  std::vector<ObserverCandidate> candidates;
  candidates.reserve(living_.size() + 1);
  for (HostId host : living_) candidates.push_back({host, members_.at(host).region});
  candidates.push_back({self_, options_.region});
  return choose_observers(suspect, candidates);
}

void Membership::check_suspicions(Instant now, Output& out) {
  if (next_deadline() > now) return;
  std::vector<std::pair<HostId, Member*>> due;
  for (const auto& suspect : suspected_)
    if (deadline(suspect.first, *suspect.second) <= now) due.push_back(suspect);
  for (auto& [host, suspect] : due) {
    Member& member = *suspect;
    Suspicion& suspicion = member.trial->suspicion;
    bool heard = options_.lifeguard && now - member.heard < kHeardGrace;
    // What only others said, and too few, is worth nothing.
    if (suspicion.accusers().size() < quorum_on(host, member).proof &&
        !suspicion.has_accuser(self_)) {
      believe(now, host, member, HostStatus::kAlive, out);
      continue;
    }
    if (!heard && !must_wait(now, member)) {
      judge(now, host, member, out);
      continue;
    }
    suspicion.extend(now + kProbeInterval - deadline(host, member));
    ++cases_;
    if (heard && !is_probing(host)) probe(now, host, Purpose::kConfirm, out);
  }
}

void Membership::judge(Instant now, HostId host, Member& member, Output& out) {
  const Suspicion& suspicion = member.trial->suspicion;
  bool proven = suspicion.accusers().size() >= quorum_on(host, member).proof;
  Death death{host, {}, proven};
  for (const auto& each : suspicion.accusers()) death.accusers.push_back(each.accuser);
  out.deaths.push_back(std::move(death));
  bool announces = proven && member.trial->announcer;
  believe(now, host, member, HostStatus::kDown, out);
  if (!proven) ++counters_.local_downs;
  if (announces) out.proofs.push_back(evidence(host, member));
}

// Many at once, or silence from everybody, says more about this host's own network than about
// theirs.
bool Membership::must_wait(Instant now, const Member& member) const {
  if (!options_.lifeguard || now - member.trial->suspicion.start() >= kPatience) return false;
  std::size_t many = 0;
  for (const auto& [host, suspect] : suspected_) {
    const Suspicion& suspicion = suspect->trial->suspicion;
    if (suspicion.has_accuser(self_) || suspicion.accusers().size() >= options_.quorum) ++many;
  }
  if (many >= kMassFailure && many * 100 > kMassFailurePercent * members_.size()) return true;
  return is_cut_off(now);
}

bool Membership::is_cut_off(Instant now) const {
  if (!options_.lifeguard) return false;
  bool refused = refused_since_ != kNever && now - refused_since_ < kPatience;
  bool silent = living_.size() > 1 && now - heard_ > kProbeInterval && now - heard_ < kPatience;
  return refused || silent;
}

// ---- what is shown to others
// -----------------------------------------------------------------------

MemberUpdate Membership::evidence(HostId host, const Member& member) const {
  const Suspicion& suspicion = member.trial->suspicion;
  return {host, HostStatus::kDown, suspicion.incarnation(), {}, {}, suspicion.accusers()};
}

std::optional<MemberUpdate> Membership::verdict_on(HostId host) const {
  auto found = members_.find(host);
  if (found == members_.end() || !found->second.trial) return std::nullopt;
  if (!options_.lifeguard && found->second.status != HostStatus::kDown) return std::nullopt;
  const Suspicion& suspicion = found->second.trial->suspicion;
  // The accused listens to nobody whom it does not know, one that was revoked say, and then would
  // never refute: it knows whoever talks to it.
  auto credence = [this](const Accusation& each) {
    if (!is_signed(each.signature)) return 0;
    if (each.accuser == self_) return 3;
    return members_.contains(each.accuser) ? 2 : 1;
  };
  const auto& accusers = suspicion.accusers();
  auto shown =
      std::max_element(accusers.begin(), accusers.end(),
                       [&](const auto& a, const auto& b) { return credence(a) < credence(b); });
  return MemberUpdate{host,           HostStatus::kSuspected, suspicion.incarnation(),
                      shown->accuser, shown->signature,       {}};
}

}  // namespace sixpn::registry
