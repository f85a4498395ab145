// What an operator should know about trust, as sentences with what to do: certificates that end,
// host ids enrolled twice, clocks that differ. The same sentences stand in `sixpn status` and, once
// for each step they get worse, in the log. Pure values; judged by the time that is passed in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
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

// Remembers what was said. Bounded by what there is to say.
class NoticeMemory {
 public:
  // Those of `all` that are new, or worse than when they were last here.
  std::vector<Notice> news(const std::vector<Notice>& all);

 private:
  std::map<std::string, int> said_;
};

}  // namespace sixpn::agent
