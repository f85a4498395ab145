// The mesh over real WireGuard between namespaces: coming up, restarts, repairs, changes of peers.
#include <gmock/gmock.h>

#include <future>

#include "base/io/clock.h"
#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};

// A fast ping in the background; what it printed when it ended.
class FastPing {
 public:
  FastPing(const NetNs& from, const Ip6& target, int packets)
      : result_(std::async(std::launch::async, [&from, target, packets] {
          std::string out;
          from.exec({"ping", "-6", "-n", "-q", "-i", "0.005", "-W", "2", "-c",
                     std::to_string(packets), to_string(target)},
                    &out);
          return out;
        })) {}
  std::string finish() { return result_.get(); }
  bool running() { return result_.wait_for(0s) != std::future_status::ready; }

 private:
  std::future<std::string> result_;
};

TEST(Mesh, MachinesReachEachOtherAcrossHosts) {
  Lab lab(3);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  LabMachine& three = lab.add_machine(3, kNet);
  LabMachine& neighbour = lab.add_machine(1, kNet);
  EXPECT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  EXPECT_TRUE(eventually([&] { return one.netns.can_ping(three.address()); }));
  EXPECT_TRUE(eventually([&] { return three.netns.can_ping(two.address()); }));
  EXPECT_TRUE(one.netns.can_ping(neighbour.address()));
  auto plan = lab.host(1).plan();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(to_lines(*plan), testing::IsEmpty());
}

TEST(Mesh, HostsReachEachOtherAndReportIt) {
  Lab lab(2);
  EXPECT_TRUE(eventually([&] { return lab.host(1).netns.can_ping(host_address(lab.host(2).id)); }));
  auto reports = lab.host(1).report();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].host, lab.host(2).id);
  EXPECT_EQ(reports[0].endpoint, lab.host(2).record.endpoints.front());
  ASSERT_TRUE(reports[0].handshake_age.has_value());
  EXPECT_LT(*reports[0].handshake_age, 60s);
  EXPECT_GT(reports[0].rx_bytes, 0u);
}

TEST(Mesh, AnAttachedMachineIsReachableAtOnce) {
  Lab lab(1);
  lab.add_machine(1, kNet);
  Duration worst{};
  for (int i = 0; i < 10; ++i) {
    Instant start = monotonic_now();
    LabMachine& machine = lab.add_machine(1, kNet);
    worst = std::max(worst, monotonic_now() - start);
    // Done means done: no waiting for duplicate address detection or a route.
    EXPECT_TRUE(machine.netns.can_ping(proxy_address(kNet, lab.host(1).id)));
  }
  RecordProperty("worst_attach_us", std::to_string(worst.count()));
}

TEST(Mesh, ARestartLosesNoPacket) {
  Lab lab(2);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  FastPing ping(one.netns, two.address(), 600);
  // As often as the machine manages while the ping runs.
  while (ping.running()) {
    lab.host(1).stop();
    lab.host(1).start();
    lab.publish();
    ASSERT_TRUE(eventually([&] {
      auto plan = lab.host(1).plan();
      return plan && plan->empty();
    }));
  }
  EXPECT_THAT(ping.finish(), testing::HasSubstr("600 received, 0% packet loss"));
}

TEST(Mesh, ARestartWithAnotherMachineGoneRemovesOnlyThat) {
  Lab lab(1);
  LabMachine& stays = lab.add_machine(1, kNet);
  LabMachine& goes = lab.add_machine(1, kNet);
  lab.host(1).stop();
  std::erase_if(lab.host(1).attachments,
                [&](const Attachment& a) { return a.machine == goes.record.id; });
  lab.host(1).start();
  lab.publish();
  EXPECT_TRUE(eventually([&] {
    return lab.host(1).netns.exec({"ip", "link", "show", veth_name(goes.address())}) != 0;
  }));
  EXPECT_TRUE(stays.netns.can_ping(proxy_address(kNet, lab.host(1).id)));
}

TEST(Mesh, OneHostLeavingLeavesTheOthersHandshakes) {
  Lab lab(3);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  LabMachine& three = lab.add_machine(3, kNet);
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(three.address()); }));
  FastPing ping(one.netns, two.address(), 300);
  lab.set_status(3, HostStatus::kLeft);
  lab.publish();
  ASSERT_TRUE(eventually([&] { return !one.netns.can_ping(three.address()); }));
  EXPECT_EQ(lab.host(1).report().size(), 1u);
  lab.set_status(3, HostStatus::kAlive);
  lab.publish();
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(three.address()); }));
  EXPECT_THAT(ping.finish(), testing::HasSubstr("300 received, 0% packet loss"));
}

TEST(Mesh, ADeadFirstEndpointGivesWayToTheNext) {
  Lab lab(2);
  const IpEndpoint nobody{*parse_ip("192.0.2.99"), 51820};
  for (int number : {1, 2}) {
    LabHost& host = lab.host(number);
    ASSERT_TRUE(eventually([&] {
      auto plan = host.plan();
      return plan && plan->empty();
    }));
    host.stop();
    host.record.endpoints.insert(host.record.endpoints.begin(), nobody);
    host.netns.must("ip link del " + host.interface);  // sessions and endpoints go with it
  }
  for (int number : {1, 2}) lab.host(number).start();
  lab.publish();
  EXPECT_TRUE(
      eventually([&] { return lab.host(1).netns.can_ping(host_address(lab.host(2).id)); }, 40s));
}

