// Hosts that let go of a network at the same moment, each because the other keeps it: what they
// know must not be lost with it, and whoever wants it later must find it (decisions/0092).
#include <gtest/gtest.h>

#include "tests/sim/uses.h"

namespace sixpn::sim {
namespace {

constexpr unsigned kOwner = 3;
constexpr unsigned kFar = 5;  // the first host of the other side

class LettingGo : public testing::TestWithParam<std::uint64_t> {
 protected:
  LettingGo()
      : sim_({.seed = seed_from_environment(GetParam()),
              .hosts = 8,
              .network = {.loss = 0.05, .duplicate = 0.02}}),
        shell_(sim_),
        slot_{machine_key(MachineId{0x1000 * (kOwner + 1)}), to_string(sim_.identity(kOwner).id)} {}

  // A machine of the owner in a network that hosts 1 and 2 use, and one of the other side.
  void begin() {
    sim_.start_all();
    for (unsigned host : {1U, 2U, kFar}) shell_.use(host, {network(0)});
    shell_.begin();
    ASSERT_TRUE(sim_.run_until([&] { return settled(); }, 60s, 100ms)) << sim_.replay_hint();
    ASSERT_TRUE(sim_.write(kOwner, machine_write(sim_, kOwner, 0, MachineState::kStarted)));
    sim_.run_for(20s);
    ASSERT_TRUE(settled()) << sim_.replay_hint();
    for (unsigned host : {1U, 2U, kFar}) ASSERT_TRUE(find(host)) << sim_.replay_hint();
  }
  void part() {
    sim_.partition([](unsigned host) { return host < kFar ? 0 : 1; });
    sim_.run_for(30s);  // until the other side counts as down
  }
  [[nodiscard]] bool settled() const { return in_step(sim_) && shell_.is_settled(); }
  [[nodiscard]] SignedRecordPtr find(unsigned host) const {
    return sim_.gossip(host).store().find(slot_);
  }
  [[nodiscard]] bool wants(unsigned host) const {
    return registry::wants(sim_.gossip(host).store().interest_of(sim_.identity(host).id),
                           network(0));
  }
  // Nobody on this side wants the network: else the test would be of something else.
  void let_go(std::vector<unsigned> hosts) {
    for (unsigned host : hosts) shell_.use(host, {});
    auto none = [&] {
      return std::none_of(hosts.begin(), hosts.end(), [&](unsigned host) { return wants(host); });
    };
    ASSERT_TRUE(sim_.run_until(none, 60s, 10ms)) << sim_.replay_hint();
  }
  void expect_deleted_everywhere() {
    // Who knows of it may have let go of it again just now, and wants it once more within 150 s.
    auto told = [&] { return settled() && find(kFar) && find(kFar)->record.tombstone; };
    EXPECT_TRUE(sim_.run_until(told, 200s, 250ms)) << sim_.replay_hint();
    for (unsigned host = 0; host < sim_.hosts(); ++host) {
      auto found = find(host);
      EXPECT_TRUE(!found || found->record.tombstone)
          << "host " << host << " has what was deleted, " << sim_.replay_hint();
    }
    auto far = find(kFar);
    EXPECT_TRUE(far && far->record.tombstone) << sim_.replay_hint();
  }
  void destroy_machine() { ASSERT_TRUE(sim_.write(kOwner, {{}, true, slot_.key, ""})); }

  Simulator sim_;
  UsedOnly shell_;
  registry::Slot slot_;
};
INSTANTIATE_TEST_SUITE_P(Seeds, LettingGo, testing::Range<std::uint64_t>(1, 5));

// They are alone for longer than what is not wanted stays: nobody takes over, so they want it
// again.
TEST_P(LettingGo, ATombstoneOutlivesThePartition) {
  ASSERT_NO_FATAL_FAILURE(begin());
  part();
  ASSERT_NO_FATAL_FAILURE(destroy_machine());
  ASSERT_NO_FATAL_FAILURE(let_go({1, 2, kOwner}));
  sim_.run_for(400s);
  EXPECT_TRUE(find(1) || find(2) || find(kOwner)) << sim_.replay_hint();
  sim_.heal();
  sim_.run_for(10s);
  expect_deleted_everywhere();
}

// The other side comes back before they drop it. It holds the network in full, and is in step with
// them in all that both want, but of that network it knows less than they do.
TEST_P(LettingGo, WhoComesBackMeanwhileIsNoKeeper) {
  ASSERT_NO_FATAL_FAILURE(begin());
  part();
  ASSERT_NO_FATAL_FAILURE(destroy_machine());
  ASSERT_NO_FATAL_FAILURE(let_go({1, 2, kOwner}));
  sim_.heal();
  sim_.run_for(400s);
  expect_deleted_everywhere();
}

// The owner's disk is lost: what it wrote is with those who let go of it.
TEST_P(LettingGo, WhoeverWantsTheNetworkLaterFindsItsMachines) {
  ASSERT_NO_FATAL_FAILURE(begin());
  part();
  sim_.crash(kOwner);
  sim_.lose_disk(kOwner);
  ASSERT_NO_FATAL_FAILURE(let_go({1, 2}));
  sim_.run_for(400s);
  // The two may have let go of it again just now; then they want it once more within 150 s.
  shell_.use(4, {network(0)});
  auto found = [&] { return find(4) && sim_.gossip(4).held().contains(network(0)); };
  ASSERT_TRUE(sim_.run_until(found, 200s, 100ms)) << sim_.replay_hint();
  sim_.heal();
  sim_.run_for(30s);
  EXPECT_TRUE(find(4) && !find(4)->record.tombstone) << sim_.replay_hint();
}

}  // namespace
}  // namespace sixpn::sim
