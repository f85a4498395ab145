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

void expect_as_desired(const DesiredTunnel& desired, const ObservedTunnel& mesh, bool additive) {
  ASSERT_TRUE(mesh.device.has_value());
  EXPECT_EQ(mesh.device->public_key, desired.device.public_key);
  EXPECT_EQ(mesh.device->listen_port, desired.device.listen_port);
  for (const auto& [key, peer] : desired.peers) {
    ASSERT_TRUE(mesh.peers.contains(key));
    if (additive) {
      EXPECT_TRUE(std::ranges::includes(mesh.peers.at(key).allowed, peer.allowed));
    } else {
      EXPECT_EQ(mesh.peers.at(key).allowed, peer.allowed);
    }
    if (peer.pinned) {
      EXPECT_EQ(mesh.peers.at(key).endpoint, peer.pinned);
    }
  }
  if (!additive) {
    EXPECT_EQ(mesh.peers.size(), desired.peers.size());
  }
}

// Every peer's allowed IPs, after damage and repair, must be as desired; the rest by equality.
void expect_as_desired(const DesiredMesh& desired, const ObservedMesh& mesh) {
  EXPECT_EQ(mesh.addresses, desired.addresses);
  if (desired.additive_peers) {
    EXPECT_TRUE(std::ranges::includes(mesh.routes, desired.routes));
  } else {
    EXPECT_EQ(mesh.routes, desired.routes);
  }
  EXPECT_EQ(mesh.rules, desired.rules);
  EXPECT_EQ(mesh.firewall.elements, desired.firewall.elements);
  EXPECT_EQ(mesh.veths.size(), desired.veths.size());
  expect_as_desired(desired.main, mesh.main, desired.additive_peers);
  if (desired.spare) expect_as_desired(*desired.spare, mesh.spare, desired.additive_peers);
  if (!desired.spare && !desired.additive_peers) {
    EXPECT_FALSE(mesh.spare.device.has_value());
  }
  if (desired.gateway) expect_as_desired(*desired.gateway, mesh.gateway, desired.additive_peers);
  if (!desired.gateway && !desired.additive_peers) {
    EXPECT_FALSE(mesh.gateway.device.has_value());
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

bool changes_key(const DesiredMesh& desired, const ObservedMesh& mesh, Plane plane) {
  const auto& device = mesh.tunnel(plane).device;
  return device && device->public_key != desired.tunnel(plane)->device.public_key;
}

TEST(Plan, PropertyNoStepRemovesWhatAnotherMakesAgain) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    DesiredMesh desired = random_desired(rng);
    ObservedMesh mesh = random_observed(rng);
    for (const auto& step : plan_mesh(desired, mesh).steps) {
      const auto* removed_peer = std::get_if<RemovePeer>(&step);
      if (removed_peer != nullptr && !changes_key(desired, mesh, removed_peer->plane)) {
        EXPECT_FALSE(desired.tunnel(removed_peer->plane)->peers.contains(removed_peer->key));
      }
      if (const auto* removed = std::get_if<RemoveRoute>(&step)) {
        EXPECT_FALSE(desired.routes.contains(removed->route));
      }
      if (const auto* made = std::get_if<SetPeer>(&step)) {
        bool stays = mesh.tunnel(made->plane).peers.contains(made->key) &&
                     !changes_key(desired, mesh, made->plane);
        EXPECT_EQ(made->create, !stays);
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

// ---- a rotation, phase by phase

DesiredMesh rotating_world(const MeshOptions& options, Rotation of_a, std::set<HostId> on_spare,
                           std::uint8_t key_of_a = 0) {
  auto snapshot = SnapshotBuilder()
                      .host(kA, HostStatus::kAlive, {at(2)}, key_of_a)
                      .host(kB, HostStatus::kAlive, {at(4)})
                      .rotating(kA, of_a)
                      .rotating(kB, Rotation::kNone)
                      .machine(1, kNet, kA, kA, 0x10000)
                      .machine(2, kNet, kB, kA, 0x10001)  // born on A, lives on B
                      .build();
  DesiredMesh mesh = make_desired(snapshot, {attachment(9, kNet, 0x20000)}, options);
  steer_links(on_spare, mesh);
  return mesh;
}

TEST(Plan, WhenAnotherHostRotatesASpareDeviceComesAndNothingElseChanges) {
  ObservedMesh mesh = realize(rotating_world(spare_options(), Rotation::kNone, {}));
  auto plan = plan_mesh(rotating_world(spare_options(), Rotation::kLeave, {}), mesh);
  auto lines = to_lines(plan);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "device sixpn-s: create");
  EXPECT_THAT(lines[1], testing::StartsWith("spare device: private key of"));
  EXPECT_EQ(lines[2], "device sixpn-s: up, mtu 1420");
  EXPECT_THAT(lines[3], testing::HasSubstr("(host 00010002): add endpoint [2001:db8::2]:51822"));
  for (const auto& step : plan.steps) apply_step(step, mesh);
  EXPECT_EQ(mesh.spare.peers.at(spare_key_of_host(kA)).allowed,
            mesh.main.peers.at(key_of_host(kA)).allowed);
}

TEST(Plan, ALinkMovesByRoutesAndTakesNoOtherWithIt) {
  auto before = rotating_world(spare_options(), Rotation::kLeave, {});
  ObservedMesh mesh = realize(before);
  auto lines = to_lines(plan_mesh(rotating_world(spare_options(), Rotation::kLeave, {kA}), mesh));
  EXPECT_THAT(lines,
              testing::ElementsAre("route: add fdaa:0:11:1:2:1:1:0/112 dev sixpn metric 1024",
                                   "route: add fdaa:0:11:1:2::/80 dev sixpn-s metric 1024",
                                   "route: add fdaa::1:2:0:0:1/128 dev sixpn-s metric 1024"));
}

TEST(Plan, TheNewKeyOfAnotherHostIsTakenUpWhileItsLinkIsOnTheSpareDevice) {
  ObservedMesh mesh = realize(rotating_world(spare_options(), Rotation::kLeave, {kA}));
  auto plan = plan_mesh(rotating_world(spare_options(), Rotation::kReturn, {kA}, 1), mesh);
  ASSERT_EQ(plan.steps.size(), 2u);
  EXPECT_EQ(std::get<SetPeer>(plan.steps[0]).key, key_of_host(kA, 1));
  EXPECT_EQ(std::get<SetPeer>(plan.steps[0]).plane, Plane::kMain);
  EXPECT_EQ(std::get<RemovePeer>(plan.steps[1]).key, key_of_host(kA));
}

TEST(Plan, AtTheEndTheRoutesGoBeforeTheSpareDevice) {
  ObservedMesh mesh = realize(rotating_world(spare_options(), Rotation::kReturn, {kA}));
  auto lines = to_lines(plan_mesh(rotating_world(spare_options(), Rotation::kNone, {}), mesh));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], testing::StartsWith("route: remove fdaa::1:2:0:0:1/128 dev sixpn-s"));
  EXPECT_THAT(lines[1], testing::StartsWith("route: remove fdaa:0:11:1:2::/80 dev sixpn-s"));
  EXPECT_THAT(lines[2], testing::StartsWith("route: remove fdaa:0:11:1:2:1:1:0/112 dev sixpn "));
  EXPECT_EQ(lines[3], "device sixpn-s: delete");
}

TEST(Plan, OurOwnNewKeyMakesThePeersOfThatDeviceAnewAndOfNoOther) {
  MeshOptions options = spare_options(Rotation::kLeave);
  ObservedMesh mesh = realize(rotating_world(options, Rotation::kNone, {kA, kB}));
  options.rotation = Rotation::kReturn;
  options.private_key = *Secret::from_bytes(std::string(32, '\x43'));
  DesiredMesh desired = rotating_world(options, Rotation::kNone, {kA, kB});
  for (auto& [key, peer] : mesh.main.peers) peer.last_handshake = from_unix_ms(1);
  auto plan = plan_mesh(desired, mesh);
  ASSERT_EQ(plan.steps.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<RemovePeer>(plan.steps[0]));
  EXPECT_TRUE(std::holds_alternative<RemovePeer>(plan.steps[1]));
  EXPECT_TRUE(std::get<ConfigureDevice>(plan.steps[2]).private_key.has_value());
  for (const auto& step : plan.steps) apply_step(step, mesh);
  EXPECT_FALSE(mesh.main.peers.at(key_of_host(kA)).last_handshake.has_value());
  EXPECT_TRUE(plan_mesh(desired, mesh).empty());
}

// Nobody knows yet which calls are to be refused.
constexpr const char* kFlycastIsOpen =
    "firewall: add flycast_open { fdaa:0:11::/48 . fdaa:0:11:0:1::/80 }";

TEST(Plan, WithAnIncompleteRegistryTheSpareDeviceAndItsRoutesStay) {
  ObservedMesh mesh = realize(rotating_world(spare_options(), Rotation::kLeave, {kA}));
  auto empty = SnapshotBuilder().unsynced().build();
  DesiredMesh desired = make_desired(empty, {attachment(9, kNet, 0x20000)}, spare_options());
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), testing::ElementsAre(kFlycastIsOpen));
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
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), testing::ElementsAre(kFlycastIsOpen));
}

