// What a host pays for machines that it does not use, and what it saves by not holding them
// (decisions/0019): a part of sim_bench.
#pragma once

#include <cstdint>

namespace sixpn::sim {

struct InterestBench {
  unsigned hosts = 1000;
  unsigned machines = 100'000;
  unsigned networks = 500;
  double loss = 0.05;
  std::uint64_t seed = 1;
  bool traffic = true;  // else memory alone, which needs one host and not a whole cluster
};

void measure_interest(const InterestBench& what);

}  // namespace sixpn::sim
