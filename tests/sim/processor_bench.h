// What the registry costs a host in processor time while the cluster changes: a part of sim_bench.
// In a simulated cluster a few hosts check every signature themselves, as a daemon does (all others
// share their checks), and the thread's processor time in their Gossip is measured. Not in it: the
// socket, the tunnel, the disk and the snapshots for other rooms.
#pragma once

#include <cstdint>

namespace sixpn::sim {

struct ProcessorBench {
  unsigned hosts = 100;
  unsigned per_second = 200;  // changes in the whole cluster
  unsigned seconds = 5;
  double loss = 0.05;
  std::uint64_t seed = 1;
};

void measure_processor(const ProcessorBench& what);

}  // namespace sixpn::sim
