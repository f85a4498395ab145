// Whole clusters in virtual time: convergence, detection and its mistakes, what survives crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/address.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {
namespace {

using registry::LocalWrite;

constexpr NetworkId kNetwork{0xacce55};

LocalWrite org_write(const std::string& name) {
  return {OrgRecord{name}, false, {}, name};
}

LocalWrite app_write(unsigned app, const std::string& primary_region) {
  AppRecord record;
  record.name = "app" + std::to_string(app);
  record.org = "acme";
  record.network = kNetwork;
  record.primary_region = primary_region;
  return {record, false, {}, "acme"};
}

LocalWrite erase_app(unsigned app) {
  return {{}, true, app_key(kNetwork, "app" + std::to_string(app)), "acme"};
}

LocalWrite machine_write(const Simulator& sim, unsigned host, unsigned number, MachineState state) {
  MachineRecord machine;
  machine.id = MachineId{0x1000 * (host + 1) + number};
  machine.host = sim.identity(host).id;
  machine.network = kNetwork;
  machine.app = "app" + std::to_string(number);
  machine.group = "app";
  machine.region = sim.identity(host).record.region;
  machine.address = machine_address(kNetwork, machine.host, kFirstMachineField + number);
  machine.state = state;
  return {machine, false, {}, ""};
}

// Compares a host's store with what all accepted writes add up to.
void expect_truth(const Simulator& sim, unsigned host) {
  const auto& records = sim.gossip(host).store().records();
  ASSERT_EQ(records.size(), sim.truth().size()) << "host " << host << ", " << sim.replay_hint();
  for (const auto& [slot, expected] : sim.truth()) {
    auto found = records.find(slot);
    ASSERT_TRUE(found != records.end()) << to_string(slot.key) << ", " << sim.replay_hint();
    EXPECT_EQ((*found)->digest, expected->digest)
        << "host " << host << " holds another " << to_string(slot.key) << ", " << sim.replay_hint();
  }
}

class Seeds : public testing::TestWithParam<std::uint64_t> {
 protected:
  [[nodiscard]] static std::uint64_t seed() { return seed_from_environment(GetParam()); }
};

// A random write on a random host: apps are made, changed and erased everywhere, machines change
// state.
void random_write(Simulator& sim, Rng& rng) {
  auto host = static_cast<unsigned>(rng.below(sim.hosts()));
  auto number = static_cast<unsigned>(rng.below(6));
  switch (rng.below(4)) {
    case 0:
      sim.write(host, app_write(number, rng.chance(0.5) ? "iad" : "fra"));
      return;
    case 1:
      sim.write(host, erase_app(number));
      return;
    default:
      sim.write(host,
                machine_write(sim, host, number % 3,
                              rng.chance(0.5) ? MachineState::kStarted : MachineState::kStopped));
  }
}

// Records that no datagram holds take the trees too, and a burst of them starves no probe.
TEST_P(Seeds, LargeRecordsReachAllSoonAndStarveNoProbe) {
  constexpr unsigned kHosts = 60;
  Simulator sim({.seed = seed(),
                 .hosts = kHosts,
                 .network = {.loss = 0.05, .geographic = true},
                 .warm = true,
                 .check_every = 100});
  sim.start_all();
  sim.run_for(5s);
  auto write = [&](unsigned host, unsigned number, unsigned values) {
    auto change = machine_write(sim, host, number, MachineState::kStarted);
    auto& machine = std::get<MachineRecord>(change.value);
    for (unsigned i = 0; i < values; ++i)
      machine.metadata.try_emplace("note" + std::to_string(i), std::string(1000, 'x'));
    sim.write(host, change);
    return machine_key(machine.id);
  };
  auto everywhere = [&](const RecordKey& key, unsigned writer) {
    const registry::Slot slot{key, to_string(sim.identity(writer).id)};
    for (unsigned host = 0; host < kHosts; ++host)
      if (sim.gossip(host).store().find(slot) == nullptr) return false;
    return true;
  };
  for (unsigned values : {2U, 15U}) {
    const auto key = write(values, 1, values);
    EXPECT_TRUE(sim.run_until([&] { return everywhere(key, values); }, 3s, 10ms))
        << values << " kB; " << sim.replay_hint();
  }
  const auto syncs = sim.total_counters().syncs_started;
  std::vector<std::pair<RecordKey, unsigned>> burst;
  for (unsigned i = 0; i < 40; ++i) burst.emplace_back(write(i, 2, 15), i);
  auto all = [&] {
    return std::all_of(burst.begin(), burst.end(),
                       [&](const auto& each) { return everywhere(each.first, each.second); });
  };
  EXPECT_TRUE(sim.run_until(all, 30s, 100ms)) << sim.replay_hint();
  sim.run_for(5s);
  EXPECT_EQ(sim.total_counters().downs, 0U) << sim.replay_hint();
  RecordProperty("syncs", static_cast<int>(sim.total_counters().syncs_started - syncs));
}

// Whoever has just started knows nobody's incarnation, and so takes a whole proof only: that has to
// reach it, and those below it in the trees.
TEST_P(Seeds, WhoHasJustComeBackHearsOfTheNextDeath) {
  Simulator sim({.seed = seed(),
                 .hosts = 40,
                 .network = {.loss = 0.05, .geographic = true},
                 .warm = true,
                 .check_every = 100});
  sim.start_all();
  sim.run_for(10s);
  for (unsigned victim = 20; victim < 32; ++victim) {
    sim.crash(victim);
    auto seen =
        sim.run_until([&] { return sim.all_believe(victim, HostStatus::kDown); }, 10s, 50ms);
    EXPECT_TRUE(seen) << "of host " << victim << "; " << sim.replay_hint();
    sim.restart(victim);
    sim.run_for(1s);
  }
}

TEST_P(Seeds, FiftyHostsSurviveLossPartitionAndCrash) {
  Simulator sim({.seed = seed(),
                 .hosts = 50,
                 .network = {.loss = 0.05, .duplicate = 0.02},
                 .clock_skew = 2s});
  Rng rng(seed() + 77);
  sim.start_all();
  ASSERT_TRUE(sim.write(0, org_write("acme")));
  auto joined = sim.run_until([&] { return sim.converged(); }, 15s, 100ms);
  ASSERT_TRUE(joined) << "not joined; " << sim.replay_hint();
  for (unsigned i = 0; i < 100; ++i) sim.at(i * 100ms, [&] { random_write(sim, rng); });
  sim.run_for(10s);

  // Both halves write on, and come to think the other half is gone.
  sim.partition([](unsigned host) { return static_cast<int>(host % 2); });
  for (unsigned i = 0; i < 100; ++i) sim.at(i * 250ms, [&] { random_write(sim, rng); });
  sim.run_for(30s);
  EXPECT_FALSE(sim.converged());
  EXPECT_EQ(sim.gossip(0).membership().status(sim.identity(1).id), HostStatus::kDown)
      << sim.replay_hint();
  sim.heal();
  auto healed = sim.run_until([&] { return sim.converged(); }, 15s, 100ms);
  ASSERT_TRUE(healed) << "not healed; " << sim.replay_hint();
  auto seen = sim.run_until(
      [&] {
        for (unsigned i = 0; i < sim.hosts(); ++i)
          if (!sim.all_believe(i, HostStatus::kAlive)) return false;
        return true;
      },
      15s, 100ms);
  EXPECT_TRUE(seen) << "somebody is still thought dead; " << sim.replay_hint();

  sim.crash(17);
  auto noticed = sim.run_until([&] { return sim.all_believe(17, HostStatus::kDown); }, 12s, 100ms);
  EXPECT_TRUE(noticed) << "the crash went unnoticed; " << sim.replay_hint();
  for (unsigned i = 0; i < 20; ++i) random_write(sim, rng);
  sim.restart(17);
  auto returned = sim.run_until(
      [&] { return sim.all_believe(17, HostStatus::kAlive) && sim.converged(); }, 15s, 100ms);
  EXPECT_TRUE(returned) << "the restarted host is not back; " << sim.replay_hint();
  for (unsigned i = 0; i < sim.hosts(); ++i) expect_truth(sim, i);
  auto counters = sim.total_counters();
  EXPECT_EQ(counters.dropped_malformed + counters.dropped_bad_signature, 0U);
  EXPECT_EQ(counters.dropped_not_permitted, 0U);
}

TEST_P(Seeds, SmallClusterSpreadsInOneHopAndNoticesACrashInTime) {
  Simulator sim({.seed = seed(), .hosts = 10, .network = {.loss = 0.01}});
  sim.start_all();
  sim.run_for(10s);
  ASSERT_TRUE(sim.converged()) << sim.replay_hint();

  sim.set_network({.latency_least = 1ms, .latency_most = 10ms});
  ASSERT_TRUE(sim.write(3, org_write("acme")));
  auto spread = sim.run_until([&] { return sim.converged(); }, 1s);
  ASSERT_TRUE(spread) << sim.replay_hint();
  EXPECT_LE(*spread, 11ms) << sim.replay_hint();

  sim.set_network({.loss = 0.01});
  for (unsigned victim : {4U, 7U, 9U}) {
    sim.run_for(Duration(static_cast<Duration::rep>(victim) * 77'777));
    sim.crash(victim);
    auto noticed = sim.run_until([&] { return sim.all_believe(victim, HostStatus::kDown); }, 10s);
    ASSERT_TRUE(noticed) << sim.replay_hint();
    EXPECT_LE(*noticed, 5s) << "host " << victim << ", " << sim.replay_hint();
    sim.restart(victim);
    ASSERT_TRUE(sim.run_until([&] { return sim.all_believe(victim, HostStatus::kAlive); }, 10s));
  }
}

// Ten hosts on two busy cores: every loop stalls now and then, up to a second. Nobody may be
// declared down, and no registry write may follow from it.
TEST_P(Seeds, StallsAccuseNobody) {
  Simulator sim({.seed = seed(), .hosts = 10, .network = {.loss = 0.001}});
  Rng rng(seed() + 5);
  sim.start_all();
  sim.run_for(5s);
  std::uint64_t before = sim.gossip(0).store().root_hash();
  for (int i = 0; i < 600; ++i)
    for (unsigned host = 0; host < sim.hosts(); ++host)
      if (rng.chance(0.1))
        sim.at(i * 1s + Duration(static_cast<Duration::rep>(rng.below(1'000'000))),
               [&sim, &rng, host] {
                 sim.stall(host, Duration(static_cast<Duration::rep>(rng.below(1'000'000))));
               });
  sim.run_for(600s);
  EXPECT_EQ(sim.total_counters().downs, 0U) << sim.replay_hint();
  EXPECT_GT(sim.total_counters().stalls, 0U);
  EXPECT_EQ(sim.gossip(0).store().root_hash(), before);
  sim.run_for(5s);
  for (unsigned i = 0; i < sim.hosts(); ++i)
    EXPECT_TRUE(sim.all_believe(i, HostStatus::kAlive))
        << "host " << i << ", " << sim.replay_hint();
}

TEST_P(Seeds, ACutOffHostJudgesNobodyAtFirst) {
  Simulator sim({.seed = seed(), .hosts = 5});
  sim.start_all();
  sim.run_for(5s);
  sim.partition([](unsigned host) { return host == 2 ? 1 : 0; });
  sim.run_for(8s);
  const auto& cut_off = sim.gossip(2).membership();
  for (unsigned i = 0; i < sim.hosts(); ++i) {
    if (i == 2) continue;
    EXPECT_NE(cut_off.status(sim.identity(i).id), HostStatus::kDown) << sim.replay_hint();
    EXPECT_EQ(sim.gossip(i).membership().status(sim.identity(2).id), HostStatus::kDown)
        << sim.replay_hint();
  }
  sim.heal();
  EXPECT_TRUE(sim.run_until([&] { return sim.all_believe(2, HostStatus::kAlive); }, 10s))
      << sim.replay_hint();
}

TEST_P(Seeds, TheSameSeedGivesTheSameRun) {
  auto run = [] {
    Simulator sim({.seed = seed(),
                   .hosts = 14,
                   .network = {.loss = 0.1, .duplicate = 0.05},
                   .clock_skew = 1s});
    Rng rng(seed());
    sim.start_all();
    sim.write(0, org_write("acme"));
    for (int i = 0; i < 50; ++i) sim.at(i * 100ms, [&] { random_write(sim, rng); });
    sim.at(3s, [&] { sim.crash(5); });
    sim.run_for(10s);
    return sim.effects();
  };
  EXPECT_EQ(run(), run());
}

INSTANTIATE_TEST_SUITE_P(Gossip, Seeds, testing::Values(1, 2, 3));

// A week of the others' life, every probe of it. What was deleted meanwhile stays deleted, though
// the returning host has it on its disk; what it wrote before, and nobody heard of, is not lost.
TEST(AWeekAway, ResurrectsNothingAndLosesNothing) {
  Simulator sim({.seed = seed_from_environment(1),
                 .hosts = 4,
                 .network = {.geographic = true},
                 .check_every = 100'000});
  constexpr unsigned kAway = 3;
  sim.start_all();
  ASSERT_TRUE(sim.write(0, org_write("acme")));
  for (unsigned app = 0; app < 6; ++app) ASSERT_TRUE(sim.write(app % 4, app_write(app, "iad")));
  for (unsigned host = 0; host < 4; ++host)
    for (unsigned number = 1; number <= 2; ++number)
      ASSERT_TRUE(sim.write(host, machine_write(sim, host, number, MachineState::kStarted)));
  ASSERT_TRUE(sim.run_until([&] { return sim.converged(); }, 60s, 100ms)) << sim.replay_hint();

  sim.partition([](unsigned host) { return host == kAway ? 1 : 0; });
  ASSERT_TRUE(sim.write(kAway, app_write(10, "fra")));
  ASSERT_TRUE(sim.write(kAway, app_write(4, "fra")));
  ASSERT_TRUE(sim.write(kAway, machine_write(sim, kAway, 1, MachineState::kStopped)));
  sim.run_for(1s);
  sim.crash(kAway);
  sim.heal();
  auto erase = [&](unsigned host, LocalWrite write) { ASSERT_TRUE(sim.write(host, write)); };
  erase(0, erase_app(1));
  erase(1, erase_app(3));
  const auto machine = machine_write(sim, 2, 1, MachineState::kStarted);
  erase(2, {{}, true, key_of(machine.value), ""});
  sim.run_for(84h);
  ASSERT_TRUE(sim.all_believe(kAway, HostStatus::kDown)) << sim.replay_hint();
  erase(2, erase_app(4));
  ASSERT_TRUE(sim.write(0, app_write(5, "nrt")));
  sim.run_for(84h);

  sim.restart(kAway);
  auto back = sim.run_until(
      [&] { return sim.converged() && sim.all_believe(kAway, HostStatus::kAlive); }, 60s, 100ms);
  ASSERT_TRUE(back) << sim.replay_hint();
  for (unsigned host = 0; host < sim.hosts(); ++host) expect_truth(sim, host);
  std::size_t deleted = 0;
  for (const auto& [slot, record] : sim.truth()) deleted += record->record.tombstone ? 1 : 0;
  EXPECT_EQ(deleted, 4U);  // three apps and a machine
  sim.run_for(60s);
  for (unsigned host = 0; host < sim.hosts(); ++host)
    EXPECT_TRUE(sim.all_believe(host, HostStatus::kAlive)) << sim.replay_hint();
  std::printf("in step %.1f s after its return\n", static_cast<double>(back->count()) / 1e6);
}

TEST(Simulator, DifferentSeedsGiveDifferentRuns) {
  auto run = [](std::uint64_t seed) {
    Simulator sim({.seed = seed, .hosts = 3});
    sim.start_all();
    sim.run_for(2s);
    return sim.effects();
  };
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace sixpn::sim
