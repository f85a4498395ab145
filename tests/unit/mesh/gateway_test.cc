// What a host does for the peers behind it, and for those behind others.
#include "mesh/core/gateway.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

constexpr HostId kOther{0x10002};
constexpr NetworkId kNet{0x11};
constexpr NetworkId kForeign{0x12};

const Ip6 kLaptop = peer_address(kNet, kSelf, 0);

bool has_element(const DesiredMesh& mesh, const char* set, std::vector<std::string> key) {
  return mesh.firewall.elements.contains({set, std::move(key)});
}

bool has_route(const DesiredMesh& mesh, const Prefix6& prefix, const std::string& interface) {
  return std::ranges::any_of(mesh.routes, [&](const Route& route) {
    return route.destination == prefix && route.interface == interface;
  });
}

TEST(Gateway, APeerHasADeviceARouteAndOneAddressToSendFrom) {
  auto mesh = make_desired(SnapshotBuilder().peer(kNet, kSelf, 0, 1).build(), {}, sample_options());
  ASSERT_TRUE(mesh.gateway);
  EXPECT_EQ(mesh.gateway->device.name, "sx-sixpn");
  EXPECT_EQ(mesh.gateway->device.listen_port, 51823);
  EXPECT_EQ(mesh.gateway->device.public_key,
            wireguard_public_key(sample_options().gateway->private_key));
  ASSERT_EQ(mesh.gateway->peers.size(), 1u);
  const DesiredPeer& peer = mesh.gateway->peers.at(key_of_peer(1));
  EXPECT_EQ(peer.allowed, (std::set<Prefix6>{{kLaptop, 128}}));
  EXPECT_EQ(peer.keepalive, 0);
  EXPECT_TRUE(has_route(mesh, {kLaptop, 128}, "sx-sixpn"));
  EXPECT_TRUE(has_element(mesh, kMachineSources, {"sx-sixpn", to_string(kLaptop)}));
  EXPECT_TRUE(has_element(mesh, kLocalSources, {to_string(kLaptop)}));
}

// Its network is one of this host's, though no machine of it is here.
TEST(Gateway, ANetworkOfPeersHasWhatOneOfMachinesHas) {
  auto mesh = make_desired(SnapshotBuilder()
                               .host(kOther)
                               .machine(1, kNet, kOther, kOther, 0x10000)
                               .machine(2, kForeign, kOther, kOther, 0x10001)
                               .peer(kNet, kSelf, 0, 1)
                               .build(),
                           {}, sample_options());
  std::string whole = to_string(network_prefix(kNet));
  EXPECT_TRUE(has_element(mesh, kSameNetwork, {whole, whole}));
  EXPECT_TRUE(has_element(mesh, kFlycast, {whole, to_string(flycast_prefix(kNet))}));
  EXPECT_TRUE(has_element(mesh, kPeerResolvers, {whole, to_string(peer_resolver_address(kNet))}));
  EXPECT_TRUE(mesh.addresses.contains({"lo", peer_resolver_address(kNet), 128}));
  EXPECT_TRUE(mesh.addresses.contains({"sixpn", proxy_address(kNet, kSelf), 128}));
  const auto& allowed = mesh.main.peers.at(key_of_host(kOther)).allowed;
  EXPECT_TRUE(allowed.contains(host_prefix(kNet, kOther)));
  EXPECT_FALSE(allowed.contains(host_prefix(kForeign, kOther)));
}

// Its machines answer them, also where the gateway has no machine of the network.
TEST(Gateway, OtherHostsSendWhatIsForAPeerToItsGateway) {
  auto snapshot = SnapshotBuilder().host(kOther).peer(kNet, kOther, 3, 1).build();
  auto mesh = make_desired(snapshot, {attachment(9, kNet, 0x20000)}, sample_options());
  EXPECT_TRUE(mesh.main.peers.at(key_of_host(kOther)).allowed.contains(host_prefix(kNet, kOther)));
  EXPECT_FALSE(mesh.gateway);
  auto without = make_desired(snapshot, {attachment(9, kForeign, 0x20000)}, sample_options());
  EXPECT_FALSE(
      without.main.peers.at(key_of_host(kOther)).allowed.contains(host_prefix(kNet, kOther)));
}

TEST(Gateway, WithoutPeersThereIsNoDevice) {
  auto none = make_desired(SnapshotBuilder().build(), {}, sample_options());
  EXPECT_FALSE(none.gateway);
  MeshOptions options = sample_options();
  options.gateway.reset();
  auto unable = make_desired(SnapshotBuilder().peer(kNet, kSelf, 0, 1).build(), {}, options);
  EXPECT_FALSE(unable.gateway);
  EXPECT_FALSE(has_route(unable, {kLaptop, 128}, "sx-sixpn"));
}

