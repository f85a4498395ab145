#include "flycast/core/service_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

TestCluster two_hosts() {
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  cluster.add_host(2, "fra", milliseconds(90));
  cluster.add_machine(1, 1);
  cluster.add_machine(2, 2);
  return cluster;
}

std::vector<std::uint64_t> candidate_ids(const TestCluster& cluster) {
  ServiceTable table(cluster.snapshot(1));
  auto routed = table.route(kNetwork, kDialled);
  std::vector<std::uint64_t> ids;
  for (const Candidate& candidate : table.candidates(std::get<Route>(routed)))
    ids.push_back(candidate.machine.value);
  return ids;
}

LookupError lookup_error(const TestCluster& cluster, NetworkId client, const IpEndpoint& dialled) {
  ServiceTable table(cluster.snapshot(1));
  return std::get<LookupFailure>(table.route(client, dialled)).error;
}

TEST(ServiceTable, CandidatesCarryTheirDistance) {
  ServiceTable table(two_hosts().snapshot(1));
  auto routed = table.route(kNetwork, kDialled);
  ASSERT_TRUE(std::holds_alternative<Route>(routed));
  auto candidates = table.candidates(std::get<Route>(routed));
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_TRUE(candidates[0].here);
  EXPECT_EQ(candidates[0].round_trip, Duration::zero());
  EXPECT_FALSE(candidates[1].here);
  EXPECT_EQ(candidates[1].region, "fra");
  EXPECT_EQ(candidates[1].round_trip, Duration(milliseconds(90)));
}

TEST(ServiceTable, WhoMayServe) {
  struct Case {
    const char* name;
    std::function<void(TestCluster&)> change;  // to machine 2 on host 2, or what it depends on
    bool serves;
  };
  auto machine = [](TestCluster& cluster) -> MachineRecord& {
    return cluster.machines[MachineId{2}];
  };
  const std::vector<Case> cases = {
      {"as is", [](TestCluster&) {}, true},
      {"stopped", [&](TestCluster& c) { machine(c).state = MachineState::kStopped; }, false},
      {"stopping", [&](TestCluster& c) { machine(c).state = MachineState::kStopping; }, false},
      {"starting", [&](TestCluster& c) { machine(c).state = MachineState::kStarting; }, false},
      {"suspended", [&](TestCluster& c) { machine(c).state = MachineState::kSuspended; }, false},
      {"cordoned", [&](TestCluster& c) { machine(c).cordoned = true; }, false},
      {"critical", [&](TestCluster& c) { machine(c).health = Health::kCritical; }, false},
      {"critical in another service",
       [&](TestCluster& c) {
         machine(c).health = Health::kCritical;
         machine(c).service_health = ServiceHealths{{8080, Health::kPassing}};
       },
       true},
      {"critical in this service alone",
       [&](TestCluster& c) {
         machine(c).service_health = ServiceHealths{{8080, Health::kCritical}};
       },
       false},
      {"critical by the app's own checks",
       [&](TestCluster& c) { machine(c).app_health = Health::kCritical; }, true},
      {"warning", [&](TestCluster& c) { machine(c).health = Health::kWarning; }, false},
      {"host down", [](TestCluster& c) { c.hosts[host(2)].status = HostStatus::kDown; }, false},
      {"host left", [](TestCluster& c) { c.hosts[host(2)].status = HostStatus::kLeft; }, false},
      {"host suspected", [](TestCluster& c) { c.hosts[host(2)].status = HostStatus::kSuspected; },
       true},
      {"host revoked", [](TestCluster& c) { c.revoked.insert(host(2)); }, false},
      {"other group", [](TestCluster& c) { c.app.services[0].groups = {"worker"}; }, false},
      {"its group",
       [](TestCluster& c) {
         c.app.services[0].groups = {"worker", "app"};
       },
       true},
      {"skip_dns does not matter", [&](TestCluster& c) { machine(c).skip_dns = true; }, true},
  };
  for (const Case& test : cases) {
    TestCluster cluster = two_hosts();
    test.change(cluster);
    auto ids = candidate_ids(cluster);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 2) == 1, test.serves) << test.name;
  }
}

TEST(ServiceTable, WhereAllChecksFailAllAreCandidates) {
  TestCluster cluster = two_hosts();
  for (auto& [id, machine] : cluster.machines) machine.health = Health::kCritical;
  EXPECT_EQ(candidate_ids(cluster).size(), 2u);
  cluster.machines.begin()->second.cordoned = true;
  EXPECT_EQ(candidate_ids(cluster).size(), 1u) << "what was taken out on purpose stays out";
}

TEST(ServiceTable, AServiceThatFailsLeavesRotationAloneAndItsFailOpenIsItsOwn) {
  TestCluster cluster = two_hosts();
  Service admin = cluster.app.services[0];
  admin.internal_port = 9090;
  admin.ports = {{90, 90, {}, false}};
  cluster.app.services.push_back(admin);
  auto ids = [&](std::uint16_t port) {
    ServiceTable table(cluster.snapshot(1));
    auto route = std::get<Route>(table.route(kNetwork, {kFlycast, port}));
    std::vector<std::uint64_t> found;
    for (const Candidate& one : table.candidates(route)) found.push_back(one.machine.value);
    return found;
  };
  using Ids = std::vector<std::uint64_t>;
  MachineRecord& first = cluster.machines[MachineId{1}];
  first.health = Health::kCritical;
  first.service_health = ServiceHealths{{9090, Health::kPassing}};
  EXPECT_EQ(ids(80), Ids{2});
  EXPECT_EQ(ids(90), (Ids{1, 2}));
  cluster.machines[MachineId{2}].health = Health::kCritical;
  EXPECT_EQ(ids(80), (Ids{1, 2})) << "all fail";
  EXPECT_EQ(ids(90), Ids{1});
}

