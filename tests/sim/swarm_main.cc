// sim_swarm --seeds A..B [--hosts A..B] [--part K/N] [--twice]: runs the swarm of each seed (of
// every N-th, beginning at the K-th) and prints one line for each that fails, with the command that
// runs it again. --twice runs each seed a second time and compares the hashes of effects. Exit
// status 1 when anything failed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/swarm.h"

namespace {

struct Arguments {
  unsigned long first = 1;
  unsigned long last = 10;
  unsigned hosts_least = 5;
  unsigned hosts_most = 50;
  unsigned long part = 0;
  unsigned long parts = 1;
  bool twice = false;
  bool verbose = false;
};

bool parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    bool last = i + 1 == argc;
    if (std::strcmp(argv[i], "--twice") == 0) {
      out.twice = true;
    } else if (std::strcmp(argv[i], "--verbose") == 0) {
      out.verbose = true;
    } else if (!last && std::strcmp(argv[i], "--seeds") == 0) {
      if (std::sscanf(argv[++i], "%lu..%lu", &out.first, &out.last) != 2) return false;
    } else if (!last && std::strcmp(argv[i], "--hosts") == 0) {
      if (std::sscanf(argv[++i], "%u..%u", &out.hosts_least, &out.hosts_most) != 2) return false;
    } else if (!last && std::strcmp(argv[i], "--part") == 0) {
      if (std::sscanf(argv[++i], "%lu/%lu", &out.part, &out.parts) != 2) return false;
      --out.part;
    } else {
      return false;
    }
  }
  return out.first <= out.last && 2 <= out.hosts_least && out.hosts_least <= out.hosts_most &&
         out.part < out.parts;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fprintf(
        stderr,
        "usage: sim_swarm --seeds A..B [--hosts A..B] [--part K/N] [--twice] [--verbose]\n");
    return 2;
  }
  unsigned long ran = 0;
  unsigned long failed = 0;
  unsigned long long events = 0;
  double slowest = 0;
  for (auto seed = arguments.first + arguments.part; seed <= arguments.last;
       seed += arguments.parts) {
    sixpn::sim::SwarmLimits limits{arguments.hosts_least, arguments.hosts_most};
    auto outcome = sixpn::sim::run_seed(seed, limits);
    if (outcome.ok && arguments.twice &&
        sixpn::sim::run_seed(seed, limits).effects != outcome.effects) {
      outcome.ok = false;
      outcome.problem = "a second run of the same seed went another way";
    }
    ++ran;
    events += outcome.events;
    if (outcome.settled_seconds > slowest) slowest = outcome.settled_seconds;
    if (arguments.verbose)
      std::printf("seed %lu: %s; %llu events, equal after %.1f s\n", seed, outcome.faults.c_str(),
                  static_cast<unsigned long long>(outcome.events), outcome.settled_seconds);
    std::fflush(stdout);
    if (outcome.ok) continue;
    ++failed;
    std::printf("seed %lu FAILED: %s\n  %s\n  replay: %s --seeds %lu..%lu --hosts %u..%u\n", seed,
                outcome.problem.c_str(), outcome.faults.c_str(), argv[0], seed, seed,
                arguments.hosts_least, arguments.hosts_most);
    std::fflush(stdout);
  }
  std::printf(
      "%lu seeds, %lu failed, %llu events, stores equal %.1f s after the last fault at most\n", ran,
      failed, events, slowest);
  return failed == 0 ? 0 : 1;
}
