#include "agent/core/notices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "mesh/core/key_holders.h"
#include "mesh/core/utc.h"
#include "registry/core/clock_offset.h"
#include "registry/core/service_ports.h"
#include "registry/core/tls_authority.h"
#include "registry/core/validity.h"

namespace sixpn::agent {
namespace {

using mesh::format_span;
using mesh::format_utc;
using std::chrono::milliseconds;

// A step louder each time so much is left.
constexpr std::array kSteps = {kExpiryNotice, milliseconds(std::chrono::hours(14 * 24)),
                               milliseconds(std::chrono::hours(7 * 24)),
                               milliseconds(std::chrono::hours(3 * 24)),
                               milliseconds(std::chrono::hours(24))};
constexpr int kExpiredLevel = static_cast<int>(kSteps.size()) + 1;
constexpr int kCutLevel = kExpiredLevel + 1;
constexpr int kUrgentLevel = 4;  // three days
constexpr std::size_t kDigestDigits = 16;
constexpr std::size_t kClockQuorum = 3;  // others, to say that the odd one is this host

int level_of(milliseconds left) {
  return static_cast<int>(
      std::count_if(kSteps.begin(), kSteps.end(), [left](auto step) { return left <= step; }));
}

std::string remedy(const std::string& host) {
  return "run `sixpn host renew " + host + "` where the root key is";
}

Notice notice_of(const HostView& host, WallTime until, const Snapshot& snapshot, WallTime now) {
  const std::string& name = host.record.name;
  Notice out{"certificate/" + to_string(host.record.id), 0, false, ""};
  switch (standing_at(until, now, snapshot.certificate_grace)) {
    case Standing::kGood:
      out.level = level_of(until - now);
      out.sentence = fmt::format("the certificate of host {} expires in {}, at {}: {}", name,
                                 format_span(until - now), format_utc(until), remedy(name));
      break;
    case Standing::kExpired:
      out.level = kExpiredLevel;
      out.sentence = fmt::format(
          "the certificate of host {} expired at {}; the others shut it out at {}: {}", name,
          format_utc(until), format_utc(until + snapshot.certificate_grace), remedy(name));
      break;
    case Standing::kShutOut:  // this host itself, or most hosts
      out.level = kCutLevel;
      out.sentence = host.record.id == snapshot.self
                         ? fmt::format(
                               "the certificate of this host expired at {} and the others "
                               "shut it out: {}",
                               format_utc(until), remedy(name))
                         : fmt::format(
                               "the certificate of host {} expired at {}, and those of most "
                               "hosts with it (or this host's clock is wrong), so nobody is "
                               "shut out: {}",
                               name, format_utc(until), remedy("--all"));
      break;
  }
  out.urgent = out.level >= kUrgentLevel;
  return out;
}

// Many hosts that were invited together end together.
Notice summary(std::vector<Notice> all) {
  auto worst = std::max_element(all.begin(), all.end(),
                                [](const auto& a, const auto& b) { return a.level < b.level; });
  return {"certificates", worst->level, worst->urgent,
          fmt::format("the certificates of {} hosts end within 30 days or have ended ({}), among "
                      "them: {}",
                      all.size(), remedy("--all"), worst->sentence)};
}

std::string describe(const HostCertificate& certificate) {
  std::string digest = to_hex(as_bytes(certificate_digest(certificate.encoded)));
  return fmt::format("{} in {} (enrolled {}, certificate {})", certificate.invite.name,
                     certificate.invite.region, format_utc(certificate.enrolled),
                     digest.substr(0, kDigestDigits));
}

bool is_far(milliseconds offset) {
  return std::chrono::abs(offset) > registry::kClockOffsetNoted;
}

// Beyond a minute the difference begins to matter: shared records of a clock that is ahead wait.
int far_level(milliseconds offset) {
  return std::chrono::abs(offset) > std::chrono::minutes(1) ? 2 : 1;
}

std::string away(milliseconds offset) {
  return format_span(std::chrono::abs(offset)) + (offset > offset.zero() ? " ahead of" : " behind");
}

}  // namespace

std::vector<Notice> certificate_notices(const Snapshot& snapshot, WallTime now) {
  std::vector<Notice> out;
  for (const auto& [id, host] : snapshot.hosts)
    if (host.valid_until && *host.valid_until - now <= kExpiryNotice)
      out.push_back(notice_of(host, *host.valid_until, snapshot, now));
  for (const auto& [id, host] : snapshot.shut_out)
    if (!host.revoked)
      out.push_back(
          {"certificate/" + to_string(id), kCutLevel, true,
           fmt::format("host {} is shut out, its certificate expired{}: {}", host.record.name,
                       host.valid_until ? " at " + format_utc(*host.valid_until) : "",
                       remedy(host.record.name))});
  if (out.size() > kMaxCertificateNotices) out = {summary(std::move(out))};
  if (snapshot.revocations.contains(snapshot.self))
    out.push_back({"revoked", 1, true,
                   "this host is revoked: the others deal with it no more. If that was a mistake, "
                   "stop the agent, move its identity away and join with a new token"});
  return out;
}

std::vector<Notice> key_notices(const Snapshot& snapshot) {
  std::vector<Notice> out;
  for (const auto& [host, holder, proven] : mesh::false_key_claims(snapshot)) {
    auto named = [&](HostId id) {
      const std::string& name = snapshot.find_host(id)->record.name;
      return id == snapshot.self ? "this host (" + name + ")" : "host " + name;
    };
    const std::string who = named(host);
    out.push_back(
        {"key/" + to_string(host), 1, true,
         proven
             ? fmt::format("{0} publishes a WireGuard key that {1} proves to be its own, so {0} "
                           "is not linked: its identity may be stolen, and `sixpn host revoke` "
                           "would shut it out",
                           who, named(holder))
             : fmt::format("{0} and {1} publish the same WireGuard key, and neither alone proves "
                           "to have it: {0} is not linked, until the keys of both are replaced "
                           "(`sixpn host rotate-key`)",
                           who, named(holder))});
  }
  return out;
}

std::vector<Notice> conflict_notices(const std::map<HostId, registry::EnrolmentConflict>& conflicts,
                                     HostId self, WallTime now) {
  std::vector<Notice> out;
  for (const auto& [id, conflict] : conflicts) {
    if (now - conflict.seen > kConflictNotice) continue;
    const std::string stands = describe(conflict.standing);
    const std::string lost = describe(conflict.lost);
    Notice notice{"conflict/" + to_string(id), 1, true, ""};
    notice.sentence =
        id == self ? fmt::format(
                         "the id of this host, {}, is enrolled twice: {} or {}. The first stands "
                         "and the other is refused by every host. On the server of the other, stop "
                         "the agent, move its identity away and join with a new token; if there is "
                         "no such server, somebody else has used the token: revoke {}",
                         to_string(id), stands, lost, to_string(id))
                   : fmt::format(
                         "host id {} is enrolled twice: {} stands, {} is refused. If both are your "
                         "servers, invite the second anew; if not, somebody else has used the "
                         "token: `sixpn host revoke {}`, and invite the first anew",
                         to_string(id), stands, lost, to_string(id));
    out.push_back(std::move(notice));
  }
  return out;
}

std::vector<Notice> clock_notices(const std::map<std::string, milliseconds>& ahead) {
  std::vector<Notice> out;
  std::vector<milliseconds> sorted;
  for (const auto& [name, offset] : ahead) {
    sorted.push_back(offset);
    if (is_far(offset))
      out.push_back({"clock/" + name, far_level(offset), far_level(offset) > 1,
                     fmt::format("the clock of host {} is {} this one's: set both by NTP", name,
                                 away(offset))});
  }
  if (sorted.size() < kClockQuorum) return out;
  std::sort(sorted.begin(), sorted.end());
  milliseconds median = sorted[sorted.size() / 2];
  if (!is_far(median)) return out;
  return {
      {"clock", far_level(median), far_level(median) > 1,
       fmt::format("the clocks of most hosts are {} this one's: this host's clock is wrong, set "
                   "it by NTP",
                   away(median))}};
}

std::vector<Notice> tls_notices(const Snapshot& snapshot, const HostCertificate& self,
                                const std::string& tls_key, const PublicKey& root_key,
                                WallTime now) {
  std::vector<Notice> out;
  for (const auto& [org, record] : snapshot.orgs) {
    if (out.size() >= kMaxCertificateNotices) break;
    if (!has_tls_grant(snapshot, org, HostId{}) || !self.invite.allows_org(org)) continue;
    auto issuer = find_issuer(snapshot, org, self.invite.host, tls_key, root_key, now);
    const std::string about = "tls/" + org;
    if (!issuer) {
      out.push_back({about, kExpiredLevel, false, issuer.error().message});
      continue;
    }
    const WallTime until = issuer->times.until;
    if (until - now > kExpiryNotice) continue;
    Notice notice{about, level_of(until - now), false, ""};
    notice.urgent = notice.level >= kUrgentLevel;
    notice.sentence = fmt::format(
        "this host's certificate for TLS of org {} expires in {}, at {}: run `sixpn "
        "certs issue --org {}` where the root key is",
        org, format_span(until - now), format_utc(until), org);
    out.push_back(std::move(notice));
  }
  return out;
}

std::string why_no_tls(const Snapshot& snapshot, const AppRecord& app, const std::string& tls_key,
                       const PublicKey& root_key, WallTime now) {
  bool offered = std::any_of(app.services.begin(), app.services.end(), [](const Service& service) {
    return std::any_of(service.ports.begin(), service.ports.end(), ends_tls);
  });
  if (!offered) return "";
  auto issuer = find_issuer(snapshot, app.org, snapshot.self, tls_key, root_key, now);
  return issuer ? "" : issuer.error().message;
}

std::vector<Notice> NoticeMemory::news(const std::vector<Notice>& all) {
  std::vector<Notice> out;
  std::map<std::string, int> said;
  for (const auto& notice : all) {
    auto before = said_.find(notice.about);
    if (before == said_.end() || before->second < notice.level) out.push_back(notice);
    said[notice.about] = notice.level;
  }
  said_ = std::move(said);
  return out;
}

}  // namespace sixpn::agent