TEST(Mesh, AMachineThatMovesKeepsItsAddress) {
  Lab lab(2);
  LabMachine& client = lab.add_machine(1, kNet);
  LabMachine& mover = lab.add_machine(1, kNet);
  lab.add_machine(2, kNet);
  ASSERT_TRUE(lab.host(1).detach(mover.record.id));
  ASSERT_TRUE(lab.host(2).attach(mover));
  mover.record.host = lab.host(2).id;
  lab.publish();
  EXPECT_TRUE(eventually([&] { return client.netns.can_ping(mover.address()); }));
  EXPECT_TRUE(mover.netns.can_ping(client.address()));
}

TEST(Mesh, RepairsWhatOthersRemove) {
  Lab lab(2);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  const NetNs& host = lab.host(1).netns;
  const std::string device = lab.host(1).interface;
  const std::string veth = veth_name(one.address());
  const std::vector<std::string> damages = {
      "ip -6 route del fdaa::/16 dev " + device,
      "ip -6 rule del fwmark 0x6e",
      "ip link set " + device + " down",
      "ip -6 address flush dev " + device,
      "ip link set " + veth + " down",
      "ip link del " + veth,
      "ip -6 address del fe80::1/64 dev " + veth,
      std::string("ip -6 address del fdaa::3 dev lo"),
      "ip -6 address del " + to_string(peer_resolver_address(kNet)) + " dev lo",
      std::string("nft flush ruleset"),
      std::string("nft flush chain inet sixpn from_machine"),
      std::string("nft insert rule inet sixpn from_machine accept")};
  for (const auto& damage : damages) {
    SCOPED_TRACE(damage);
    host.must(damage);
    EXPECT_TRUE(eventually([&] {
      auto plan = lab.host(1).plan();
      return plan && plan->empty();
    }));
    EXPECT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  }
}

TEST(Mesh, ADeadWireguardProcessIsReplaced) {
  Lab lab(2);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(2, kNet);
  ASSERT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }));
  lab.host(1).netns.must("ip link del " + lab.host(1).interface);  // wireguard-go ends with it
  EXPECT_TRUE(eventually([&] { return one.netns.can_ping(two.address()); }, 30s));
}

TEST(Mesh, DetachAndTeardownLeaveNothing) {
  Lab lab(1);
  LabMachine& one = lab.add_machine(1, kNet);
  LabMachine& two = lab.add_machine(1, kOther);
  ASSERT_TRUE(lab.host(1).detach(one.record.id));
  const NetNs& host = lab.host(1).netns;
  std::string text;
  host.exec({"nft", "list", "table", "inet", "sixpn"}, &text);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr(veth_name(one.address()))));
  EXPECT_THAT(text, testing::HasSubstr(veth_name(two.address())));
  lab.host(1).stop();
  host.run([&] { EXPECT_TRUE(MeshService::teardown(lab.host(1).interface)); });
  host.exec({"nft", "list", "ruleset"}, &text);
  EXPECT_EQ(text, "");
  host.exec({"ip", "-6", "route", "show", "table", "all", "proto", "110"}, &text);
  EXPECT_EQ(text, "");
  host.exec({"ip", "-br", "link"}, &text);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("sx")));
  host.exec({"ip", "-br", "-6", "address", "show", "dev", "lo"}, &text);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("fdaa:")));
  host.exec({"ip", "-6", "rule"}, &text);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("0x6e")));
}

TEST(Mesh, AMachineWithoutNamespaceIsRefusedAndOthersWork) {
  Lab lab(1);
  Attachment nowhere{MachineId{5}, kNet, machine_address(kNet, lab.host(1).id, 0x70000),
                     "/nonexistent"};
  std::promise<Result<void>> answer;
  lab.host(1).on_loop([&] {
    lab.host(1).service->attach(nowhere, [&](Result<void> r) { answer.set_value(std::move(r)); });
  });
  auto result = answer.get_future().get();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, testing::HasSubstr("/nonexistent"));
  LabMachine& machine = lab.add_machine(1, kNet);
  EXPECT_TRUE(machine.netns.can_ping(proxy_address(kNet, lab.host(1).id)));
}

TEST(Mesh, ForwardingKeepsRouterAdvertisementsAccepted) {
  NetNs wire;
  LabHost host(1, [&]() -> const NetNs& {
    wire.must("ip link add wire type bridge");
    return wire;
  }());
  std::string before, after;
  host.netns.exec({"cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra"}, &before);
  EXPECT_EQ(before, "1\n");
  host.start();
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->self = host.id;
  host.on_loop([&] { host.service->set_snapshot(snapshot); });
  EXPECT_TRUE(eventually([&] {
    std::string forwarding;
    host.netns.exec({"cat", "/proc/sys/net/ipv6/conf/all/forwarding"}, &forwarding);
    return forwarding == "1\n";
  }));
  host.netns.exec({"cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra"}, &after);
  EXPECT_EQ(after, "2\n");
}

TEST(Mesh, ForeignFirewallsThatDropAreReported) {
  Lab lab(1);
  lab.host(1).stop();
  lab.host(1).netns.must("nft add table ip6 filter");
  lab.host(1).netns.must(
      "nft add chain ip6 filter FORWARD { type filter hook forward priority 0 ; policy drop ; }");
  lab.host(1).start();
  lab.publish();
  std::vector<std::string> warnings;
  EXPECT_TRUE(eventually([&] {
    lab.host(1).on_loop([&] { warnings = lab.host(1).service->warnings(); });
    return !warnings.empty();
  }));
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("ip6 filter FORWARD")));
}

}  // namespace
}  // namespace sixpn::mesh
