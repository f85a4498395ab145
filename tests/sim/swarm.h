// Swarm: one seed, one cluster, a random subset of all faults for a virtual minute, then peace; and
// what must hold then. Each seed decides everything: how many hosts, where they stand, which faults
// (Groce et al., "Swarm testing", 2012). sim_swarm runs many; the first broken promise is reported
// in words.
#pragma once

#include <cstdint>
#include <string>

namespace sixpn::sim {

struct SwarmLimits {
  unsigned hosts_least = 5;
  unsigned hosts_most = 50;
};

struct SwarmOutcome {
  bool ok = false;
  std::string faults;   // which were enabled
  std::string problem;  // what did not hold
  std::uint64_t effects = 0;
  std::uint64_t events = 0;
  double settled_seconds = 0;  // from peace until all stores were equal
};

SwarmOutcome run_seed(std::uint64_t seed, const SwarmLimits& limits);

}  // namespace sixpn::sim
