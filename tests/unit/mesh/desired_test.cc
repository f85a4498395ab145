#include "mesh/core/desired.h"

#include <gmock/gmock.h>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

constexpr HostId kA{0x10002};
constexpr HostId kB{0x10003};
constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};

using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::vector<std::string> allowed_of(const DesiredMesh& mesh, HostId host) {
  std::vector<std::string> out;
  auto peer = mesh.main.peers.find(key_of_host(host));
  if (peer == mesh.main.peers.end()) return {"no such peer"};
  for (const auto& prefix : peer->second.allowed) out.push_back(to_string(prefix));
  return out;
}

DesiredMesh desired(const SnapshotBuilder& world, const std::vector<Attachment>& attachments = {}) {
  return make_desired(world.build(), attachments, sample_options());
}

TEST(Desired, AHostWithoutMachinesHereIsReachedOnlyAsAHost) {
  auto mesh = desired(SnapshotBuilder().host(kA).machine(1, kNet, kA, kA, 0x10000));
  EXPECT_THAT(allowed_of(mesh, kA), ElementsAre("fdaa::1:2:0:0:1/128"));
}

TEST(Desired, APeerGetsTheNetworksThatBothTakePartIn) {
  auto world = SnapshotBuilder()
                   .host(kA)
                   .machine(1, kNet, kA, kA, 0x10000)
                   .machine(2, kNet, kA, kA, 0x10001)
                   .machine(3, kOther, kA, kA, 0x10002);
  auto mesh = desired(world, {attachment(9, kNet, 0x20000)});
  EXPECT_THAT(allowed_of(mesh, kA),
              UnorderedElementsAre("fdaa::1:2:0:0:1/128", "fdaa:0:11:1:2::/80"));
}

TEST(Desired, AMachineBornElsewhereIsRoutedByItsOwnPrefix) {
  auto world = SnapshotBuilder().host(kA).host(kB).machine(1, kNet, kA, kB, 0x10000);
  auto mesh = desired(world, {attachment(9, kNet, 0x20000)});
  EXPECT_THAT(allowed_of(mesh, kA),
              UnorderedElementsAre("fdaa::1:2:0:0:1/128", "fdaa:0:11:1:3:1::/112"));
  EXPECT_THAT(allowed_of(mesh, kB), ElementsAre("fdaa::1:3:0:0:1/128"));
}

TEST(Desired, AMachineThatLeftThisHostIsRoutedToItsNewOne) {
  auto world = SnapshotBuilder().host(kA).machine(1, kNet, kA, kSelf, 0x10000);
  auto mesh = desired(world, {attachment(9, kNet, 0x20000)});
  EXPECT_THAT(allowed_of(mesh, kA), testing::Contains("fdaa:0:11:1:1:1::/112"));
}

TEST(Desired, AClaimedAddressGoesToTheMachineThatLivesWhereItWasBorn) {
  auto world = SnapshotBuilder()
                   .host(kA)
                   .host(kB)
                   .machine(1, kNet, kA, kB, 0x10000)  // kA claims what kB's machine has
                   .machine(2, kNet, kB, kB, 0x10000);
  auto mesh = desired(world, {attachment(9, kNet, 0x20000)});
  EXPECT_THAT(allowed_of(mesh, kA), ElementsAre("fdaa::1:2:0:0:1/128"));
  EXPECT_THAT(allowed_of(mesh, kB), testing::Contains("fdaa:0:11:1:3::/80"));
}

TEST(Desired, NoPeerGetsTheAddressOfALocalMachine) {
  auto world = SnapshotBuilder().host(kA).machine(1, kNet, kA, kSelf, 0x20000);
  auto mesh = desired(world, {attachment(9, kNet, 0x20000)});
  EXPECT_THAT(allowed_of(mesh, kA), ElementsAre("fdaa::1:2:0:0:1/128"));
}

TEST(Desired, MachinesWithImpossibleAddressesAreNotRouted) {
  auto world =
      SnapshotBuilder().host(kA).machine(1, kNet, kA, kA, 0x10000, MachineState::kDestroyed);
  Snapshot snapshot = world.build();
  auto view = std::make_shared<NetworkView>(*snapshot.networks.at(kNet));
  auto hostile = std::make_shared<MachineRecord>(*view->machines.at(MachineId{1}));
  hostile->state = MachineState::kStarted;
  for (const Ip6& address :
       {host_address(kB), flycast_address(kNet, 1), machine_address(kOther, kA, 0x10000),
        Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})}) {
    hostile->address = address;
    view->machines = {{MachineId{1}, hostile}};
    snapshot.networks[kNet] = view;
    auto mesh = make_desired(snapshot, {attachment(9, kNet, 0x20000)}, sample_options());
    EXPECT_THAT(allowed_of(mesh, kA), ElementsAre("fdaa::1:2:0:0:1/128")) << to_string(address);
  }
}

