#include "flycast/core/admission.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

// Host 1 owns machine 1 of web; machine 9 (app "other") on host 2 is the client.
struct Scene {
  TestCluster cluster;
  Preamble preamble;
  HostId from = host(2);

  Scene() {
    cluster.add_host(1, "iad", Duration::zero());
    cluster.add_host(2, "fra", std::chrono::milliseconds(90));
    cluster.add_machine(1, 1);
    cluster.add_machine(9, 2, "other");
    preamble = {
        kNetwork, MachineId{1}, {cluster.machines[MachineId{9}].address, 40000}, kDialled, 8080};
  }
  MachineRecord& machine() { return cluster.machines[MachineId{1}]; }
  Admission judge() { return admit(ServiceTable(cluster.snapshot(1)), from, preamble); }
};

TEST(Admission, KeepsTheClientsAddressInsideItsNetwork) {
  Scene scene;
  scene.cluster.app.services[0].hard_limit = 3;
  Admission admission = scene.judge();
  const auto* admitted = std::get_if<Admitted>(&admission);
  ASSERT_NE(admitted, nullptr);
  EXPECT_EQ(admitted->source, scene.preamble.client.ip);
  EXPECT_EQ(admitted->machine, (IpEndpoint{scene.machine().address, 8080}));
  EXPECT_EQ(admitted->key, (ServiceKey{MachineId{1}, 8080}));
  EXPECT_EQ(admitted->hard_limit, 3u);
}

TEST(Admission, AcrossNetworksTheProxyIsTheSource) {
  Scene scene;
  Ip6 shared = flycast_address(kOtherNetwork, 5);
  scene.cluster.flycast.push_back({shared, "web", kNetwork, ""});
  scene.preamble.client.ip = scene.cluster.add_machine(8, 2, "caller", kOtherNetwork).address;
  scene.preamble.dialled.ip = shared;
  Admission admission = scene.judge();
  const auto* admitted = std::get_if<Admitted>(&admission);
  ASSERT_NE(admitted, nullptr);
  EXPECT_EQ(admitted->source, proxy_address(kNetwork, host(1)));
}

// The owner holds the app's network, not the one that the client dials from.
TEST(Admission, AcrossNetworksTheClientsNetworkNeedNotBeHeld) {
  Scene scene;
  Ip6 shared = flycast_address(kOtherNetwork, 5);
  scene.cluster.flycast.push_back({shared, "web", kNetwork, ""});
  scene.cluster.held = {false, {kNetwork}};
  scene.preamble.client.ip = machine_address(kOtherNetwork, host(2), kFirstMachineField);
  scene.preamble.dialled.ip = shared;
  EXPECT_TRUE(std::holds_alternative<Admitted>(scene.judge()));
  // It lives on another host than the one that asks.
  scene.preamble.client.ip = machine_address(kOtherNetwork, host(3), kFirstMachineField);
  EXPECT_EQ(std::get<HopStatus>(scene.judge()), HopStatus::kNotReady);
}

TEST(Admission, AMachineThatReachesItselfSeesTheProxy) {
  Scene scene;
  EXPECT_EQ(source_for(scene.machine().address, scene.machine(), host(1)),
            proxy_address(kNetwork, host(1)));
}

