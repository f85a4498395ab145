#include "flycast/core/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

// Seen from host 1 in iad; machine n on host n.
struct Scene {
  TestCluster cluster;
  PoolTable pools;
  LoadView loads;
  ServiceTable table;
  Rng rng{1};

  Scene() {
    cluster.add_host(1, "iad", Duration::zero());
    cluster.add_host(2, "iad", milliseconds(1));
    cluster.add_host(3, "iad", milliseconds(1));
    cluster.add_host(4, "fra", milliseconds(90));
    for (std::uint32_t n = 2; n <= 4; ++n) cluster.add_machine(n, n);
  }
  LoadView::Entry load(std::uint64_t machine) {
    return loads.entry({MachineId{machine}, 8080}, kStart);
  }
  Explanation explain(std::uint16_t port = kDialled.port) {
    table = ServiceTable(cluster.snapshot(1));
    auto route = std::get<Route>(table.route(kNetwork, {kDialled.ip, port}));
    auto& pool = pools.pool(table, route, {host(1), "iad"}, loads, kStart);
    return flycast::explain(table, route, pool, kStart, rng);
  }
};

TEST(Explain, NamesThePortOfAServiceThatWasAskedAbout) {
  Scene scene;
  scene.cluster.app.services[0].ports.push_back({443, 443, {"tls", "http"}, false});
  EXPECT_EQ(scene.explain().external_port, 80);
  EXPECT_EQ(scene.explain(443).external_port, 443);
}

const ExplainedMachine& of(const Explanation& said, std::uint64_t machine) {
  return *std::find_if(said.machines.begin(), said.machines.end(),
                       [&](const auto& one) { return one.machine == MachineId{machine}; });
}

TEST(Explain, SaysWhoWouldBeChosenAndWhy) {
  Scene scene;
  scene.load(2)->on_report({5, 1, 1}, kStart - milliseconds(400));
  Explanation said = scene.explain();
  ASSERT_EQ(said.machines.size(), 3u);
  EXPECT_EQ(said.external_port, 80);
  EXPECT_EQ(said.rule,
            "region iad is the nearest that can take it; of two machines drawn at random the "
            "cheaper wins");
  EXPECT_EQ(of(said, 2).load, 6);
  EXPECT_EQ(of(said, 2).queue, 1u);
  EXPECT_EQ(of(said, 2).heard, Duration(milliseconds(400)));
  EXPECT_EQ(of(said, 2).chosen, 0);
  EXPECT_EQ(of(said, 3).chosen, 1);
  EXPECT_EQ(of(said, 4).chosen, 0) << "another region";
  EXPECT_EQ(of(said, 4).standing, "usable");
}

TEST(Explain, SaysWhyAMachineIsNone) {
  struct Case {
    std::function<void(TestCluster&)> change;
    const char* expected;
  };
  auto machine = [](TestCluster& c) -> MachineRecord& { return c.machines[MachineId{2}]; };
  const Case cases[] = {
      {[&](TestCluster& c) { machine(c).state = MachineState::kStopped; }, "stopped"},
      {[&](TestCluster& c) { machine(c).cordoned = true; }, "cordoned"},
      {[&](TestCluster& c) { machine(c).health = Health::kCritical; }, "its checks fail"},
      {[&](TestCluster& c) {
         machine(c).service_health = ServiceHealths{{8080, Health::kCritical}};
       },
       "its checks fail"},
      {[&](TestCluster& c) { machine(c).health = Health::kWarning; },
       "its checks have not passed since it started"},
      {[](TestCluster& c) { c.hosts[host(2)].status = HostStatus::kDown; }, "its host is down"},
      {[](TestCluster& c) { c.revoked.insert(host(2)); }, "its host is unknown or revoked"},
      {[&](TestCluster& c) {
         machine(c).group = "worker";
         c.app.services[0].groups = {"app"};
       },
       "its process group does not serve this port"},
  };
  for (const Case& test : cases) {
    Scene scene;
    test.change(scene.cluster);
    Explanation said = scene.explain();
    EXPECT_FALSE(of(said, 2).candidate) << test.expected;
    EXPECT_EQ(of(said, 2).standing, test.expected);
    EXPECT_EQ(of(said, 2).chosen, 0);
  }
}

TEST(Explain, SaysWhatIsFullAndWhatIsOut) {
  Scene scene;
  scene.cluster.app.services[0].hard_limit = 5;
  scene.load(2)->on_report({5, 0, 1}, kStart);
  for (int i = 0; i < Ejection::kConnectFailures; ++i)
    scene.load(3)->on_connect_failure(kStart, scene.rng);
  Explanation said = scene.explain();
  EXPECT_EQ(of(said, 2).standing, "at its hard limit");
  EXPECT_EQ(of(said, 3).standing, "out: it failed lately");
  EXPECT_GT(of(said, 3).out_for, milliseconds(700));
  EXPECT_EQ(of(said, 4).chosen, 1) << "so the region is left";
  EXPECT_EQ(said.rule, "machine 00000000000004 is the only one that can be asked");
}

TEST(Explain, SaysThatChecksDoNotCount) {
  Scene scene;
  EXPECT_FALSE(scene.explain().checks_ignored);
  for (auto& [id, machine] : scene.cluster.machines) machine.health = Health::kCritical;
  EXPECT_TRUE(scene.explain().checks_ignored);
}

TEST(Explain, SaysThatNobodyIsThere) {
  Scene scene;
  for (auto& [id, machine] : scene.cluster.machines) machine.state = MachineState::kStopped;
  scene.cluster.app.services[0].auto_start = false;
  EXPECT_EQ(scene.explain().rule, "no machine is started and healthy: connections wait");
}

// The nearest; and only where the service allows it.
TEST(Explain, SaysWhichMachineWouldBeWoken) {
  Scene scene;
  for (auto& [id, machine] : scene.cluster.machines) machine.state = MachineState::kStopped;
  Explanation said = scene.explain();
  EXPECT_EQ(said.rule, "no machine is started and healthy: a connection wakes machine " +
                           to_string(MachineId{2}) + " of region iad and waits for it");
  EXPECT_EQ(of(said, 2).standing, "stopped: a connection wakes it");
  EXPECT_EQ(of(said, 3).standing, "stopped");
  EXPECT_EQ(of(said, 4).standing, "stopped");

  scene.cluster.machines[MachineId{2}].cordoned = true;
  scene.cluster.machines[MachineId{3}].cordoned = true;
  EXPECT_EQ(of(scene.explain(), 4).standing, "stopped: a connection wakes it");

  scene.cluster.app.services[0].auto_start = false;
  said = scene.explain();
  EXPECT_EQ(said.rule, "no machine is started and healthy: connections wait");
  EXPECT_EQ(of(said, 4).standing, "stopped");
}

// Before anybody waits in line.
TEST(Explain, SaysWhichMachineWouldBeWokenBesideFullOnes) {
  Scene scene;
  scene.cluster.app.services[0].hard_limit = 5;
  scene.cluster.machines[MachineId{4}].state = MachineState::kStopped;
  for (std::uint64_t machine : {2, 3})
    scene.load(machine)->on_report({5, 0, 1}, kStart - milliseconds(100));
  Explanation said = scene.explain();
  EXPECT_EQ(said.rule, "every machine is at its hard limit: a connection wakes machine " +
                           to_string(MachineId{4}) + " of region fra and waits for it");
  EXPECT_EQ(of(said, 2).standing, "at its hard limit");
}

}  // namespace
}  // namespace sixpn::flycast
