// The balancer: which machine a connection or request goes to. Distance first: regions in order,
// the own one before others, others by measured round trip; one region is left only when none of
// its machines can take it. Inside a region: this host's machines while they are under their soft
// limit; then two drawn at random, the cheaper by latency and load (cost()): the view of load is
// old, and always taking the least loaded makes a herd (Mitzenmacher's power of two choices). A
// machine that failed lately is out, unless that is more than half of its region and not all of it:
// then the failures say more about what is asked than about machines. What is known to be full is
// asked only when nothing else is left, and what is out only after that. Pure; allocates nothing;
// randomness is passed in. Measured and simulated: decisions/0105.
#pragma once

#include <functional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/service_pool.h"

namespace sixpn::flycast {

// Up to this long after it joined, a machine gets less than its share, growing from a tenth.
inline constexpr Duration kSlowStart = std::chrono::seconds(10);
inline constexpr double kFirstShare = 0.1;

enum class NoPick {
  kNoCandidate,  // there is none, or none that is wanted
  kAllExcluded,  // each was tried already
};
std::string_view to_string(NoPick reason);

struct Pick {
  const ServicePool::Member* member = nullptr;  // until the pool changes
  // Another one could still be asked: this one should say no at once rather than let it wait.
  bool has_other = false;
  bool known_full = false;  // at its hard limit, as are all others that could be asked
};

using Choice = std::variant<Pick, NoPick>;

// Whether a candidate must not be taken this time, and why.
enum class Bar {
  kNone,
  kUnwanted,  // the request asks for others
  kTried,     // this request was there already
};
using Bars = std::function<Bar(const Candidate&, bool home)>;

Choice choose(const ServicePool& pool, const Bars& bars, Instant now, Rng& rng);

// What choosing compares inside a tier, in seconds: the time to an answer, were all that is open
// served one after the other; steeper past the soft limit (0: no soft limit).
double cost(double latency, double load, std::uint32_t soft_limit, double share);
// 1, or less while it starts slowly.
double start_share(Instant joined, Instant now);

// How the balancer sees each member, in the pool's order: for `sixpn flycast explain`.
struct Judged {
  const ServicePool::Member* member = nullptr;
  bool full = false;
  bool out = false;          // failed lately, or its host
  bool out_ignored = false;  // more than half of its region is
  bool preferred = false;    // of this proxy's subset
  double load = 0;
  double latency = 0;  // seconds, as cost() takes it
  double share = 1;
  double cost = 0;
};
std::vector<Judged> judge(const ServicePool& pool, Instant now);

}  // namespace sixpn::flycast