TEST(Admission, Refusals) {
  struct Case {
    const char* name;
    std::function<void(Scene&)> change;
    HopStatus expected;
  };
  const std::vector<Case> cases = {
      {"no registry yet", [](Scene& s) { s.cluster.synced = false; }, HopStatus::kNotReady},
      {"not all machines yet",
       [](Scene& s) {
         s.cluster.machines.erase(MachineId{9});
         s.cluster.held = {false, {}};
       },
       HopStatus::kNotReady},
      {"stopped", [](Scene& s) { s.machine().state = MachineState::kStopped; },
       HopStatus::kStopped},
      {"cordoned", [](Scene& s) { s.machine().cordoned = true; }, HopStatus::kStopped},
      {"critical while another is healthy",
       [](Scene& s) {
         s.machine().health = Health::kCritical;
         s.cluster.add_machine(2, 2);
       },
       HopStatus::kStopped},
      {"critical and cordoned",
       [](Scene& s) {
         s.machine().health = Health::kCritical;
         s.machine().cordoned = true;
       },
       HopStatus::kStopped},
      {"its group does not serve", [](Scene& s) { s.cluster.app.services[0].groups = {"worker"}; },
       HopStatus::kStopped},
      {"moved away", [](Scene& s) { s.machine().host = host(2); }, HopStatus::kUnknown},
      {"no such machine", [](Scene& s) { s.preamble.machine = MachineId{5}; }, HopStatus::kUnknown},
      {"a machine of another app", [](Scene& s) { s.preamble.machine = MachineId{9}; },
       HopStatus::kUnknown},
      {"other network", [](Scene& s) { s.preamble.network = kOtherNetwork; }, HopStatus::kUnknown},
      {"a port the service does not have", [](Scene& s) { s.preamble.internal_port = 22; },
       HopStatus::kUnknown},
      {"no service on the dialled port", [](Scene& s) { s.preamble.dialled.port = 22; },
       HopStatus::kUnknown},
      {"an address not allocated", [](Scene& s) { s.cluster.flycast.clear(); },
       HopStatus::kNotPermitted},
      {"an address of another network",
       [](Scene& s) {
         s.preamble.dialled.ip = flycast_address(kOtherNetwork, 5);
         s.cluster.flycast.push_back({s.preamble.dialled.ip, "web", kNetwork, ""});
       },
       HopStatus::kNotPermitted},
      {"a client that lives elsewhere",
       [](Scene& s) { s.cluster.machines[MachineId{9}].host = host(1); }, HopStatus::kNotPermitted},
      {"a client nobody knows", [](Scene& s) { s.cluster.machines.erase(MachineId{9}); },
       HopStatus::kNotPermitted},
      {"a client that is a host", [](Scene& s) { s.preamble.client.ip = host_address(host(2)); },
       HopStatus::kNotPermitted},
      {"a client from outside", [](Scene& s) { s.preamble.client.ip = *parse_ip6("2001:db8::1"); },
       HopStatus::kNotPermitted},
      {"an unknown host asks", [](Scene& s) { s.from = host(7); }, HopStatus::kNotPermitted},
      {"a revoked host asks", [](Scene& s) { s.cluster.revoked.insert(host(2)); },
       HopStatus::kNotPermitted},
  };
  for (const Case& test : cases) {
    Scene scene;
    test.change(scene);
    Admission admission = scene.judge();
    const auto* status = std::get_if<HopStatus>(&admission);
    ASSERT_NE(status, nullptr) << test.name;
    EXPECT_EQ(*status, test.expected) << test.name << ": " << to_string(*status);
  }
}

// What a client dialled may replay its request to another app's machine.
TEST(Admission, AnotherAppsMachineOnlyWithinReach) {
  struct Case {
    const char* name;
    NetworkId network;
    const char* org;
    std::uint16_t port;
    ReplayReach reach;
    bool admitted;
  };
  const ReplayReach across{{"acme"}, {}}, beta_allows{{}, {{"beta", {"acme"}}}},
      acme_allows{{}, {{"acme", {"beta"}}}};
  const Case cases[] = {
      {"same network", kNetwork, "acme", 80, {}, true},
      {"no service on the dialled port", kNetwork, "acme", 81, {}, false},
      {"another org in the same network", kNetwork, "beta", 80, across, false},
      {"another network", kOtherNetwork, "acme", 80, {}, false},
      {"another network, allowed", kOtherNetwork, "acme", 80, across, true},
      {"another org, allowed by it", kOtherNetwork, "beta", 80, beta_allows, true},
      {"another org, allowed the other way", kOtherNetwork, "beta", 80, acme_allows, false},
  };
  for (const Case& test : cases) {
    Scene scene;
    AppRecord worker{"worker", test.org, test.network, "iad", {Service{}}};
    worker.services[0].ports.push_back({test.port, test.port, {}, false});
    scene.cluster.other_apps = {worker};
    scene.cluster.add_machine(7, 1, "worker", test.network);
    scene.preamble.machine = MachineId{7};
    scene.preamble.network = test.network;
    Admission admission =
        admit(ServiceTable(scene.cluster.snapshot(1)), scene.from, scene.preamble, test.reach);
    const auto* admitted = std::get_if<Admitted>(&admission);
    EXPECT_EQ(admitted != nullptr, test.admitted) << test.name;
    if (admitted == nullptr) continue;
    EXPECT_EQ(admitted->key, (ServiceKey{MachineId{7}, 8080}));
  }
}