// Any host of the org may write such records: they gain it nothing.
TEST(Gateway, ARecordThatNamesWhatIsNotAPeersIsNone) {
  PeerRecord good{"laptop", kNet, kSelf, key_of_peer(1), kLaptop};
  for (auto spoil : {+[](PeerRecord& r) { r.address = machine_address(kNet, kSelf, 0x20000); },
                     +[](PeerRecord& r) { r.address = peer_address(kForeign, kSelf, 0); },
                     +[](PeerRecord& r) { r.address = peer_address(kNet, kOther, 0); },
                     +[](PeerRecord& r) { r.address = host_address(kOther); },
                     +[](PeerRecord& r) { r.wireguard_key = {}; }}) {
    PeerRecord record = good;
    spoil(record);
    auto mesh = make_desired(SnapshotBuilder().peer(record).build(), {}, sample_options());
    EXPECT_FALSE(mesh.gateway) << to_string(record.address);
  }
  EXPECT_TRUE(make_desired(SnapshotBuilder().peer(good).build(), {}, sample_options()).gateway);
}

TEST(Gateway, AnAddressIsOnePeersAndTheHostsOwnKeysAreNoPeers) {
  PeerRecord first{"a", kNet, kSelf, key_of_peer(1), kLaptop};
  PeerRecord second{"b", kNet, kSelf, key_of_peer(2), kLaptop};
  PeerRecord own{"c", kNet, kSelf, wireguard_public_key(sample_options().private_key),
                 peer_address(kNet, kSelf, 7)};
  auto mesh = make_desired(SnapshotBuilder().peer(first).peer(second).peer(own).build(), {},
                           sample_options());
  ASSERT_EQ(mesh.gateway->peers.size(), 1u);
  EXPECT_TRUE(mesh.gateway->peers.contains(key_of_peer(1)));
  EXPECT_FALSE(has_route(mesh, {own.address, 128}, "sx-sixpn"));
}

// Whoever writes another's key into a record of its own network takes nothing from it.
TEST(Gateway, OneKeyMayHaveAnAddressInEachOfTwoNetworks) {
  auto mesh =
      make_desired(SnapshotBuilder().peer(kNet, kSelf, 0, 1).peer(kForeign, kSelf, 0, 1).build(),
                   {}, sample_options());
  EXPECT_EQ(mesh.gateway->peers.at(key_of_peer(1)).allowed,
            (std::set<Prefix6>{{kLaptop, 128}, {peer_address(kForeign, kSelf, 0), 128}}));
}

TEST(Gateway, TheLastPeerTakesTheDeviceAlong) {
  auto with = make_desired(SnapshotBuilder().peer(kNet, kSelf, 0, 1).build(), {}, sample_options());
  ObservedMesh mesh = realize(with);
  auto without = make_desired(SnapshotBuilder().build(), {}, sample_options());
  for (const auto& step : plan_mesh(without, mesh).steps) apply_step(step, mesh);
  EXPECT_FALSE(mesh.gateway.device);
  EXPECT_TRUE(std::ranges::none_of(
      mesh.routes, [](const Route& route) { return route.interface == "sx-sixpn"; }));
}

// Who asks for a new peer cuts nobody off.
TEST(Gateway, OneMorePeerIsOneStepForThatPeer) {
  auto one = SnapshotBuilder().peer(kNet, kSelf, 0, 1);
  ObservedMesh mesh = realize(make_desired(one.build(), {}, sample_options()));
  mesh.gateway.peers.at(key_of_peer(1)).endpoint = {
      Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, 9}), 40000};
  auto plan =
      plan_mesh(make_desired(one.peer(kNet, kSelf, 1, 2).build(), {}, sample_options()), mesh);
  int peers = 0;
  for (const auto& step : plan.steps) {
    EXPECT_FALSE(std::holds_alternative<RemovePeer>(step));
    EXPECT_FALSE(std::holds_alternative<ConfigureDevice>(step));
    if (const auto* set = std::get_if<SetPeer>(&step)) {
      ++peers;
      EXPECT_EQ(set->key, key_of_peer(2));
      EXPECT_EQ(set->plane, Plane::kGateway);
      EXPECT_FALSE(set->endpoint);
    }
  }
  EXPECT_EQ(peers, 1);
}

TEST(Gateway, NamesOfDevicesAreTheirOwn) {
  EXPECT_EQ(gateway_interface("wg-of-a-long-na"), "sx-of-a-long-na");
  EXPECT_FALSE(is_veth_name(gateway_interface("01234567")));
  MeshOptions options = spare_options();
  options.gateway->port = options.spare->port;
  auto checked = check_options(options);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message, "two WireGuard devices cannot share port 51822");
}

}  // namespace
}  // namespace sixpn::mesh