TEST(ServiceTable, Errors) {
  TestCluster cluster = two_hosts();
  EXPECT_EQ(lookup_error(cluster, kOtherNetwork, kDialled), LookupError::kNoSuchAddress);
  EXPECT_EQ(lookup_error(cluster, kNetwork, {flycast_address(kNetwork, 2), 80}),
            LookupError::kNoSuchAddress);
  EXPECT_EQ(lookup_error(cluster, NetworkId{7}, kDialled), LookupError::kNoSuchAddress);
  EXPECT_EQ(lookup_error(cluster, kNetwork, {kFlycast, 81}), LookupError::kNoServiceOnPort);
  cluster.app.services[0].protocol = ServiceProtocol::kUdp;
  EXPECT_EQ(lookup_error(cluster, kNetwork, kDialled), LookupError::kNoServiceOnPort);
  cluster.synced = false;
  EXPECT_EQ(lookup_error(cluster, kNetwork, kDialled), LookupError::kNotReady);
  EXPECT_FALSE(ServiceTable().ready());
}

TEST(ServiceTable, PartOfANetworksMachinesIsNotTakenForAll) {
  TestCluster cluster = two_hosts();
  cluster.held = {false, {kOtherNetwork}};
  EXPECT_EQ(lookup_error(cluster, kNetwork, kDialled), LookupError::kNotReady);
  cluster.held = {false, {kNetwork}};
  EXPECT_EQ(candidate_ids(cluster).size(), 2u);
}

TEST(ServiceTable, HandlersThatARelayCannotServe) {
  TestCluster cluster = two_hosts();
  cluster.app.services[0].ports[0].handlers = {"http", "of_a_later_version"};
  EXPECT_EQ(lookup_error(cluster, kNetwork, kDialled), LookupError::kUnsupportedHandler);
  for (const char* with_tls : {"tls", "pg_tls"}) {
    cluster.app.services[0].ports[0].handlers = {with_tls, "proxy_proto"};
    EXPECT_TRUE(ServiceTable(cluster.snapshot(1)).is_tls(kNetwork, kDialled));
  }
  EXPECT_EQ(candidate_ids(cluster).size(), 2u);
  cluster.app.services[0].ports[0].handlers = {"http"};
  EXPECT_FALSE(ServiceTable(cluster.snapshot(1)).is_tls(kNetwork, kDialled));
  EXPECT_EQ(candidate_ids(cluster).size(), 2u);
}

TEST(ServiceTable, PortRangesAreInclusive) {
  TestCluster cluster = two_hosts();
  cluster.app.services[0].ports[0] = {8000, 8010, {}, false};
  ServiceTable table(cluster.snapshot(1));
  for (int dialled : {7999, 8000, 8005, 8010, 8011}) {
    auto port = static_cast<std::uint16_t>(dialled);
    bool inside = port >= 8000 && port <= 8010;
    EXPECT_EQ(std::holds_alternative<Route>(table.route(kNetwork, {kFlycast, port})), inside)
        << port;
  }
}

TEST(ServiceTable, AnAddressOfAnotherNetworkReachesTheApp) {
  TestCluster cluster = two_hosts();
  Ip6 shared = flycast_address(kOtherNetwork, 9);
  cluster.flycast.push_back({shared, "web", kNetwork, ""});
  ServiceTable table(cluster.snapshot(1));
  EXPECT_TRUE(std::holds_alternative<Route>(table.route(kOtherNetwork, {shared, 80})));
  EXPECT_EQ(lookup_error(cluster, kNetwork, {shared, 80}), LookupError::kNoSuchAddress);
}

TEST(ServiceTable, WhereAClientLives) {
  TestCluster cluster = two_hosts();
  cluster.peers.push_back({"laptop", kNetwork, host(2), {}, peer_address(kNetwork, host(2), 3)});
  ServiceTable table(cluster.snapshot(1));
  const Ip6& machine = cluster.machines[MachineId{2}].address;
  EXPECT_TRUE(table.lives_on(machine, host(2)));
  EXPECT_FALSE(table.lives_on(machine, host(1)));
  EXPECT_TRUE(table.lives_on(peer_address(kNetwork, host(2), 3), host(2)));
  EXPECT_FALSE(table.lives_on(peer_address(kNetwork, host(2), 4), host(2)));
  EXPECT_FALSE(table.lives_on(machine_address(NetworkId{7}, host(2), kFirstMachineField), host(2)));
}

TEST(ServiceTable, WhereAClientOfANetworkLivesThatIsNotHeld) {
  TestCluster cluster = two_hosts();
  const Ip6 client = machine_address(kOtherNetwork, host(2), kFirstMachineField);
  EXPECT_FALSE(ServiceTable(cluster.snapshot(1)).lives_on(client, host(2)));
  cluster.held = {false, {kNetwork}};
  ServiceTable table(cluster.snapshot(1));
  EXPECT_TRUE(table.lives_on(client, host(2)));
  EXPECT_FALSE(table.lives_on(client, host(1)));
  // Peers are known everywhere; what is no network lives nowhere.
  EXPECT_FALSE(table.lives_on(peer_address(kOtherNetwork, host(2), 4), host(2)));
  EXPECT_FALSE(table.lives_on(machine_address(NetworkId{7}, host(2), kFirstMachineField), host(2)));
}

}  // namespace
}  // namespace sixpn::flycast
