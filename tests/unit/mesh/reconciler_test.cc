#include "mesh/io/reconciler.h"

#include <gmock/gmock.h>

#include "tests/unit/mesh/fake_kernel.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr HostId kA{0x10002};
constexpr HostId kB{0x10003};
constexpr NetworkId kNet{0x11};
constexpr Now kNow{Instant(std::chrono::seconds(1)), from_unix_ms(1'700'000'000'000)};

IpEndpoint at(std::uint16_t last) {
  return {Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, last}), 51820};
}

DesiredMesh world(std::uint16_t endpoint_of_a = 2) {
  auto snapshot = SnapshotBuilder()
                      .host(kA, HostStatus::kAlive, {at(endpoint_of_a), at(3)})
                      .host(kB, HostStatus::kAlive, {at(4)})
                      .machine(1, kNet, kA, kA, 0x10000)
                      .build();
  return make_desired(snapshot, {attachment(8, kNet, 0x20000), attachment(9, kNet, 0x20001)},
                      sample_options());
}

TEST(Reconciler, OnePassReachesTheDesiredStateAndTheNextDoesNothing) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  PassOutcome first = reconciler.pass(world(), kNow);
  EXPECT_FALSE(first.error.has_value());
  EXPECT_EQ(first.applied, state.applied.size());
  EXPECT_TRUE(plan_mesh(world(), state.mesh).empty());
  int calls = state.calls;
  EXPECT_EQ(reconciler.pass(world(), kNow).applied, 0u);
  EXPECT_EQ(state.calls, calls) << "an unchanged world must cost nothing";
}

TEST(Reconciler, AChangeIsAppliedWithoutObservingEverythingAgain) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  reconciler.pass(world(), kNow);
  DesiredMesh changed = world();
  changed.main.peers.at(key_of_host(kB)).allowed.insert(host_prefix(kNet, kB));
  EXPECT_EQ(reconciler.pass(changed, kNow).applied, 1u);
  EXPECT_EQ(state.observations, 1);
}

// The house's rule: the fake kernel fails the N-th call, for every N, and the state converges
// after.
TEST(Reconciler, WhicheverCallFailsTheNextPassConverges) {
  int calls_of_a_clean_run = 0;
  {
    FakeKernel::State state;
    FakeKernel kernel(state);
    Reconciler(kernel).pass(world(), kNow);
    calls_of_a_clean_run = state.calls;
  }
  ASSERT_GT(calls_of_a_clean_run, 10);
  for (int n = 0; n < calls_of_a_clean_run; ++n) {
    SCOPED_TRACE("call " + std::to_string(n) + " fails");
    FakeKernel::State state;
    state.fail_call = n;
    FakeKernel kernel(state);
    Reconciler reconciler(kernel);
    EXPECT_TRUE(reconciler.pass(world(), kNow).error.has_value());
    EXPECT_FALSE(reconciler.pass(world(), kNow).error.has_value());
    EXPECT_THAT(to_lines(plan_mesh(world(), state.mesh)), testing::IsEmpty());
  }
}

TEST(Reconciler, WhicheverCallOfARandomChangeFailsTheNextPassConverges) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (int n = 0; n < 60; ++n) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " call " + std::to_string(n));
      Rng rng(seed);
      FakeKernel::State state{.mesh = random_observed(rng), .fail_call = n};
      DesiredMesh desired = random_desired(rng);
      for (auto& [key, peer] : desired.main.peers) peer.pinned.reset();
      FakeKernel kernel(state);
      Reconciler reconciler(kernel);
      bool failed = reconciler.pass(desired, kNow).error.has_value();
      EXPECT_FALSE(reconciler.pass(desired, kNow).error.has_value());
      EXPECT_TRUE(plan_mesh(desired, state.mesh).empty());
      if (!failed) break;  // the run has fewer calls than n
    }
  }
}

TEST(Reconciler, WithoutFirewallNothingComesUp) {
  FakeKernel::State state;
  state.fail_call = 1;  // 0 observes, 1 loads the firewall
  FakeKernel kernel(state);
  PassOutcome outcome = Reconciler(kernel).pass(world(), kNow);
  EXPECT_TRUE(outcome.failed_whole);
  EXPECT_TRUE(state.applied.empty());
}

TEST(Reconciler, ABrokenMachineDoesNotHoldUpTheRest) {
  FakeKernel::State state;
  state.broken_veths = {"sx00020000"};
  FakeKernel kernel(state);
  PassOutcome outcome = Reconciler(kernel).pass(world(), kNow);
  EXPECT_FALSE(outcome.failed_whole);
  EXPECT_EQ(outcome.failed_veths.size(), 1u);
  EXPECT_THAT(outcome.failed_veths.at("sx00020000").message,
              testing::HasSubstr("veth sx00020000: create"));
  EXPECT_EQ(state.mesh.main.peers.size(), 2u);
  EXPECT_TRUE(state.mesh.veths.at("sx00020001").configured);
}

