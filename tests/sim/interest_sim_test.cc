// Hosts that say they hold less than all: what two of them compare, pair by pair, while interests
// change on both sides of a partition.
#include <gtest/gtest.h>

#include "registry/core/address.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {
namespace {

using registry::LocalWrite;

constexpr unsigned kHosts = 9;
constexpr unsigned kNetworks = 4;

NetworkId network(std::uint64_t number) {
  return NetworkId{0xacce50 + static_cast<std::uint32_t>(number)};
}

LocalWrite interest_write(const Simulator& sim, unsigned host, bool all, std::uint64_t mask) {
  InterestRecord interest{sim.identity(host).id, all, {}};
  for (unsigned n = 0; n < kNetworks; ++n)
    if ((mask >> n & 1) != 0) interest.networks.push_back(network(n));
  return {interest, false, {}, ""};
}

// As in the daemon, a machine's id says its network.
LocalWrite machine_write(const Simulator& sim, unsigned host, unsigned number, MachineState state) {
  MachineRecord machine;
  machine.id = MachineId{0x1000 * (host + 1) + number};
  machine.host = sim.identity(host).id;
  machine.network = network(number % kNetworks);
  machine.app = "web";
  machine.group = "app";
  machine.region = sim.identity(host).record.region;
  machine.address = machine_address(machine.network, machine.host, kFirstMachineField + number);
  machine.state = state;
  return {machine, false, {}, ""};
}

void random_write(Simulator& sim, Rng& rng) {
  auto host = static_cast<unsigned>(rng.below(sim.hosts()));
  auto number = static_cast<unsigned>(rng.below(8));
  if (rng.chance(0.3)) {
    sim.write(host, interest_write(sim, host, rng.chance(0.2), rng.below(1 << kNetworks)));
  } else if (rng.chance(0.2)) {
    sim.write(host, {{}, true, machine_key(MachineId{0x1000 * (host + 1) + number}), ""});
  } else {
    sim.write(host,
              machine_write(sim, host, number,
                            rng.chance(0.5) ? MachineState::kStarted : MachineState::kStopped));
  }
}

// Every two hosts agree on what they share, and hold the same in it.
bool in_step(const Simulator& sim) {
  for (unsigned a = 0; a < sim.hosts(); ++a)
    for (unsigned b = a + 1; b < sim.hosts(); ++b) {
      auto shared = sim.gossip(a).shared_with(sim.identity(b).id);
      if (shared != sim.gossip(b).shared_with(sim.identity(a).id) ||
          sim.gossip(a).store().root_hash(shared) != sim.gossip(b).store().root_hash(shared))
        return false;
    }
  return true;
}

class Interests : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Interests, testing::Range<std::uint64_t>(1, 7));

TEST_P(Interests, PairsAreInStepAndWhoeverHoldsAllHasLostNothing) {
  std::uint64_t seed = seed_from_environment(GetParam());
  Simulator sim({.seed = seed, .hosts = kHosts, .network = {.loss = 0.05, .duplicate = 0.02}});
  Rng rng(seed + 99);
  sim.start_all();
  auto write_many = [&] {
    for (unsigned i = 0; i < 80; ++i) sim.at(i * 250ms, [&] { random_write(sim, rng); });
    sim.run_for(20s);
  };
  write_many();
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim); }, 60s, 100ms)) << sim.replay_hint();

  std::uint64_t group_of = rng.below(1 << kHosts);
  sim.partition([&](unsigned host) { return static_cast<int>(group_of >> host & 1); });
  write_many();
  sim.heal();
  auto crashed = static_cast<unsigned>(rng.below(kHosts));
  sim.crash(crashed);
  sim.restart(crashed);
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim); }, 90s, 100ms)) << sim.replay_hint();

  // Whoever is in step has nothing to ask for, however much the others hold besides.
  sim.run_for(10s);
  auto syncs = sim.total_counters().syncs_started;
  sim.run_for(60s);
  EXPECT_EQ(sim.total_counters().syncs_started, syncs) << sim.replay_hint();

  for (unsigned host = 0; host < kHosts; ++host)
    sim.write(host, interest_write(sim, host, true, 0));
  ASSERT_TRUE(sim.run_until([&] { return sim.converged(); }, 60s, 100ms)) << sim.replay_hint();
  for (const auto& [slot, expected] : sim.truth()) {
    auto found = sim.gossip(0).store().find(slot);
    ASSERT_TRUE(found) << to_string(slot.key) << ", " << sim.replay_hint();
    EXPECT_EQ(found->digest, expected->digest) << to_string(slot.key) << ", " << sim.replay_hint();
  }
}

// What a host missed of machines that it does not hold stays missed, and no sync goes for it, until
// it says that it holds them.
TEST(InterestSim, WhatIsNotHeldIsNotAskedFor) {
  Simulator sim({.seed = 3, .hosts = 5});
  sim.start_all();
  for (unsigned host = 1; host < 5; ++host)
    ASSERT_TRUE(sim.write(host, interest_write(sim, host, false, 0)));
  ASSERT_TRUE(sim.run_until([&] { return sim.converged(); }, 30s, 100ms));
  sim.partition([](unsigned host) { return host == 4 ? 1 : 0; });
  ASSERT_TRUE(sim.write(1, machine_write(sim, 1, 0, MachineState::kStarted)));
  ASSERT_TRUE(sim.write(1, {OrgRecord{"acme"}, false, {}, "acme"}));
  sim.run_for(30s);  // longer than news is told
  sim.heal();
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim); }, 60s, 100ms));
  sim.run_for(20s);
  const auto& far = sim.gossip(4).store();
  EXPECT_TRUE(far.find({org_key("acme"), "acme"}));
  EXPECT_FALSE(far.find({machine_key(MachineId{0x2000}), to_string(sim.identity(1).id)}));
  // Host 0 has said nothing, and so holds all.
  ASSERT_TRUE(sim.write(4, interest_write(sim, 4, false, 1)));
  EXPECT_TRUE(sim.run_until(
      [&] {
        return far.find({machine_key(MachineId{0x2000}), to_string(sim.identity(1).id)}) != nullptr;
      },
      30s, 100ms));
}

}  // namespace
}  // namespace sixpn::sim
