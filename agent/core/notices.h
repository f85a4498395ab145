// What an operator should know about trust, as sentences with what to do: certificates that end,
// host ids enrolled twice, WireGuard keys claimed twice, clocks that differ. The same sentences
// stand in `sixpn status` and, once for each step they get worse, in the log. Pure values; judged
// by the time that is passed in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/enrolment_conflicts.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// More certificates than this are told of in one sentence.
inline constexpr std::size_t kMaxCertificateNotices = 8;

struct Notice {
  std::string about;    // what for, the same as long as it is the same matter
  int level = 0;        // rises as it gets worse
  bool urgent = false;  // an error, not a warning
  std::string sentence;
  friend bool operator==(const Notice&, const Notice&) = default;
};

// Certificates that end within kExpiryNotice or have ended, hosts that are shut out for it, and
// that this host itself is revoked. Louder 14, 7, 3 and 1 days before.
std::vector<Notice> certificate_notices(const Snapshot& snapshot, WallTime now);

// Hosts that publish the WireGuard key of another, which cannot be linked.
std::vector<Notice> key_notices(const Snapshot& snapshot);

// A second enrolment is told of for so long after it was last presented.
inline constexpr std::chrono::milliseconds kConflictNotice = std::chrono::hours(24);

// Host ids enrolled twice, this host's own among them.
std::vector<Notice> conflict_notices(const std::map<HostId, registry::EnrolmentConflict>& conflicts,
                                     HostId self, WallTime now);

// Clocks more than kClockOffsetNoted away from this host's. When it is this host that most others
// disagree with, one sentence says that instead. `ahead`: by host name.
std::vector<Notice> clock_notices(const std::map<std::string, std::chrono::milliseconds>& ahead);

// This host's certificates for TLS, of orgs that have an authority: those that end within
// kExpiryNotice, have ended, or are missing. `self`: its certificate, which says what orgs it may
// serve; `tls_key`: as HostRecord says it.
std::vector<Notice> tls_notices(const Snapshot& snapshot, const HostCertificate& self,
                                const std::string& tls_key, const PublicKey& root_key,
                                WallTime now);

// Why this host's machines cannot speak TLS with an app that offers it; "" when they can, or when
// no port of it ends TLS. Not a notice: an org may do without.
std::string why_no_tls(const Snapshot& snapshot, const AppRecord& app, const std::string& tls_key,
                       const PublicKey& root_key, WallTime now);

// Remembers what was said. Bounded by what there is to say.
class NoticeMemory {
 public:
  // Those of `all` that are new, or worse than when they were last here.
  std::vector<Notice> news(const std::vector<Notice>& all);

 private:
  std::map<std::string, int> said_;
};

}  // namespace sixpn::agent
