#include "mesh/core/plan.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/encoding.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

constexpr HostId kA{0x10002};
constexpr HostId kB{0x10003};
constexpr NetworkId kNet{0x11};

IpEndpoint at(std::uint16_t last) {
  return {Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, last}), 51820};
}

DesiredMesh two_peers() {
  auto snapshot = SnapshotBuilder()
                      .host(kA, HostStatus::kAlive, {at(2), at(3)})
                      .host(kB, HostStatus::kAlive, {at(4)})
                      .machine(1, kNet, kA, kA, 0x10000)
                      .machine(2, kNet, kB, kB, 0x10000)
                      .build();
  return make_desired(snapshot, {attachment(9, kNet, 0x20000)}, sample_options());
}

// Every peer's allowed IPs, after damage and repair, must be as desired; the rest by equality.
void expect_as_desired(const DesiredMesh& desired, const ObservedMesh& mesh) {
  EXPECT_EQ(mesh.addresses, desired.addresses);
  EXPECT_EQ(mesh.routes, desired.routes);
  EXPECT_EQ(mesh.rules, desired.rules);
  EXPECT_EQ(mesh.firewall.elements, desired.firewall.elements);
  EXPECT_EQ(mesh.veths.size(), desired.veths.size());
  ASSERT_TRUE(mesh.main.device.has_value());
  EXPECT_EQ(mesh.main.device->public_key, desired.main.device.public_key);
  for (const auto& [key, peer] : desired.main.peers) {
    ASSERT_TRUE(mesh.main.peers.contains(key));
    if (desired.additive_peers) {
      EXPECT_TRUE(std::ranges::includes(mesh.main.peers.at(key).allowed, peer.allowed));
    } else {
      EXPECT_EQ(mesh.main.peers.at(key).allowed, peer.allowed);
    }
    if (peer.pinned) {
      EXPECT_EQ(mesh.main.peers.at(key).endpoint, peer.pinned);
    }
  }
  if (!desired.additive_peers) {
    EXPECT_EQ(mesh.main.peers.size(), desired.main.peers.size());
  }
}

TEST(Plan, PropertyApplyingAPlanReachesTheDesiredState) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    DesiredMesh desired = random_desired(rng);
    ObservedMesh mesh = random_observed(rng);
    for (const auto& step : plan_mesh(desired, mesh).steps) apply_step(step, mesh);
    expect_as_desired(desired, mesh);
    EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), testing::IsEmpty());
  }
}

TEST(Plan, PropertyNoStepRemovesWhatAnotherMakesAgain) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    DesiredMesh desired = random_desired(rng);
    ObservedMesh mesh = random_observed(rng);
    for (const auto& step : plan_mesh(desired, mesh).steps) {
      if (const auto* removed = std::get_if<RemovePeer>(&step)) {
        EXPECT_FALSE(desired.main.peers.contains(removed->key));
      }
      if (const auto* removed = std::get_if<RemoveRoute>(&step)) {
        EXPECT_FALSE(desired.routes.contains(removed->route));
      }
      if (const auto* made = std::get_if<SetPeer>(&step)) {
        EXPECT_EQ(made->create, !mesh.main.peers.contains(made->key));
      }
    }
  }
}

TEST(Plan, FirstPlanPutsTheFirewallFirstAndRoutesAfterInterfaces) {
  auto lines = to_lines(plan_mesh(two_peers(), {}));
  auto position = [&](std::string_view start) {
    return std::ranges::find_if(lines, [&](const auto& l) { return l.starts_with(start); }) -
           lines.begin();
  };
  EXPECT_EQ(position("firewall"), 0);
  EXPECT_LT(position("device sixpn: create"), position("device: private key"));
  EXPECT_LT(position("device: private key"), position("device sixpn: up"));
  EXPECT_LT(position("veth sx00020000: create"), position("veth sx00020000: up"));
  EXPECT_LT(position("veth sx00020000: up"), position("route: add fdaa:0:11:1:1:2::/112"));
}

TEST(Plan, NeverPrintsThePrivateKey) {
  std::string secret_hex = to_hex(std::string(32, '\x42'));
  std::string secret_base64 = to_base64(std::string(32, '\x42'));
  for (const auto& line : to_lines(plan_mesh(two_peers(), {}))) {
    EXPECT_THAT(line, testing::Not(testing::HasSubstr(secret_hex)));
    EXPECT_THAT(line, testing::Not(testing::HasSubstr(secret_base64)));
  }
}

TEST(Plan, ANewMachineOnAnotherHostTouchesOnlyThatPeer) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  Prefix6 moved = machine_prefix(machine_address(kNet, kB, 0x30000));
  desired.main.peers.at(key_of_host(kA)).allowed.insert(moved);
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)),
              testing::ElementsAre("peer " + to_base64(as_bytes(key_of_host(kA))) +
                                   " (host 00010002): change allowed ips fdaa:0:11:1:3:3::/112"));
}

TEST(Plan, TakingAnAllowedIpAwayReplacesTheListOfThatPeerOnly) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  desired.main.peers.at(key_of_host(kB)).allowed.erase(host_prefix(kNet, kB));
  MeshPlan plan = plan_mesh(desired, mesh);
  ASSERT_EQ(plan.steps.size(), 1u);
  const auto& step = std::get<SetPeer>(plan.steps.front());
  EXPECT_TRUE(step.replace_allowed);
  EXPECT_FALSE(step.create);
  EXPECT_THAT(step.allowed, testing::ElementsAre(Prefix6{host_address(kB), 128}));
}

