#include "flycast/core/autostop.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};
constexpr Duration kIdle = minutes(5);

// Hosts 1 and 2 in iad, the app's primary region, 3 in fra; machines 10 and 11 on host 1, 20 on 2,
// 30 and 31 on 3.
struct Scene {
  TestCluster cluster;
  ServiceCounts open;
  MachineUse use;
  Autostop autostop{kIdle};
  std::uint32_t self = 1;

  Scene() {
    cluster.add_host(1, "iad", Duration::zero());
    cluster.add_host(2, "iad", milliseconds(1));
    cluster.add_host(3, "fra", milliseconds(90));
    for (auto [id, n] : {std::pair{10u, 1u}, {11u, 1u}, {20u, 2u}, {30u, 3u}, {31u, 3u}})
      cluster.add_machine(id, n);
    service().auto_stop = AutoStop::kStop;
  }
  Service& service() { return cluster.app.services[0]; }
  MachineRecord& machine(std::uint32_t id) { return cluster.machines[MachineId{id}]; }
  void connect(std::uint32_t id) { use.pass(MachineId{id}); }

  std::vector<std::uint64_t> pass(Duration since) {
    std::vector<std::uint64_t> ids;
    auto snapshot = cluster.snapshot(self);
    for (const auto& order : autostop.pass(*snapshot, open, use, kStart + since))
      ids.push_back(order.machine.value);
    return ids;
  }
  // All that are stopped by a look per minute.
  std::vector<std::uint64_t> stopped_by(Duration until) {
    std::vector<std::uint64_t> all;
    for (Duration at{}; at <= until; at += minutes(1)) {
      auto some = pass(at);
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    return all;
  }
};

using Ids = std::vector<std::uint64_t>;

TEST(Autostop, WhatHadNoConnectionForLongEnough) {
  Scene scene;
  EXPECT_EQ(scene.pass({}), Ids{});
  EXPECT_EQ(scene.pass(kIdle - seconds(1)), Ids{}) << "first seen five minutes ago";
  EXPECT_EQ(scene.pass(kIdle), (Ids{10, 11})) << "those of this host alone";
  EXPECT_EQ(scene.pass(kIdle + seconds(10)), Ids{}) << "not ordered twice";
}

TEST(Autostop, AConnectionSinceTheLastLookOrOneThatIsOpenKeepsItAwake) {
  Scene scene;
  scene.pass({});
  scene.connect(10);  // came and went
  auto ticket = scene.open.admit({MachineId{11}, 8080}, 0);
  EXPECT_EQ(scene.pass(minutes(4)), Ids{});
  EXPECT_EQ(scene.pass(minutes(8)), Ids{});
  EXPECT_EQ(scene.pass(minutes(9)), Ids{10}) << "five minutes after the look that saw it";
  EXPECT_EQ(scene.pass(minutes(60)), Ids{}) << "11 has a connection";
  ticket.reset();
  EXPECT_EQ(scene.pass(minutes(61)), Ids{});
  EXPECT_EQ(scene.pass(minutes(65)), Ids{11});
}

TEST(Autostop, OffMeansOff) {
  Scene scene;
  scene.service().auto_stop = AutoStop::kOff;
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{});
  EXPECT_EQ(scene.autostop.watched(), 0u);
  // One of two services wants it, the other does not.
  Service other = scene.service();
  other.internal_port = 9090;
  other.auto_stop = AutoStop::kStop;
  scene.cluster.app.services.push_back(other);
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{});
}

TEST(Autostop, SuspendOnlyWhereAllServicesAgree) {
  Scene scene;
  scene.service().auto_stop = AutoStop::kSuspend;
  scene.pass({});
  auto snapshot = scene.cluster.snapshot(1);
  auto orders = scene.autostop.pass(*snapshot, scene.open, scene.use, kStart + kIdle);
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0], (StopOrder{MachineId{10}, kNetwork, "web", AutoStop::kSuspend}));
}

TEST(Autostop, TheLeastNumberIsLeftInThePrimaryRegionWhoeverOwnsThem) {
  Scene scene;
  scene.service().min_machines_running = 2;
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{}) << "10 and 11 are the first two of iad";
  Scene of_host_2;
  of_host_2.self = 2;
  of_host_2.service().min_machines_running = 2;
  EXPECT_EQ(of_host_2.stopped_by(minutes(30)), Ids{20});
  Scene of_host_3;
  of_host_3.self = 3;
  of_host_3.service().min_machines_running = 2;
  EXPECT_EQ(of_host_3.stopped_by(minutes(30)), (Ids{30, 31})) << "fra is not the primary region";
}

TEST(Autostop, WithoutAPrimaryRegionEachRegionKeepsTheLeastNumber) {
  Scene scene;
  scene.cluster.app.primary_region = "";
  scene.self = 3;
  scene.service().min_machines_running = 1;
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{31});
}