// Who holds the target's network may not hold that of the app that replays.
TEST(Admission, AReplaysSourceNeedNotBeHeld) {
  Scene scene;
  AppRecord worker{"worker", "acme", kOtherNetwork, "iad", {Service{}}};
  worker.services[0].ports.push_back({80, 80, {}, false});
  scene.cluster.other_apps = {worker};
  scene.cluster.add_machine(7, 1, "worker", kOtherNetwork);
  scene.cluster.held = {false, {kOtherNetwork}};
  scene.preamble.machine = MachineId{7};
  scene.preamble.network = kOtherNetwork;
  scene.preamble.client.ip = machine_address(kNetwork, host(2), kFirstMachineField);
  const ReplayReach across{{"acme"}, {}};
  Admission admission =
      admit(ServiceTable(scene.cluster.snapshot(1)), scene.from, scene.preamble, across);
  const auto* refusal = std::get_if<HopStatus>(&admission);
  EXPECT_EQ(refusal, nullptr) << to_string(*refusal);
  EXPECT_EQ(std::get<HopStatus>(scene.judge()), HopStatus::kNotReady);
}

TEST(Admission, ASleepingMachineIsAdmittedWhereTheClientWaitsForIt) {
  Scene scene;
  scene.machine().state = MachineState::kStopped;
  scene.preamble.wake = Wake::kJoin;
  Admission admission = scene.judge();
  const auto* admitted = std::get_if<Admitted>(&admission);
  ASSERT_NE(admitted, nullptr);
  EXPECT_TRUE(admitted->asleep);
  scene.machine().state = MachineState::kStarted;
  admission = scene.judge();
  ASSERT_TRUE(std::holds_alternative<Admitted>(admission));
  EXPECT_FALSE(std::get<Admitted>(admission).asleep);
  scene.cluster.add_machine(2, 2);  // else the check that all fail would not count
  scene.machine().health = Health::kCritical;
  EXPECT_EQ(std::get<HopStatus>(scene.judge()), HopStatus::kStopped) << "it does not sleep";
  scene.machine().state = MachineState::kStopped;
  scene.cluster.app.services[0].auto_start = false;
  EXPECT_EQ(std::get<HopStatus>(scene.judge()), HopStatus::kStopped);
}

// A check that is wrong takes no app down.
TEST(Admission, WhereAllChecksFailTheyDoNotCount) {
  Scene scene;
  scene.machine().health = Health::kCritical;
  EXPECT_TRUE(std::holds_alternative<Admitted>(scene.judge()));
  scene.cluster.add_machine(2, 2);
  scene.cluster.machines[MachineId{2}].health = Health::kCritical;
  EXPECT_TRUE(std::holds_alternative<Admitted>(scene.judge()));
}

TEST(Admission, APeersClientIsKnownByItsGateway) {
  Scene scene;
  scene.preamble.client.ip = peer_address(kNetwork, host(2), 1);
  EXPECT_TRUE(std::holds_alternative<HopStatus>(scene.judge()));
  scene.cluster.peers.push_back({"laptop", kNetwork, host(2), {}, scene.preamble.client.ip});
  EXPECT_TRUE(std::holds_alternative<Admitted>(scene.judge()));
}

}  // namespace
}  // namespace sixpn::flycast
