// BalanceWorld: four regions of machines and the proxies that share them, in virtual time: requests
// come at random, cross the distances between regions, are admitted, refused or left waiting by
// the machine's owner, served, and answered. The owner's queue and the requests' retries are
// flycast/core's own; the choice is a Policy. Deterministic per seed.
//
// It is a model of load, not of packets: nothing is lost, and an attempt that nobody answers ends
// by its timeout.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "tests/sim/balance/policy.h"

namespace sixpn::sim {

inline constexpr unsigned kBalanceRegions = 4;
inline constexpr unsigned kMachinesPerRegion = 6;

struct Scene {
  const char* name = "";
  // Of what the region's machines hold at their soft limit.
  std::array<double, kBalanceRegions> load{};
  unsigned proxies = 32;
  double slow_by = 1;          // the first machine of each region takes so many times as long
  bool one_refuses = false;    // the second machine of each region refuses connections
  bool one_is_silent = false;  // it never answers
  Duration gossip_every = std::chrono::milliseconds(200);
  Duration gossip_late = std::chrono::milliseconds(150);
  Duration warm_up = std::chrono::seconds(2);
  Duration measured = std::chrono::seconds(5);
};

struct BalanceFigures {
  std::uint64_t requests = 0;
  double sends = 0;   // attempts per request
  double failed = 0;  // share
  double p50_ms = 0;
  double p99_ms = 0;
  double spill = 0;             // share of the hottest region's requests that were served elsewhere
  double least_spill = 0;       // what no balancer can keep there (Erlang's loss formula)
  std::uint32_t most_open = 0;  // on any machine, ever
};

BalanceFigures play(const Scene& scene, PolicyKind policy, std::uint64_t seed);

// Soft and hard limit of each machine.
inline constexpr std::uint32_t kSceneSoft = 20;
inline constexpr std::uint32_t kSceneHard = 25;

Scene even_scene();
Scene hot_scene();
Scene spill_scene();
Scene slow_scene();
Scene dead_scene();
Scene silent_scene();

}  // namespace sixpn::sim
