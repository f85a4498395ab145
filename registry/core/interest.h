// Interest: what this host says of the networks that it uses (decisions/0019): those of its
// machines and of the peers it is the gateway of, and those that Flycast addresses lead to which
// may be dialled from these. It holds the machines of all others too. The agent writes what it says
// when that changes.
//
// A network counts as used for kInterestKept after its last use, so that a machine that comes and
// goes makes no traffic. Pure; control loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>

#include "base/time.h"
#include "registry/core/record.h"
#include "registry/core/snapshot.h"

namespace sixpn::registry {

inline constexpr std::chrono::minutes kInterestKept{10};

class Interest {
 public:
  // What to say now. Looks only into networks that changed since the last call. Names no network
  // when they are more than kMaxInterests.
  InterestRecord update(Instant now, const Snapshot& snapshot);

 private:
  struct Look {
    std::uint64_t generation;
    std::set<NetworkId> uses;
  };
  bool fresh_ = true;
  std::map<NetworkId, Look> looks_;
  std::map<NetworkId, Instant> last_used_;
};

}  // namespace sixpn::registry