TEST(Plan, ButWhoIsKnownToBeRevokedLosesItsPeersAllTheSame) {
  ObservedMesh mesh = realize(rotating_world(spare_options(), Rotation::kLeave, {kA}));
  ASSERT_TRUE(mesh.spare.peers.contains(spare_key_of_host(kA)));
  HostRecord record;
  record.id = kA;
  record.wireguard_key = key_of_host(kA);
  record.spare_key = spare_key_of_host(kA);
  Snapshot salvaged = SnapshotBuilder().unsynced().build();
  salvaged.shut_out[kA] = {record, true, {}};
  DesiredMesh desired = make_desired(salvaged, {attachment(9, kNet, 0x20000)}, spare_options());
  for (const auto& step : plan_mesh(desired, mesh).steps) apply_step(step, mesh);
  EXPECT_FALSE(mesh.main.peers.contains(key_of_host(kA)));
  EXPECT_FALSE(mesh.spare.peers.contains(spare_key_of_host(kA)));
  EXPECT_TRUE(mesh.main.peers.contains(key_of_host(kB)));
  // A certificate that has ended may have been renewed, which this host has not heard of.
  mesh = realize(two_peers());
  salvaged.shut_out[kA].revoked = false;
  desired = make_desired(salvaged, {attachment(9, kNet, 0x20000)}, sample_options());
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), testing::ElementsAre(kFlycastIsOpen));
  // A revoked host may have said that it has the key of another.
  salvaged.shut_out[kA].revoked = true;
  record.wireguard_key = key_of_host(kB);
  salvaged.shut_out[kA] = {record, true, {}};
  desired = make_desired(salvaged, {attachment(9, kNet, 0x20000)}, sample_options());
  for (const auto& step : plan_mesh(desired, mesh).steps) apply_step(step, mesh);
  EXPECT_TRUE(mesh.main.peers.contains(key_of_host(kB)));
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
