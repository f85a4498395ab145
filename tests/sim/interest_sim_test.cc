// Hosts that say they hold less than all: what two of them compare, pair by pair, while interests
// change on both sides of a partition.
#include <gtest/gtest.h>

#include <set>

#include "registry/core/address.h"
#include "registry/core/interest.h"
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

// ---- hosts that hold what they use
// ---------------------------------------------------------------

// What the agent does beside the registry, on every host: it says which networks the host uses,
// those of its own machines and some by chance, and what of that is not here yet. A use counts for
// ten seconds more instead of ten minutes, so that interests change while everything else does.
class UsedOnly {
 public:
  explicit UsedOnly(Simulator& sim) : sim_(sim), uses_(sim.hosts()), held_(sim.hosts()) {}

  void begin() {
    say_all();
    sim_.at(100ms, [this] { begin(); });
  }
  void use(unsigned host, std::set<NetworkId> networks) { uses_[host] = std::move(networks); }
  // While set, whoever begins to hold a network must have all of it that is older than five
  // seconds.
  void expect_whole(bool expected) { whole_ = expected; }
  void remember(const registry::Slot& slot, NetworkId in) { written_[slot] = {sim_.now(), in}; }

  [[nodiscard]] bool is_settled() const {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      for (NetworkId network : networks_of(host))
        if (!sim_.gossip(host).held().contains(network)) return false;
    return true;
  }

 private:
  [[nodiscard]] std::set<NetworkId> networks_of(unsigned host) const {
    auto out = uses_[host];
    for (const auto& record : sim_.gossip(host).store().records())
      if (const auto* machine = std::get_if<MachineRecord>(&record->record.value);
          machine != nullptr && machine->host == sim_.identity(host).id)
        out.insert(machine->network);
    return out;
  }

  void say_all() {
    for (unsigned host = 0; host < sim_.hosts(); ++host)
      if (sim_.is_running(host)) say(host);
  }

  void say(unsigned host) {
    const auto& gossip = sim_.gossip(host);
    HostId self = sim_.identity(host).id;
    auto wanted = networks_of(host);
    const auto* own = gossip.store().interest_of(self);
    for (NetworkId network : wanted) last_used_[{host, network}] = sim_.now();
    if (own != nullptr)
      for (NetworkId network : own->networks)
        if (sim_.now() - last_used_[{host, network}] < 10s || !gossip.may_let_go(network))
          wanted.insert(network);
    for (NetworkId network : gossip.orphans()) wanted.insert(network);
    look_at(host, gossip.held());
    auto now = registry::make_interest(self, false, wanted, gossip.held());
    if (own == nullptr || !(*own == now)) sim_.write(host, {now, false, {}, ""});
  }

  void look_at(unsigned host, const registry::Selection& held) {
    auto before = std::exchange(held_[host], held);
    if (!whole_) return;
    for (const auto& [slot, write] : written_) {
      bool is_new = held.contains(write.second) && !before.contains(write.second);
      if (!is_new || sim_.now() - write.first < 5s) continue;
      auto truth = sim_.truth();
      auto found = sim_.gossip(host).store().find(slot);
      auto expected = truth.find(slot);
      if (expected == truth.end() || expected->second->record.tombstone) continue;
      EXPECT_TRUE(found && found->record.stamp >= expected->second->record.stamp)
          << "host " << host << " answers without " << to_string(slot.key) << ", "
          << sim_.replay_hint();
    }
  }

  Simulator& sim_;
  std::vector<std::set<NetworkId>> uses_;
  std::vector<registry::Selection> held_;
  bool whole_ = false;
  std::map<std::pair<unsigned, NetworkId>, Instant> last_used_;
  std::map<registry::Slot, std::pair<Instant, NetworkId>> written_;
};

// Everybody who holds a network has of each machine what its owner last wrote, or nothing where
// that was the end of it.
void expect_truth(const Simulator& sim) {
  auto truth = sim.truth();
  for (unsigned host = 0; host < sim.hosts(); ++host) {
    const auto& gossip = sim.gossip(host);
    for (const auto& [slot, expected] : truth) {
      if (slot.key.kind != RecordKind::kMachine) continue;
      if (!gossip.held().contains(interest_network(expected->record))) continue;
      auto found = gossip.store().find(slot);
      if (!found && expected->record.tombstone) continue;
      ASSERT_TRUE(found) << "host " << host << " lacks " << to_string(slot.key) << ", "
                         << sim.replay_hint();
      EXPECT_EQ(found->digest, expected->digest)
          << "host " << host << ", " << to_string(slot.key)
          << (expected->record.tombstone ? " is back, " : " is old, ") << sim.replay_hint();
    }
  }
}

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
  shell.begin();
  auto act = [&](int times) {
    for (int i = 0; i < times; ++i) sim.at(i * 250ms, [&] { random_use(sim, shell, rng); });
    sim.run_for(times * 250ms);
  };
  shell.expect_whole(true);
  act(120);
  ASSERT_TRUE(sim.run_until([&] { return in_step(sim) && shell.is_settled(); }, 90s, 250ms))
      << sim.replay_hint();
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
      << sim.replay_hint();
  expect_truth(sim);
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
