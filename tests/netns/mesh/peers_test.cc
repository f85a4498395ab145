// Devices outside the hosts: what they reach through their gateway, from where they are reached,
// and what they are kept from. Real WireGuard at both ends.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/encoding.h"
#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};
constexpr std::uint16_t kPort = 4000;

std::string links_of(const LabHost& host) {
  std::string out;
  host.netns.exec({"ip", "-o", "link"}, &out);
  return out;
}

TEST(Peers, ADeviceReachesItsNetworkOnAllHostsAndIsReached) {
  Lab lab(2);
  LabMachine& here = lab.add_machine(1, kNet);
  LabMachine& there = lab.add_machine(2, kNet);
  lab.set_flycast(kNet, 7, {{80, 80}});
  LabPeer& laptop = lab.add_peer(1, kNet);
  laptop.connect(lab.host(1));
  for (const Ip6& target : {here.address(), there.address(), peer_resolver_address(kNet),
                            flycast_address(kNet, 7), proxy_address(kNet, lab.host(1).id)})
    EXPECT_TRUE(eventually([&] { return laptop.netns.can_ping(target); })) << to_string(target);
  EXPECT_TRUE(here.netns.can_ping(laptop.address()));
  EXPECT_TRUE(there.netns.can_ping(laptop.address()));
  auto reports = lab.host(1).report_gateway();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].key, laptop.record.wireguard_key);
  ASSERT_TRUE(reports[0].endpoint);
  EXPECT_EQ(to_string(reports[0].endpoint->ip), "192.0.2.100");
  ASSERT_TRUE(reports[0].handshake_age);
  EXPECT_LT(*reports[0].handshake_age, 1min);
  EXPECT_GT(reports[0].rx_bytes, 0u);
  EXPECT_TRUE(lab.host(2).report_gateway().empty());
  // All of it is as desired, and stays so.
  auto plan = lab.host(1).plan();
  ASSERT_TRUE(plan);
  EXPECT_THAT(to_lines(*plan), testing::IsEmpty());
}

// No machine of the network is on the gateway.
TEST(Peers, AGatewayNeedsNoMachineOfTheNetwork) {
  Lab lab(2);
  LabMachine& there = lab.add_machine(2, kNet);
  LabPeer& laptop = lab.add_peer(1, kNet);
  laptop.connect(lab.host(1));
  EXPECT_TRUE(eventually([&] { return laptop.netns.can_ping(there.address()); }));
  EXPECT_TRUE(there.netns.can_ping(laptop.address()));
}

TEST(Peers, DevicesOfOneNetworkReachEachOtherThroughTheirGateways) {
  Lab lab(2);
  LabPeer& one = lab.add_peer(1, kNet);
  LabPeer& neighbour = lab.add_peer(1, kNet);
  LabPeer& far = lab.add_peer(2, kNet);
  for (auto [peer, gateway] : {std::pair(&one, 1), {&neighbour, 1}, {&far, 2}})
    peer->connect(lab.host(gateway));
  // Each has called its gateway first, which is how that knows where it is.
  for (LabPeer* peer : {&one, &neighbour, &far})
    ASSERT_TRUE(eventually([&] { return peer->netns.can_ping(peer_resolver_address(kNet)); }));
  EXPECT_TRUE(one.netns.can_ping(neighbour.address()));
  EXPECT_TRUE(eventually([&] { return one.netns.can_ping(far.address()); }));
}

TEST(Peers, AnotherNetworkTheHostsAndForeignSourcesAreRefused) {
  Lab lab(1);
  LabMachine& ours = lab.add_machine(1, kNet);
  LabMachine& foreign = lab.add_machine(1, kOther);
  LabPeer& laptop = lab.add_peer(1, kNet);
  LabPeer& stranger = lab.add_peer(1, kOther);
  laptop.connect(lab.host(1));
  stranger.connect(lab.host(1));
  // It asks for more than it was given: all of the mesh.
  laptop.netns.must(
      "wg set " + laptop.interface + " peer " +
      to_base64(as_bytes(wireguard_public_key(lab.host(1).options.gateway->private_key))) +
      " allowed-ips fdaa::/16");
  laptop.netns.must("ip route add fdaa::/16 dev " + laptop.interface);
  ASSERT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }));
  ASSERT_TRUE(eventually([&] { return stranger.netns.can_ping(foreign.address()); }));
  std::uint64_t crossed = lab.host(1).dropped("cross_network");
  EXPECT_FALSE(laptop.netns.can_ping(foreign.address()));
  EXPECT_FALSE(laptop.netns.can_ping(stranger.address()));
  EXPECT_FALSE(laptop.netns.can_ping(peer_resolver_address(kOther)));
  EXPECT_FALSE(laptop.netns.can_ping(proxy_address(kOther, lab.host(1).id)));
  EXPECT_EQ(lab.host(1).dropped("cross_network") - crossed, 4u);
  std::uint64_t infrastructure = lab.host(1).dropped("infrastructure");
  EXPECT_FALSE(laptop.netns.can_ping(host_address(lab.host(1).id)));
  EXPECT_EQ(lab.host(1).dropped("infrastructure") - infrastructure, 1u);
  // Sources that are not its one address, its /120 included.
  Fd receiver = udp_socket(ours.netns, {{}, kPort});
  Fd good = udp_socket(laptop.netns, {laptop.address(), 0});
  Ip6 beside = laptop.address();
  beside.bytes[15] = 3;
  for (const Ip6& source : {beside, ours.address(), foreign.address(), stranger.address()}) {
    SCOPED_TRACE(to_string(source));
    Fd spoofer = udp_socket(laptop.netns, {source, 0}, Transparent::kYes);
    send_to(spoofer, {ours.address(), kPort}, "bad");
    send_to(good, {ours.address(), kPort}, "good");
    auto first = receive(receiver, 3s);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->text, "good");
  }
}