TEST(Plan, AMachineThatMovesIsGivenToItsNewHostBeforeTheOldOneLosesIt) {
  DesiredMesh desired = two_peers();
  Prefix6 machine = machine_prefix(machine_address(kNet, kSelf, 0x30000));
  desired.main.peers.at(key_of_host(kA)).allowed.insert(machine);
  ObservedMesh mesh = realize(desired);
  desired.main.peers.at(key_of_host(kA)).allowed.erase(machine);
  desired.main.peers.at(key_of_host(kB)).allowed.insert(machine);
  for (const auto& step : plan_mesh(desired, mesh).steps) apply_step(step, mesh);
  EXPECT_FALSE(mesh.main.peers.at(key_of_host(kA)).allowed.contains(machine));
  EXPECT_TRUE(mesh.main.peers.at(key_of_host(kB)).allowed.contains(machine));
}

TEST(Plan, ARotatedKeyIsAddedBeforeTheOldPeerIsRemoved) {
  auto before = SnapshotBuilder().host(kA, HostStatus::kAlive, {at(2)}).build();
  auto after = SnapshotBuilder().host(kA, HostStatus::kAlive, {at(2)}, 1).build();
  ObservedMesh mesh = realize(make_desired(before, {}, sample_options()));
  MeshPlan plan = plan_mesh(make_desired(after, {}, sample_options()), mesh);
  ASSERT_EQ(plan.steps.size(), 2u);
  EXPECT_TRUE(std::get<SetPeer>(plan.steps[0]).create);
  EXPECT_EQ(std::get<RemovePeer>(plan.steps[1]).key, key_of_host(kA));
}

TEST(Plan, ARoamedEndpointIsLeftAlone) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  mesh.main.peers.at(key_of_host(kA)).endpoint = at(99);
  EXPECT_TRUE(plan_mesh(desired, mesh).empty());
  desired.main.peers.at(key_of_host(kA)).pinned = at(3);
  MeshPlan plan = plan_mesh(desired, mesh);
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(std::get<SetPeer>(plan.steps.front()).endpoint, at(3));
}

TEST(Plan, ARightPrivateKeyIsNotSetAgain) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  mesh.main.device->listen_port = 1;
  MeshPlan plan = plan_mesh(desired, mesh);
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_FALSE(std::get<ConfigureDevice>(plan.steps.front()).private_key.has_value());
}

TEST(Plan, NothingIsTakenFromPeersWhileTheRegistryMayBeIncomplete) {
  ObservedMesh mesh = realize(two_peers());
  auto empty = SnapshotBuilder().unsynced().build();
  DesiredMesh desired = make_desired(empty, {attachment(9, kNet, 0x20000)}, sample_options());
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), testing::IsEmpty());
}

TEST(Plan, AVethWhoseNamespaceWasMadeAgainIsMadeAgainWithItsRoute) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  mesh.veths.at("sx00020000").veth = {.name = "sx00020000"};
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)),
              testing::ElementsAre(testing::StartsWith("veth sx00020000: delete"),
                                   testing::StartsWith("veth sx00020000: create"),
                                   testing::StartsWith("veth sx00020000: up"),
                                   testing::StartsWith("route: add fdaa:0:11:1:1:2::/112")));
}

TEST(Plan, ADetachedMachineLosesFirewallRouteAndVeth) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  auto snapshot = SnapshotBuilder()
                      .host(kA, HostStatus::kAlive, {at(2), at(3)})
                      .host(kB, HostStatus::kAlive, {at(4)})
                      .build();
  auto lines = to_lines(plan_mesh(make_desired(snapshot, {}, sample_options()), mesh));
  EXPECT_THAT(lines.front(), testing::HasSubstr("remove machine_sources { sx00020000"));
  EXPECT_THAT(lines,
              testing::Contains("route: remove fdaa:0:11:1:1:2::/112 dev sx00020000 metric 1024"));
  EXPECT_THAT(lines, testing::Contains("veth sx00020000: delete"));
}

TEST(KernelEvents, OnlyWhatContradictsTheObservationCounts) {
  DesiredMesh desired = two_peers();
  ObservedMesh mesh = realize(desired);
  using Kind = KernelEvent::Kind;
  const Prefix6 machine_route = machine_prefix(machine_address(kNet, kSelf, 0x20000));
  struct Case {
    KernelEvent event;
    bool contradicts;
  } cases[] = {
      {{Kind::kLinkGone, "sixpn", {}}, true},
      {{Kind::kLinkDown, "sixpn", {}}, true},
      {{Kind::kLinkGone, "sx00020000", {}}, true},
      {{Kind::kLinkGone, "sx00020001", {}}, false},
      {{Kind::kLinkDown, "eth0", {}}, false},
      {{Kind::kRouteGone, "sx00020000", machine_route}, true},
      {{Kind::kRouteGone, "sx00020001", machine_route}, false},
      {{Kind::kAddressGone, "sixpn", {host_address(kSelf), 128}}, true},
      {{Kind::kAddressGone, "sixpn", {host_address(kA), 128}}, false},
      {{Kind::kFirewallTouched, "", {}}, true},
      {{Kind::kOverflow, "", {}}, true},
  };
  for (const auto& c : cases)
    EXPECT_EQ(contradicts(c.event, mesh, "sixpn"), c.contradicts) << c.event.interface;
}

}  // namespace
}  // namespace sixpn::mesh
