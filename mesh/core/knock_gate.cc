#include "mesh/core/knock_gate.h"

#include <cstdlib>

#include "base/encoding.h"
#include "mesh/core/utc.h"
#include "registry/core/validity.h"

namespace sixpn::mesh {
namespace {

std::string describe(const Invite& invite) {
  return "host " + invite.name + " (" + to_string(invite.host) + ")";
}

// The unit that one attacker or one site holds.
Ip6 source_of(const Ip6& ip) {
  return ip.is_v4_mapped() ? ip : make_prefix(ip, 64).ip;
}

std::optional<Refusal> check_clock(WallTime sent, WallTime now) {
  auto ahead = sent - now;
  auto apart = ahead < ahead.zero() ? -ahead : ahead;
  if (apart <= kKnockClockTolerance) return std::nullopt;
  return Refusal{RefusalReason::kClock, "the knocking host's clock is " + format_span(apart) +
                                            (ahead > ahead.zero() ? " ahead" : " behind") +
                                            ": it says " + format_utc(sent) + ", here it is " +
                                            format_utc(now) + " (set both by NTP)"};
}

const HostRecord* known_host(const Snapshot& snapshot, HostId id) {
  if (const HostView* host = snapshot.find_host(id)) return &host->record;
  auto found = snapshot.shut_out.find(id);
  return found == snapshot.shut_out.end() ? nullptr : &found->second.record;
}

// Nothing: for ever.
std::optional<WallTime> validity_of(const VerifiedHost& host, const Snapshot& snapshot) {
  auto renewal = snapshot.renewals.find(host.certificate.invite.host);
  return valid_until(host.certificate,
                     renewal == snapshot.renewals.end() ? nullptr : renewal->second.get());
}

Refusal expired(const VerifiedHost& host, const Snapshot& snapshot) {
  const Invite& invite = host.certificate.invite;
  auto until = validity_of(host, snapshot);
  return {RefusalReason::kShutOut, "the certificate of " + describe(invite) + " expired" +
                                       (until ? " at " + format_utc(*until) : "") +
                                       " (renew it where the root key is: `sixpn host renew " +
                                       invite.name + "`)"};
}

// As `sixpn status` of the hosts that refuse it names them.
std::string describe_enrolment(const HostCertificate& certificate) {
  constexpr std::size_t kDigestDigits = 16;
  return to_hex(as_bytes(certificate_digest(certificate.encoded))).substr(0, kDigestDigits) +
         " of " + format_utc(certificate.enrolled);
}

// Whose name it is; the names of revoked hosts are free.
std::optional<HostId> holder_of(const std::string& name, const Snapshot& snapshot) {
  for (const auto& [id, host] : snapshot.hosts)
    if (host.record.name == name && !snapshot.revocations.contains(id)) return id;
  for (const auto& [id, host] : snapshot.shut_out)
    if (host.record.name == name && !host.revoked) return id;
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> judge_knock(const VerifiedHost& host, const Snapshot& snapshot,
                                   WallTime now) {
  const Invite& invite = host.certificate.invite;
  if (snapshot.revocations.contains(invite.host))
    return Refusal{RefusalReason::kRevoked, describe(invite) + " was revoked"};
  if (const HostRecord* known = known_host(snapshot, invite.host)) {
    if (known->certificate != host.certificate.encoded)
      return Refusal{RefusalReason::kTokenUsed,
                     "the token was already used: " + describe(invite) +
                         " is enrolled under another certificate (ask for a new invite)"};
    if (snapshot.shut_out.contains(invite.host)) return expired(host, snapshot);
    return std::nullopt;
  }
  if (standing_at(validity_of(host, snapshot), now, snapshot.certificate_grace) ==
      Standing::kShutOut)
    return expired(host, snapshot);
  if (now > invite.expires)
    return Refusal{RefusalReason::kExpired, "the invite of " + describe(invite) + " expired at " +
                                                format_utc(invite.expires) + ", it is now " +
                                                format_utc(now) + " (ask for a new invite)"};
  if (auto holder = holder_of(invite.name, snapshot))
    return Refusal{RefusalReason::kNameTaken, "the name of " + describe(invite) +
                                                  " is taken by host " + to_string(*holder) +
                                                  " (invite it under another name)"};
  return std::nullopt;
}

GateOutput KnockGate::on_knock(Now now, const IpEndpoint& from, const Knock& knock,
                               const Snapshot& snapshot, const SignedRecord* own) {
  if (!is_underlay(from)) {
    ++counters_.bad_source;
    return {};
  }
  if (auto refusal = check_clock(knock.sent, now.wall)) {
    if (clock_refusals_.try_take(kClockRefusalLimit, now.mono))
      return refuse(from, knock, std::move(*refusal));
    ++counters_.over_limit;
    return {};
  }
  if (seen_.contains(knock.nonce)) {
    ++counters_.replayed;
    return {};
  }
  if (!within_limits(now.mono, source_of(from.ip)) || !remember_nonce(now.mono, knock.nonce)) {
    ++counters_.over_limit;
    return {};
  }
  return decide(now, from, knock, snapshot, own);
}

GateOutput KnockGate::decide(Now now, const IpEndpoint& from, const Knock& knock,
                             const Snapshot& snapshot, const SignedRecord* own) {
  if (const std::string cluster = cluster_id(options_.root_key); knock.cluster != cluster)
    return refuse(
        from, knock,
        {RefusalReason::kOtherCluster, "the knock is for cluster " + to_hex(knock.cluster) +
                                           ", this is cluster " + to_hex(cluster)});
  auto host = verify_host_record(knock.record, options_.root_key);
  if (!host) return refuse(from, knock, {RefusalReason::kInvalid, host.error().message});
  const HostView* self = snapshot.find_host(options_.self);
  if (host->certificate.invite.host == options_.self && self != nullptr &&
      self->record.certificate == host->certificate.encoded) {
    ++counters_.own;
    return {};
  }
  if (auto refusal = judge_knock(*host, snapshot, now.wall)) {
    bool second = refusal->reason == RefusalReason::kTokenUsed;
    if (second) tell_both(*host, snapshot, *refusal);
    GateOutput output = refuse(from, knock, std::move(*refusal));
    if (second) output.second_enrolment = std::move(host->certificate);
    return output;
  }
  ++counters_.accepted;
  KnockReply reply = reply_to(from, knock);
  reply.accepted = true;
  if (own != nullptr) reply.record = own->wire();
  return {encode_reply(reply, options_.cluster_key), std::move(*host), {}, {}};
}

// Whom it is told learns of the other enrolment from nobody else: it has no tunnel.
void KnockGate::tell_both(const VerifiedHost& host, const Snapshot& snapshot,
                          Refusal& refusal) const {
  const Invite& invite = host.certificate.invite;
  auto standing =
      verify_certificate(known_host(snapshot, invite.host)->certificate, options_.root_key);
  if (standing)
    refusal.sentence = "the token was already used: " + describe(invite) + " has certificate " +
                       describe_enrolment(*standing) + ", so " +
                       describe_enrolment(host.certificate) + " is refused (ask for a new invite)";
}

KnockReply KnockGate::reply_to(const IpEndpoint& from, const Knock& knock) const {
  return {.cluster = cluster_id(options_.root_key), .nonce = knock.nonce, .observed = from};
}

GateOutput KnockGate::refuse(const IpEndpoint& from, const Knock& knock, Refusal refusal) {
  ++counters_.refused;
  KnockReply reply = reply_to(from, knock);
  reply.reason = refusal.sentence;
  return {encode_reply(reply, options_.cluster_key), {}, std::move(refusal), {}};
}

void KnockGate::on_garbage(KnockGarbage garbage) {
  switch (garbage) {
    case KnockGarbage::kSize:
      ++counters_.wrong_size;
      break;
    case KnockGarbage::kVersion:
      ++counters_.wrong_version;
      break;
    case KnockGarbage::kMac:
      ++counters_.wrong_mac;
      break;
    case KnockGarbage::kMalformed:
      ++counters_.malformed;
      break;
  }
}

// Takes from both buckets or from none, so that neither is used up by what the other refuses.
bool KnockGate::within_limits(Instant now, const Ip6& source) {
  if (!total_.allows(kKnockLimit, now)) return false;
  if (sources_.size() >= kMaxKnockSources)
    std::erase_if(sources_, [&](const auto& entry) { return entry.second.is_full(now); });
  auto found = sources_.find(source);
  if (found == sources_.end()) {
    if (sources_.size() >= kMaxKnockSources) return false;
    found = sources_.emplace(source, TokenBucket()).first;
  }
  if (!found->second.try_take(kKnockSourceLimit, now)) return false;
  total_.take(kKnockLimit, now);
  return true;
}

bool KnockGate::remember_nonce(Instant now, std::uint64_t nonce) {
  while (!seen_order_.empty() && seen_order_.front().forget_at <= now) {
    seen_.erase(seen_order_.front().nonce);
    seen_order_.pop_front();
  }
  if (seen_.size() >= kMaxKnockNonces) return false;
  seen_.insert(nonce);
  seen_order_.push_back({now + 2 * kKnockClockTolerance, nonce});
  return true;
}

void KnockGate::check_invariants() const {
  bool bounded = seen_.size() <= kMaxKnockNonces && sources_.size() <= kMaxKnockSources;
  if (!bounded || seen_.size() != seen_order_.size()) std::abort();
}

}  // namespace sixpn::mesh
