// Hosts that say they hold less than all: what two of them compare, pair by pair, while interests
// change on both sides of a partition.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/uses.h"

namespace sixpn::sim {
namespace {

using registry::LocalWrite;

constexpr unsigned kHosts = 9;
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
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim); }, 60s, 100ms))
      << sim.replay_hint() << out_of_step(sim);

  std::uint64_t group_of = rng.below(1 << kHosts);
  sim.partition([&](unsigned host) { return static_cast<int>(group_of >> host & 1); });
  write_many();
  sim.heal();
  auto crashed = static_cast<unsigned>(rng.below(kHosts));
  sim.crash(crashed);
  sim.restart(crashed);
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim); }, 90s, 100ms))
      << sim.replay_hint() << out_of_step(sim);

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

// ---- hosts that hold what they use
// ---------------------------------------------------------------

void random_use(Simulator& sim, UsedOnly& shell, Rng& rng) {
  auto host = static_cast<unsigned>(rng.below(sim.hosts()));
  auto number = static_cast<unsigned>(rng.below(8));
  registry::Slot slot{machine_key(MachineId{0x1000 * (host + 1) + number}),
                      to_string(sim.identity(host).id)};
  if (rng.chance(0.3)) {
    std::set<NetworkId> uses;
    for (unsigned n = 0; n < kNetworks; ++n)
      if (rng.chance(0.3)) uses.insert(network(n));
    shell.use(host, std::move(uses));
  } else if (rng.chance(0.5)) {
    if (sim.write(host, {{}, true, slot.key, ""}))
      shell.remember(slot, network(number % kNetworks));
  } else if (sim.write(host, machine_write(sim, host, number, MachineState::kStarted))) {
    shell.remember(slot, network(number % kNetworks));
  }
}

class Uses : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Uses, testing::Range<std::uint64_t>(1, 7));

TEST_P(Uses, NothingIsResurrectedAndNobodyAnswersBeforeItsFirstSync) {
  std::uint64_t seed = seed_from_environment(GetParam());
  auto hosts = static_cast<unsigned>(5 + seed % 14);  // small clusters and such with trees
  Simulator sim({.seed = seed, .hosts = hosts, .network = {.loss = 0.05, .duplicate = 0.02}});
  Rng rng(seed + 7);
  sim.start_all();
  UsedOnly shell(sim);
  for (unsigned host = 0; host < hosts; host += 3) shell.hold_all(host);
  shell.begin();
  auto act = [&](int times) {
    for (int i = 0; i < times; ++i) sim.at(i * 250ms, [&] { random_use(sim, shell, rng); });
    sim.run_for(times * 250ms);
  };
  shell.expect_whole(true);
  act(120);
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim) && shell.is_settled(); }, 90s, 250ms))
      << sim.replay_hint() << out_of_step(sim);
  expect_truth(sim);

  shell.expect_whole(false);
  std::uint64_t group_of = rng.below(std::uint64_t{1} << hosts);
  sim.partition([&](unsigned host) { return static_cast<int>(group_of >> host & 1); });
  act(400);  // longer than it takes to drop what is not used
  auto crashed = static_cast<unsigned>(rng.below(hosts));
  sim.crash(crashed);
  sim.run_for(20s);
  sim.restart(crashed);
  sim.heal();
  act(40);
  sim.run_for(200s);  // what was let go of on both sides at once is taken back by now
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim) && shell.is_settled(); }, 120s, 250ms))
      << sim.replay_hint() << out_of_step(sim);
  expect_truth(sim);
}

// Whoever has said what it wants, and holds it, writes no more, whether it wants all or some. (What
// is written again and again keeps large clusters from ever being in step.)
TEST(InterestSim, WhatWasSaidIsNotSaidAgain) {
  Simulator sim({.seed = 7, .hosts = 14, .network = {.loss = 0.05}});
  sim.start_all();
  UsedOnly shell(sim);
  for (unsigned host = 0; host < 14; host += 2) shell.hold_all(host);
  for (unsigned host = 0; host < 14; ++host) shell.use(host, {network(host % kNetworks)});
  shell.begin();
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim) && shell.is_settled(); }, 60s, 100ms))
      << out_of_step(sim);
  sim.run_for(1s);  // what was filled last is said to be
  auto records = [&] {
    std::vector<SignedRecordPtr> out;
    for (unsigned host = 0; host < 14; ++host) {
      HostId self = sim.identity(host).id;
      out.push_back(sim.gossip(host).store().find({interest_key(self), to_string(self)}));
    }
    return out;
  };
  auto said = records();
  sim.run_for(20s);
  auto later = records();
  for (unsigned host = 0; host < 14; ++host) {
    ASSERT_TRUE(said[host]) << "host " << host;
    EXPECT_EQ(said[host]->record.stamp, later[host]->record.stamp) << "host " << host;
  }
}

// Eight hosts, of which two use the network; the others never get a machine of it, by push, repair
// or sync, and those that stop to use it let it go, which nobody takes for a deletion.
TEST(InterestSim, MachinesGoToThoseWhoUseTheirNetwork) {
  Simulator sim({.seed = 5, .hosts = 20, .network = {.loss = 0.05}});
  sim.start_all();
  UsedOnly shell(sim);
  for (unsigned host = 0; host < 4; ++host) shell.use(host, {network(0)});
  shell.begin();
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim) && shell.is_settled(); }, 60s, 100ms));
  for (unsigned i = 0; i < 10; ++i) {
    ASSERT_TRUE(sim.write(0, machine_write(sim, 0, 4 * i, MachineState::kStarted)));
    sim.run_for(300ms);
  }
  auto machines_at = [&](unsigned host) {
    const auto& sums = sim.gossip(host).store().groups().sums();
    auto found = sums.find(network(0));
    return found == sums.end() ? 0U : found->second.count;
  };
  sim.run_for(30s);
  for (unsigned host = 0; host < 20; ++host) EXPECT_EQ(machines_at(host), host < 4 ? 10U : 0U);

  // It begins later: not to be believed before its first sync.
  shell.use(9, {network(0)});
  sim.run_for(101ms);
  EXPECT_FALSE(sim.gossip(9).held().contains(network(0)));
  ASSERT_TRUE(sim.run_until([&] { return sim.gossip(9).held().contains(network(0)); }, 10s, 10ms));
  EXPECT_EQ(machines_at(9), 10U);

  for (unsigned host : {1U, 9U}) shell.use(host, {});
  ASSERT_TRUE(sim.run_until([&] { return machines_at(1) == 0 && machines_at(9) == 0; }, 300s, 1s));
  sim.crash(1);
  sim.restart(1);
  sim.run_for(60s);
  for (unsigned host : {0U, 2U, 3U}) EXPECT_EQ(machines_at(host), 10U);
  EXPECT_EQ(machines_at(1), 0U);
}

}  // namespace
}  // namespace sixpn::sim