TEST(Autostop, WhatDoesNotServeIsNotCountedAsLeft) {
  for (auto change : {+[](Scene& s) { s.machine(10).state = MachineState::kStopped; },
                      +[](Scene& s) { s.machine(10).cordoned = true; },
                      +[](Scene& s) { s.machine(10).group = "worker"; }}) {
    Scene scene;
    scene.self = 2;
    scene.service().min_machines_running = 2;
    scene.service().groups = {"app"};
    change(scene);
    EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{}) << "11 and 20 are the two";
  }
  Scene scene;
  scene.self = 2;
  scene.service().min_machines_running = 2;
  scene.cluster.hosts[host(1)].status = HostStatus::kDown;
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{}) << "its host is dead";
}

TEST(Autostop, OneThatWasStartedAgainIsNewAgain) {
  Scene scene;
  scene.pass({});
  EXPECT_EQ(scene.pass(kIdle), (Ids{10, 11}));
  scene.machine(10).state = MachineState::kStopped;
  scene.pass(kIdle + seconds(5));
  scene.machine(10).state = MachineState::kStarted;
  scene.pass(kIdle + seconds(10));
  EXPECT_EQ(scene.pass(2 * kIdle), Ids{});
  EXPECT_EQ(scene.pass(2 * kIdle + seconds(10)), Ids{10});
}

TEST(Autostop, OneThatCouldNotBeStoppedIsTriedAgainLater) {
  Scene scene;
  scene.pass({});
  EXPECT_EQ(scene.pass(kIdle), (Ids{10, 11}));
  scene.autostop.forget(MachineId{10});
  EXPECT_EQ(scene.pass(kIdle + seconds(1)), Ids{});
  EXPECT_EQ(scene.pass(2 * kIdle + seconds(1)), Ids{10});
}

TEST(Autostop, NotMoreThanTheBudgetAtOnceAndNoneIsForgotten) {
  Scene scene;
  for (std::uint32_t id = 100; id < 200; ++id) scene.cluster.add_machine(id, 1);
  scene.pass({});
  EXPECT_EQ(scene.pass(kIdle).size(), static_cast<std::size_t>(kStopBurst));
  EXPECT_EQ(scene.pass(kIdle + 2 * kStopInterval).size(), 2u);
  std::size_t more = 0;
  for (int i = 0; i < 100; ++i) more += scene.pass(kIdle + seconds(10 + i)).size();
  EXPECT_EQ(more, 102u - kStopBurst - 2);
}

TEST(Autostop, NothingOfANetworkThatIsNotHeld) {
  Scene scene;
  scene.cluster.held = {false, {}};
  EXPECT_EQ(scene.stopped_by(minutes(30)), Ids{});
}

// Neither machines that are gone, with or without a word from Autostop, nor those that nobody puts
// to sleep.
TEST(Autostop, NothingIsRememberedOfMachinesThatItDoesNotWatch) {
  Scene scene;
  for (std::uint32_t id = 1000; id < 1100; ++id) scene.connect(id);
  EXPECT_EQ(scene.use.watched(), 0u);
  scene.pass({});
  EXPECT_EQ(scene.use.watched(), 2u);
  scene.autostop.forget(MachineId{10});
  scene.cluster.machines.erase(MachineId{10});
  scene.cluster.machines.erase(MachineId{11});
  scene.connect(11);
  scene.pass(seconds(1));
  EXPECT_EQ(scene.use.watched(), 0u);
  EXPECT_EQ(scene.autostop.watched(), 0u);
}

TEST(MachineUse, CountsUntilItIsHeld) {
  MachineUse use;
  use.watch(MachineId{1});
  EXPECT_TRUE(use.pass(MachineId{1}));
  EXPECT_TRUE(use.pass(MachineId{1}));
  EXPECT_EQ(use.admitted(MachineId{1}), 2u);
  use.hold(MachineId{1});
  EXPECT_FALSE(use.pass(MachineId{1}));
  EXPECT_TRUE(use.pass(MachineId{2}));
  EXPECT_EQ(use.admitted(MachineId{1}), 2u);
  use.release(MachineId{1});
  EXPECT_TRUE(use.pass(MachineId{1}));
}

TEST(OpenCounts, TheGateIsAskedForWhatTheLimitLeavesRoomFor) {
  ServiceCounts counts;
  int asked = 0;
  bool opens = true;
  counts.set_gate([&](const ServiceKey&) {
    ++asked;
    return opens;
  });
  auto first = counts.admit({MachineId{1}, 80}, 1);
  EXPECT_TRUE(first);
  EXPECT_FALSE(counts.admit({MachineId{1}, 80}, 1));
  EXPECT_EQ(asked, 1);
  opens = false;
  EXPECT_FALSE(counts.admit({MachineId{2}, 80}, 0));
  EXPECT_EQ(counts.open({MachineId{2}, 80}), 0u);
}

}  // namespace
}  // namespace sixpn::flycast
