#include "flycast/core/autostart.h"

#include <gtest/gtest.h>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};
constexpr WallTime kWall{seconds(1'800'000'000)};

// Hosts 1 and 2 in iad, 3 in fra, 4 in nrt; a stopped machine 10 n on host n.
struct Scene {
  TestCluster cluster;
  Scene() {
    cluster.add_host(1, "iad", Duration::zero());
    cluster.add_host(2, "iad", milliseconds(1));
    cluster.add_host(3, "fra", milliseconds(90));
    cluster.add_host(4, "nrt", milliseconds(160));
    for (std::uint32_t n : {1u, 2u, 3u, 4u})
      cluster.add_machine(10 * n, n).state = MachineState::kStopped;
  }
  MachineRecord& machine(std::uint32_t id) { return cluster.machines[MachineId{id}]; }
  Service& service() { return cluster.app.services[0]; }

  std::vector<Sleeper> all(std::uint32_t self = 1) {
    ServiceTable table(cluster.snapshot(self));
    return sleepers(table, std::get<Route>(table.route(kNetwork, kDialled)));
  }
  std::uint64_t chosen(std::uint32_t self = 1, const std::string& region = "iad") {
    auto found = all(self);
    auto index = choose_sleeper(found, region);
    return index ? found[*index].candidate.machine.value : 0;
  }
};

TEST(Autostart, WhoMayBeWoken) {
  struct Case {
    const char* name;
    void (*change)(Scene&);
    bool may;
  };
  const Case cases[] = {
      {"stopped", [](Scene&) {}, true},
      {"suspended", [](Scene& s) { s.machine(10).state = MachineState::kSuspended; }, true},
      {"starting", [](Scene& s) { s.machine(10).state = MachineState::kStarting; }, true},
      {"without a first pass",
       [](Scene& s) {
         s.machine(10).state = MachineState::kStarted;
         s.machine(10).health = Health::kWarning;
       },
       true},
      {"without a first pass of another service",
       [](Scene& s) {
         s.machine(10).state = MachineState::kStarted;
         s.machine(10).health = Health::kWarning;
         s.machine(10).service_health = ServiceHealths{{8080, Health::kPassing}};
       },
       false},
      {"failing",
       [](Scene& s) {
         s.machine(10).state = MachineState::kStarted;
         s.machine(10).health = Health::kCritical;
       },
       false},
      {"started", [](Scene& s) { s.machine(10).state = MachineState::kStarted; }, false},
      {"stopping", [](Scene& s) { s.machine(10).state = MachineState::kStopping; }, false},
      {"created", [](Scene& s) { s.machine(10).state = MachineState::kCreated; }, false},
      {"destroyed", [](Scene& s) { s.machine(10).state = MachineState::kDestroyed; }, false},
      {"cordoned", [](Scene& s) { s.machine(10).cordoned = true; }, false},
      {"of another group", [](Scene& s) { s.service().groups = {"worker"}; }, false},
      {"without autostart", [](Scene& s) { s.service().auto_start = false; }, false},
  };
  for (const Case& test : cases) {
    Scene scene;
    test.change(scene);
    EXPECT_EQ(may_wake(scene.machine(10), scene.service()), test.may) << test.name;
  }
}

TEST(Autostart, OnlyOfHostsThatLive) {
  Scene scene;
  EXPECT_EQ(scene.all().size(), 4u);
  scene.cluster.hosts[host(1)].status = HostStatus::kDown;
  scene.cluster.revoked.insert(host(2));
  EXPECT_EQ(scene.all().size(), 2u);
}

TEST(Autostart, TheNearestRegionThenOneThatStartsThenTheLowestId) {
  Scene scene;
  EXPECT_EQ(scene.chosen(), 10u);
  scene.machine(20).state = MachineState::kStarting;
  EXPECT_EQ(scene.chosen(), 20u) << "no second start beside it";
  scene.machine(20).state = MachineState::kStarted;
  scene.machine(20).health = Health::kWarning;
  EXPECT_EQ(scene.chosen(), 20u) << "started, but its checks have not passed yet";
  scene.machine(30).state = MachineState::kStarting;
  EXPECT_EQ(scene.chosen(), 20u) << "the own region first";
  scene.cluster.machines.erase(MachineId{10});
  scene.cluster.machines.erase(MachineId{20});
  EXPECT_EQ(scene.chosen(), 30u);
  scene.cluster.machines.erase(MachineId{30});
  EXPECT_EQ(scene.chosen(), 40u);
  scene.cluster.machines.erase(MachineId{40});
  EXPECT_EQ(scene.chosen(), 0u);
}

TEST(Autostart, ProxiesOfOneRegionAgree) {
  Scene scene;
  EXPECT_EQ(scene.chosen(1), scene.chosen(2)) << "its own host counts for nothing here";
}

TEST(Autostart, OneBackgroundStartAtATimeAndNoneSoonAfter) {
  BackgroundStarts starts;
  StartKey web{kNetwork, "web", 8080, "iad"};
  EXPECT_TRUE(starts.begin(web, kStart));
  EXPECT_FALSE(starts.begin(web, kStart + minutes(5))) << "still in flight";
  EXPECT_TRUE(starts.begin({kNetwork, "web", 8080, "fra"}, kStart));
  EXPECT_TRUE(starts.begin({kNetwork, "web", 9090, "iad"}, kStart));
  starts.end(web, true, kStart);
  EXPECT_FALSE(starts.begin(web, kStart + seconds(19)));
  EXPECT_TRUE(starts.begin(web, kStart + seconds(20)));
  starts.end(web, false, kStart + seconds(20));
  EXPECT_TRUE(starts.begin(web, kStart + seconds(20))) << "the one before came to nothing";
}

TEST(Autostart, BackgroundStartsAreBounded) {
  BackgroundStarts starts;
  for (std::size_t i = 0; i < kMaxBackgroundStarts; ++i)
    ASSERT_TRUE(starts.begin({kNetwork, std::to_string(i), 8080, "iad"}, kStart));
  EXPECT_FALSE(starts.begin({kNetwork, "web", 8080, "iad"}, kStart));
  starts.end({kNetwork, "0", 8080, "iad"}, true, kStart);
  EXPECT_FALSE(starts.begin({kNetwork, "web", 8080, "iad"}, kStart));
  EXPECT_TRUE(starts.begin({kNetwork, "web", 8080, "iad"}, kStart + kQuietAfterStart));
  EXPECT_EQ(starts.size(), kMaxBackgroundStarts);
}

TEST(Autostart, TheOwnerRefusesWhatWasStoppedMinutesAgoUnlessItIsTheLast) {
  Scene scene;
  StartRules rules;
  MachineRecord& machine = scene.machine(10);
  machine.updated = kWall;
  auto judge = [&](bool last, WallTime wall) {
    return rules.judge(machine, 8080, last, {kStart, wall});
  };
  EXPECT_EQ(judge(false, kWall), StartVerdict::kRecentlyStopped);
  EXPECT_EQ(judge(false, kWall + minutes(5) - milliseconds(1)), StartVerdict::kRecentlyStopped);
  EXPECT_EQ(judge(false, kWall + minutes(5)), StartVerdict::kStart);
  EXPECT_EQ(judge(true, kWall), StartVerdict::kStart);
  EXPECT_EQ(judge(false, kWall - seconds(1)), StartVerdict::kStart) << "the clock was set back";
  machine.state = MachineState::kStarting;
  EXPECT_EQ(judge(false, kWall), StartVerdict::kStart) << "it starts already";
  machine.state = MachineState::kStarted;
  machine.health = Health::kCritical;
  machine.service_health = ServiceHealths{{8080, Health::kWarning}};
  EXPECT_EQ(judge(false, kWall), StartVerdict::kStart) << "this service of it does";
}

TEST(Autostart, AMachineThatDoesNotStartIsLeftAloneForLongerEachTime) {
  Scene scene;
  StartRules rules;
  const MachineRecord& machine = scene.machine(10);
  auto judge = [&](Instant now) { return rules.judge(machine, 8080, true, {now, kWall}); };
  Instant now = kStart;
  for (Duration penalty : {milliseconds(500), milliseconds(1000), milliseconds(2000)}) {
    rules.on_failed(machine.id, now);
    EXPECT_EQ(judge(now + penalty - milliseconds(1)), StartVerdict::kFailedLately);
    EXPECT_EQ(judge(now + penalty), StartVerdict::kStart);
    now += penalty;
  }
  for (int i = 0; i < 40; ++i) rules.on_failed(machine.id, now);
  EXPECT_EQ(judge(now + kMaxStartPenalty - milliseconds(1)), StartVerdict::kFailedLately);
  EXPECT_EQ(judge(now + kMaxStartPenalty), StartVerdict::kStart);
  rules.on_open(machine.id);
  EXPECT_EQ(judge(now), StartVerdict::kStart);
}

}  // namespace
}  // namespace sixpn::flycast
