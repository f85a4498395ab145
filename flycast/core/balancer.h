// The balancer: which machine a connection goes to. Distance first: regions in order, the own one
// before others, others by measured round trip; one region is left only when none of its machines
// can take the connection. Inside a region: under the soft limit before over it, this host before
// its neighbours, then the less loaded of two drawn at random (Mitzenmacher's power of two choices:
// the view of load is old, and always taking the least loaded makes a herd). Never at the hard
// limit, never what was excluded; a machine that failed lately only when nothing else is left
// anywhere. Pure; randomness is passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/rng.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

// A candidate with what is known of it now.
struct Contender {
  Candidate candidate;
  double load = 0;        // estimated open connections
  bool at_limit = false;  // hard limit reached, as far as is known
  bool failing = false;   // a connect failed lately
  bool excluded = false;  // tried for this connection already
};

enum class NoPick {
  kNoCandidate,  // the list is empty
  kAllExcluded,  // each was tried already (some may be at their limit besides)
  kAllAtLimit,   // none was tried, each is at its hard limit
};
std::string_view to_string(NoPick reason);

// The index into the contenders, or why there is none.
using Choice = std::variant<std::size_t, NoPick>;

Choice choose(std::span<const Contender> contenders, std::string_view home_region,
              std::uint32_t soft_limit, Rng& rng);

// What choosing compares inside a class: grows with load, steeply past the soft limit (0: no soft
// limit).
double cost(double load, std::uint32_t soft_limit);

}  // namespace sixpn::flycast
