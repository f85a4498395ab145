#include "flycast/core/kernel_path.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

// Host 1 in iad looks; machines 1 and 2 in iad, 3 in fra, 4 in nrt.
struct World {
  TestCluster cluster;
  KernelPath path{"iad"};

  World() {
    Service& service = cluster.app.services.front();
    service.kernel_path = true;
    service.soft_limit = 20;
    cluster.add_host(1, "iad", milliseconds(0));
    cluster.add_host(2, "iad", milliseconds(1));
    cluster.add_host(3, "fra", milliseconds(90));
    cluster.add_host(4, "nrt", milliseconds(95));
    for (std::uint32_t n = 1; n <= 4; ++n) cluster.add_machine(n, n);
  }
  Service& service() { return cluster.app.services.front(); }
  MachineRecord& machine(std::uint64_t n) { return cluster.machines.at(MachineId{n}); }

  std::optional<KernelServices> plan() { return path.plan(cluster.snapshot(1), {kNetwork}); }
  // The machines that the first of its ports leads to, by number.
  std::set<std::uint64_t> chosen() {
    auto services = plan();
    std::set<std::uint64_t> numbers;
    if (!services || services->services.empty()) return numbers;
    for (const Ip6& address : services->services.front().machines)
      for (const auto& [id, one] : cluster.machines)
        if (one.address == address) numbers.insert(id.value);
    return numbers;
  }
};

using Machines = std::set<std::uint64_t>;

TEST(KernelPath, EachPortOfEachAddressLeadsToTheNearestRegion) {
  World world;
  world.service().ports = {{80, 80}, {7000, 7010}};
  world.cluster.flycast.push_back({flycast_address(kNetwork, 2), "web", kNetwork, ""});
  auto services = world.plan();
  ASSERT_TRUE(services);
  EXPECT_TRUE(services->wanted);
  ASSERT_EQ(services->services.size(), 4u);
  for (const auto& service : services->services) {
    EXPECT_EQ(service.internal_port, 8080);
    EXPECT_EQ(service.machines,
              (std::vector<Ip6>{world.machine(1).address, world.machine(2).address}));
  }
  EXPECT_EQ(services->services[1].first, 7000);
  EXPECT_EQ(services->services[1].last, 7010);
  EXPECT_EQ(services->running.size(), 4u) << "also those of other regions";
}

TEST(KernelPath, WhoCannotServeIsLeftOut) {
  World world;
  world.machine(1).health = Health::kCritical;
  EXPECT_EQ(world.chosen(), Machines{2});
  world.machine(2).cordoned = true;
  EXPECT_EQ(world.chosen(), Machines{3}) << "the next region";
  world.cluster.hosts.at(host(3)).status = HostStatus::kDown;
  EXPECT_EQ(world.chosen(), Machines{4});
  world.machine(4).state = MachineState::kStopped;
  EXPECT_EQ(world.chosen(), Machines{1}) << "checks that all fail do not count, as for the proxy";
  world.machine(1).state = MachineState::kStopping;
  auto services = world.plan();
  EXPECT_TRUE(services->services.empty()) << "left to the proxy, which wakes one";
  EXPECT_TRUE(services->wanted);
  EXPECT_EQ(services->running.size(), 2u) << "cordoned, or still ending what it was asked";
  world.machine(1).state = MachineState::kStarted;
  world.machine(1).health = Health::kWarning;
  EXPECT_EQ(world.chosen(), Machines{}) << "not before its first pass";
}

TEST(KernelPath, ARegionIsNotLeftForASmallDifference) {
  World world;
  world.machine(1).cordoned = world.machine(2).cordoned = true;
  EXPECT_EQ(world.chosen(), Machines{3});
  world.cluster.hosts.at(host(3)).round_trip = milliseconds(98);
  EXPECT_EQ(world.chosen(), Machines{3});
  world.cluster.hosts.at(host(3)).round_trip = milliseconds(120);
  EXPECT_EQ(world.chosen(), Machines{4});
}

TEST(KernelPath, WhatNeedsTheProxyStaysWithIt) {
  struct Case {
    const char* what;
    void (*change)(World&);
  };
  const Case cases[] = {
      {"it does not ask", [](World& w) { w.service().kernel_path = false; }},
      {"handlers", [](World& w) { w.service().ports.front().handlers = {"proxy_proto"}; }},
      {"hard limit", [](World& w) { w.service().hard_limit = 25; }},
      {"autostop", [](World& w) { w.service().auto_stop = AutoStop::kStop; }},
      {"idle timeout",
       [](World& w) { w.service().ports.front().http.idle_timeout = std::chrono::seconds(9); }},
      {"UDP", [](World& w) { w.service().protocol = ServiceProtocol::kUdp; }},
      {"an address of another network",
       [](World& w) {
         w.cluster.flycast = {{flycast_address(kOtherNetwork, 1), "web", kNetwork, ""}};
       }},
  };
  for (const auto& one : cases) {
    World world;
    one.change(world);
    auto services = world.path.plan(world.cluster.snapshot(1), {kNetwork, kOtherNetwork});
    ASSERT_TRUE(services) << one.what;
    EXPECT_TRUE(services->services.empty()) << one.what;
  }
  World world;
  EXPECT_TRUE(world.path.plan(world.cluster.snapshot(1), {kOtherNetwork})->services.empty())
      << "no client of its network lives here";
}

TEST(KernelPath, NothingIsSaidOfWhatIsHalfKnown) {
  World world;
  world.cluster.synced = false;
  EXPECT_FALSE(world.plan());
}

TEST(KernelPath, WhatIsTooMuchIsLeftToTheProxyAndCounted) {
  World world;
  for (std::uint32_t n = 100; n < 100 + kMostKernelMachines; ++n) world.cluster.add_machine(n, 1);
  auto services = world.plan();
  EXPECT_TRUE(services->services.empty());
  EXPECT_EQ(services->left_out, 1u);
  world.machine(1).cordoned = world.machine(2).cordoned = true;
  EXPECT_EQ(world.plan()->left_out, 0u);
}

}  // namespace
}  // namespace sixpn::flycast