TEST(Peers, WhoIsRemovedIsCutOffAndTheOthersAreNot) {
  Lab lab(1);
  LabMachine& ours = lab.add_machine(1, kNet);
  LabPeer& stays = lab.add_peer(1, kNet);
  LabPeer& goes = lab.add_peer(1, kNet);
  for (LabPeer* peer : {&stays, &goes}) {
    peer->connect(lab.host(1));
    ASSERT_TRUE(eventually([&] { return peer->netns.can_ping(ours.address()); }));
  }
  lab.forget(goes);
  EXPECT_TRUE(eventually([&] { return !goes.netns.can_ping(ours.address()); }));
  EXPECT_TRUE(stays.netns.can_ping(ours.address()));
  EXPECT_THAT(links_of(lab.host(1)), HasSubstr("sx-wgt"));
  lab.forget(stays);
  EXPECT_TRUE(
      eventually([&] { return links_of(lab.host(1)).find("sx-wgt") == std::string::npos; }));
  EXPECT_TRUE(lab.host(1).report_gateway().empty());
}

// Whoever has the gateway's port on this host keeps peers out, and nobody else.
TEST(Peers, APortThatIsTakenHarmsNoMachine) {
  Lab lab(2);
  LabMachine& there = lab.add_machine(2, kNet);
  Fd squatter = udp_socket(lab.host(1).netns, {{}, lab.host(1).options.gateway->port});
  LabPeer& laptop = lab.add_peer(1, kNet);
  laptop.connect(lab.host(1));
  LabMachine& ours = lab.add_machine(1, kNet);
  EXPECT_TRUE(eventually([&] { return ours.netns.can_ping(there.address()); }));
  EXPECT_TRUE(eventually([&] {
    std::vector<std::string> warnings;
    lab.host(1).on_loop([&] { warnings = lab.host(1).service->warnings(); });
    return std::ranges::any_of(warnings, [](const std::string& one) {
      return one.find("Address already in use") != std::string::npos;
    });
  }));
  squatter = Fd();
  EXPECT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }, 60s));
}

// As by somebody's hand, or a wireguard-go that died.
TEST(Peers, ADeviceThatIsGoneIsMadeAgainWithItsPeers) {
  Lab lab(1);
  LabMachine& ours = lab.add_machine(1, kNet);
  LabPeer& laptop = lab.add_peer(1, kNet);
  laptop.connect(lab.host(1));
  ASSERT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }));
  lab.host(1).netns.must("ip link del " + gateway_interface(lab.host(1).interface));
  EXPECT_TRUE(eventually([&] { return lab.host(1).report_gateway().size() == 1; }));
  // The laptop gives its dead session up when nothing has come back for 15 seconds.
  EXPECT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }));
}

// Nothing of a running session is touched, by an agent that comes nor by its passes.
TEST(Peers, ASessionOutlivesTheAgentAndGoesOnFromAnotherAddress) {
  Lab lab(1);
  LabMachine& ours = lab.add_machine(1, kNet);
  LabPeer& laptop = lab.add_peer(1, kNet);
  laptop.connect(lab.host(1));
  ASSERT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }));
  lab.host(1).stop();
  EXPECT_TRUE(laptop.netns.can_ping(ours.address()));
  lab.host(1).start();
  lab.publish();
  auto endpoint_of = [&]() -> std::string {
    auto reports = lab.host(1).report_gateway();
    return reports.size() == 1 && reports[0].endpoint ? to_string(reports[0].endpoint->ip) : "";
  };
  EXPECT_TRUE(eventually([&] { return endpoint_of() == "192.0.2.100"; }));
  EXPECT_TRUE(laptop.netns.can_ping(ours.address()));
  laptop.roam();
  EXPECT_TRUE(eventually([&] { return laptop.netns.can_ping(ours.address()); }));
  EXPECT_EQ(endpoint_of(), "192.0.2.150");
  lab.add_peer(1, kNet);  // a change
  EXPECT_TRUE(eventually([&] { return lab.host(1).report_gateway().size() == 2; }));
  EXPECT_TRUE(laptop.netns.can_ping(ours.address()));
}

}  // namespace
}  // namespace sixpn::mesh