TEST(Desired, MembersArePeersUnlessTheyLeftOrWereRevoked) {
  auto world = SnapshotBuilder()
                   .host(kA, HostStatus::kDown)
                   .host(kB, HostStatus::kLeft)
                   .host(HostId{0x10004})
                   .revoke(HostId{0x10004});
  auto mesh = desired(world);
  EXPECT_EQ(mesh.main.peers.size(), 1u);
  EXPECT_TRUE(mesh.main.peers.contains(key_of_host(kA)));
  EXPECT_EQ(mesh.main.peers.at(key_of_host(kA)).keepalive, 25);
}

TEST(Desired, PropertyAllowedIpsNeverOverlapBetweenPeersExceptByLongerPrefix) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    std::map<Prefix6, PublicKey> owners;
    for (const auto& [key, peer] : random_desired(rng).main.peers)
      for (const auto& prefix : peer.allowed)
        EXPECT_TRUE(owners.emplace(prefix, key).second) << seed << " " << to_string(prefix);
  }
}

// A snapshot and its successor share what did not change, as the registry's do.
TEST(Desired, WhatDoesNotConcernTheMeshChangesNothingOfIt) {
  const NetworkId far{0x33};
  const std::vector<Attachment> here = {attachment(9, kNet, 0x20000)};
  const Snapshot before = SnapshotBuilder()
                              .host(kA)
                              .machine(1, kNet, kA, kA, 0x20001)
                              .machine(2, far, kA, kA, 0x20002)
                              .flycast(kNet, 1, kOther, "web", {{80, 80}})
                              .peer(far, kA, 1, 1)
                              .build();
  auto edited = [&](NetworkId id, const std::function<void(NetworkView&)>& change) {
    Snapshot out = before;
    auto view = std::make_shared<NetworkView>(*before.find_network(id));
    change(*view);
    out.networks[id] = std::move(view);
    return out;
  };
  auto concerns = [&](const Snapshot& now, bool gateway = true) {
    bool answer = concerns_mesh(before, now, networks_of(here), gateway);
    MeshOptions options = sample_options();
    if (!gateway) options.gateway.reset();
    if (!answer) {
      EXPECT_EQ(make_desired(before, here, options), make_desired(now, here, options));
    }
    return answer;
  };
  auto any = [](NetworkView& view) { ++view.generation; };
  EXPECT_FALSE(concerns(before));
  EXPECT_FALSE(concerns(edited(far, any)));
  EXPECT_FALSE(concerns(edited(far, [](NetworkView& view) { view.machines = {}; })));
  EXPECT_TRUE(concerns(edited(kNet, any))) << "a machine's network";
  EXPECT_TRUE(concerns(edited(kOther, any))) << "where an address of it leads to";
  auto peer = [](NetworkView& view) {
    view.peers["new"] = {"new", NetworkId{0x33}, kSelf, key_of_peer(7),
                         peer_address(NetworkId{0x33}, kSelf, 7)};
  };
  EXPECT_TRUE(concerns(edited(far, peer))) << "of any network";
  EXPECT_FALSE(concerns(edited(far, peer), false));
  auto with = [&](const std::function<void(Snapshot&)>& change) {
    Snapshot out = before;
    change(out);
    return concerns(out);
  };
  EXPECT_TRUE(with([](Snapshot& s) { s.hosts[kA].status = HostStatus::kDown; }));
  EXPECT_TRUE(with([](Snapshot& s) { s.revocations[kA] = {kA, "statement"}; }));
  EXPECT_TRUE(with([](Snapshot& s) { s.shut_out[kB] = {}; }));
  EXPECT_TRUE(with([](Snapshot& s) { s.tls_grants["acme"] = nullptr; }));
  EXPECT_TRUE(with([](Snapshot& s) { s.synced = false; }));
  EXPECT_TRUE(with([](Snapshot& s) { s.held = {false, {NetworkId{0x33}}}; })) << "kernel services";
  EXPECT_TRUE(with([&](Snapshot& s) { s.networks[NetworkId{0x44}] = nullptr; }));
  EXPECT_FALSE(with([](Snapshot& s) { ++s.generation; }));
  EXPECT_FALSE(with([](Snapshot& s) { s.orgs["acme"] = {"acme"}; }));
}