TEST(Reconciler, APinIsKeptUntilItIsApplied) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  reconciler.pass(world(), kNow);
  EXPECT_EQ(state.mesh.main.peers.at(key_of_host(kA)).endpoint, at(2));
  state.fail_call = state.calls + 1;  // reading the peers succeeds, setting fails
  EXPECT_TRUE(reconciler.pass(world(7), kNow).error.has_value());
  EXPECT_EQ(state.mesh.main.peers.at(key_of_host(kA)).endpoint, at(2));
  EXPECT_FALSE(reconciler.pass(world(7), kNow).error.has_value());
  EXPECT_EQ(state.mesh.main.peers.at(key_of_host(kA)).endpoint, at(7));
  // Applied once: what WireGuard learns afterwards stands.
  state.mesh.main.peers.at(key_of_host(kA)).endpoint = at(99);
  state.mesh.main.peers.at(key_of_host(kA)).last_handshake = kNow.wall;
  reconciler.doubt();
  reconciler.pass(world(7), kNow);
  EXPECT_EQ(state.mesh.main.peers.at(key_of_host(kA)).endpoint, at(99));
}

TEST(Reconciler, AFailedSecondCallFailsTheWholePassAndTheNextConverges) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  reconciler.pass(world(), kNow);
  Now later{kNow.mono + kCallAgain.front(), kNow.wall};
  reconciler.doubt_peers();
  state.fail_call = state.calls + 1;  // reading the peers succeeds, taking them away fails
  PassOutcome outcome = reconciler.pass(world(), later);
  EXPECT_TRUE(outcome.error.has_value());
  EXPECT_TRUE(outcome.failed_whole) << "an attachment in this pass must not count as done";
  EXPECT_FALSE(reconciler.pass(world(), later).error.has_value());
  EXPECT_TRUE(plan_mesh(world(), state.mesh).empty());
}

TEST(Reconciler, DoubtRepairsWhatOthersRemoved) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  reconciler.pass(world(), kNow);
  state.mesh.routes.clear();
  EXPECT_EQ(reconciler.pass(world(), kNow).applied, 0u);
  reconciler.doubt();
  EXPECT_GT(reconciler.pass(world(), kNow).applied, 0u);
  EXPECT_TRUE(plan_mesh(world(), state.mesh).empty());
}

TEST(Reconciler, ADoubtedVethIsLookedAtAgain) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  reconciler.pass(world(), kNow);
  apply_step(DeleteVeth{"sx00020000"}, state.mesh);
  reconciler.doubt_veth("sx00020000");
  EXPECT_FALSE(reconciler.pass(world(), kNow).error.has_value());
  EXPECT_TRUE(plan_mesh(world(), state.mesh).empty());
  EXPECT_EQ(state.observations, 1);
}

// A whole rotation of host A's key, as a host sees it that follows.
TEST(Reconciler, ALinkFollowsARotationToTheSpareDeviceAndBack) {
  FakeKernel::State state;
  FakeKernel kernel(state);
  Reconciler reconciler(kernel);
  auto rotating = [&](Rotation phase, std::uint8_t key) {
    auto snapshot =
        SnapshotBuilder().host(kA, HostStatus::kAlive, {at(2)}, key).rotating(kA, phase).build();
    return make_desired(snapshot, {}, spare_options());
  };
  auto pass = [&](const DesiredMesh& desired, Duration time) {
    reconciler.doubt_peers();
    Now now{kNow.mono + time, kNow.wall};
    EXPECT_FALSE(reconciler.pass(desired, now).error.has_value());
  };
  auto is_steered = [&] {
    return state.mesh.routes.contains({{host_address(kA), 128}, RouteKind::kUnicast, "sixpn-s"});
  };
  pass(rotating(Rotation::kNone, 0), 0s);
  EXPECT_FALSE(state.mesh.spare.device.has_value());
  pass(rotating(Rotation::kLeave, 0), 1s);
  ASSERT_TRUE(state.mesh.spare.peers.contains(spare_key_of_host(kA)));
  EXPECT_EQ(state.mesh.spare.peers.at(spare_key_of_host(kA)).endpoint->port, 51822);
  EXPECT_FALSE(is_steered());
  state.mesh.spare.peers.at(spare_key_of_host(kA)).last_handshake = kNow.wall;
  pass(rotating(Rotation::kLeave, 0), 2s);
  pass(rotating(Rotation::kLeave, 0), 3s);
  EXPECT_TRUE(is_steered());
  EXPECT_EQ(reconciler.on_spare(), std::set<HostId>{kA});
  pass(rotating(Rotation::kReturn, 1), 4s);
  EXPECT_TRUE(is_steered()) << "no session under the new key yet";
  state.mesh.main.peers.at(key_of_host(kA, 1)).last_handshake = kNow.wall;
  pass(rotating(Rotation::kReturn, 1), 5s);
  pass(rotating(Rotation::kReturn, 1), 6s);
  EXPECT_FALSE(is_steered());
  pass(rotating(Rotation::kNone, 1), 7s);
  EXPECT_FALSE(state.mesh.spare.device.has_value());
  EXPECT_THAT(state.mesh.main.peers, testing::ElementsAre(testing::Key(key_of_host(kA, 1))));
}

}  // namespace
}  // namespace sixpn::mesh