TEST(Desired, AddressesRoutesAndRulesOfANetworkWithAMachine) {
  auto mesh = desired(SnapshotBuilder(), {attachment(9, kNet, 0x20000)});
  std::vector<std::string> addresses, routes, rules;
  for (const auto& a : mesh.addresses) addresses.push_back(to_string(a));
  for (const auto& r : mesh.routes) routes.push_back(to_string(r));
  for (const auto& r : mesh.rules) rules.push_back(to_string(r));
  EXPECT_THAT(addresses,
              UnorderedElementsAre("fdaa::1:1:0:0:1/128 on sixpn", "fdaa::3/128 on lo",
                                   "fdaa:0:11::3/128 on lo", "fdaa:0:11:1:1:0:1:2/128 on sixpn"));
  EXPECT_THAT(routes, UnorderedElementsAre("fdaa::/16 dev sixpn metric 1024",
                                           "unreachable fdaa::/16 dev lo metric 65536",
                                           "local ::/0 dev lo table 110 metric 1024",
                                           "local fdaa:0:11:0:1::/80 dev lo table 255 metric 1024",
                                           "fdaa:0:11:1:1:2::/112 dev sx00020000 metric 1024"));
  EXPECT_THAT(rules, ElementsAre("fwmark 0x6e lookup 110 priority 110"));
  EXPECT_EQ(mesh.veths.at("sx00020000").mtu, 1420);
}

std::vector<std::string> resolvers_of(const DesiredMesh& mesh) {
  std::vector<std::string> out;
  for (const auto& address : mesh.addresses)
    if (address.interface == "lo") out.push_back(to_string(address.ip));
  return out;
}

std::vector<std::vector<std::string>> askers_of(const DesiredMesh& mesh) {
  std::vector<std::vector<std::string>> out;
  for (const auto& element : mesh.firewall.elements)
    if (element.set == kPeerResolvers) out.push_back(element.key);
  return out;
}

TEST(Desired, ANetworkHasItsResolverWhereItHasAMachineOrAPeersGateway) {
  EXPECT_THAT(resolvers_of(desired(SnapshotBuilder())), ElementsAre("fdaa::3"));
  EXPECT_THAT(askers_of(desired(SnapshotBuilder())), ElementsAre());
  auto both = desired(
      SnapshotBuilder(),
      {attachment(9, kNet, 0x20000), attachment(8, kNet, 0x20001), attachment(7, kOther, 0x20002)});
  EXPECT_THAT(resolvers_of(both), ElementsAre("fdaa::3", "fdaa:0:11::3", "fdaa:0:12::3"));
  EXPECT_THAT(askers_of(both), ElementsAre(ElementsAre("fdaa:0:11::/48", "fdaa:0:11::3"),
                                           ElementsAre("fdaa:0:12::/48", "fdaa:0:12::3")));
  for (HostId gateway : {kA, kSelf}) {
    auto world = SnapshotBuilder().host(kA).machine(1, kNet, kA, kA, 0x10000);
    auto mesh = make_desired(world.peer(kNet, gateway, 0, 1).build(), {}, sample_options());
    EXPECT_EQ(resolvers_of(mesh).size(), gateway == kSelf ? 2u : 1u);
    EXPECT_EQ(askers_of(mesh).size(), gateway == kSelf ? 1u : 0u);
  }
}

TEST(Desired, UsableEndpoints) {
  struct Case {
    const char* text;
    bool usable;
  } cases[] = {{"192.0.2.1:51820", true},
               {"[2001:db8::1]:51820", true},
               {"127.0.0.1:51820", true},
               {"192.0.2.1:0", false},
               {"[fdaa:0:0:1:2::1]:51820", false},
               {"[::]:51820", false},
               {"0.0.0.0:51820", false},
               {"224.0.0.1:1", false},
               {"[ff02::1]:1", false},
               {"[fe80::1]:1", false}};
  for (const auto& c : cases)
    EXPECT_EQ(is_usable_endpoint(*parse_endpoint(c.text)), c.usable) << c.text;
}

TEST(Desired, AttachmentsAreChecked) {
  EXPECT_TRUE(check_attachment(attachment(1, kNet, 0x20000)).has_value());
  Attachment wrong = attachment(1, kNet, 0x20000);
  wrong.network = kOther;
  EXPECT_FALSE(check_attachment(wrong).has_value());
  wrong = attachment(1, kNet, 0x20000);
  wrong.address = host_address(kSelf);
  EXPECT_FALSE(check_attachment(wrong).has_value());
}

TEST(Desired, OptionsAreChecked) {
  EXPECT_TRUE(check_options(sample_options()));
  for (const char* name : {"", "sx", "sxwg", "a/b", "a b", "..", "a-name-of-16-char"}) {
    MeshOptions options = sample_options();
    options.interface = name;
    EXPECT_FALSE(check_options(options)) << name;
  }
  for (int mtu : {0, 1279, 65536}) {
    MeshOptions options = sample_options();
    options.mtu = mtu;
    EXPECT_FALSE(check_options(options)) << mtu;
  }
}

TEST(State, VethNames) {
  EXPECT_EQ(veth_name(machine_address(kNet, kA, 0xdeadbeef)), "sxdeadbeef");
  EXPECT_TRUE(is_veth_name("sxdeadbeef"));
  for (const char* other :
       {"sx", "sxdeadbee", "sxdeadbeef0", "sxDEADBEEF", "sxdeadbeeg", "xsdeadbeef"})
    EXPECT_FALSE(is_veth_name(other)) << other;
}

}  // namespace
}  // namespace sixpn::mesh
