// What must not pass, beside what must: each refusal is proved by a packet that is counted and does
// not arrive, next to one that does.
#include <gmock/gmock.h>

#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};
constexpr std::uint16_t kPort = 4000;
constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

IpEndpoint any(std::uint16_t port = 0) {
  return {{}, port};
}

// Two hosts, two machines of one network on the first and one on the second, and one of another
// network on each. Made once: the tests only send packets.
class Isolation : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = new Lab(2);
    a_ = &lab_->add_machine(1, kNet);
    neighbour_ = &lab_->add_machine(1, kNet);
    remote_ = &lab_->add_machine(2, kNet);
    foreign_ = &lab_->add_machine(1, kOther);
    foreign_remote_ = &lab_->add_machine(2, kOther);
    lab_->set_flycast(kNet, 1, {{80, 80}});
    lab_->set_flycast(kNet, 7, {{12345, 12345}, {8000, 8010}});
    ASSERT_TRUE(eventually([] { return a_->netns.can_ping(flycast_address(kNet, 7)); }));
    ASSERT_TRUE(eventually([] { return a_->netns.can_ping(remote_->address()); }));
    ASSERT_TRUE(eventually([] { return foreign_->netns.can_ping(foreign_remote_->address()); }));
  }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }

  static LabHost& host(int number) { return lab_->host(number); }

  // True when `bad` sent from `sender` does not arrive at `receiver`, while `good` sent after it
  // from `good_sender` does: the order of arrival makes waiting unnecessary.
  static bool only_good_arrives(const Fd& bad_sender, const Fd& good_sender, const Fd& receiver,
                                const IpEndpoint& target) {
    send_to(bad_sender, target, "bad");
    send_to(good_sender, target, "good");
    auto first = receive(receiver, 3s);
    return first && first->text == "good";
  }

  static Lab* lab_;
  static LabMachine *a_, *neighbour_, *remote_, *foreign_, *foreign_remote_;
};

Lab* Isolation::lab_;
LabMachine* Isolation::a_;
LabMachine* Isolation::neighbour_;
LabMachine* Isolation::remote_;
LabMachine* Isolation::foreign_;
LabMachine* Isolation::foreign_remote_;

TEST_F(Isolation, ASpoofedSourceIsDroppedWhereItAppears) {
  Fd receiver = udp_socket(remote_->netns, any(kPort));
  Fd good = udp_socket(a_->netns, any());
  std::uint64_t before = host(1).dropped("spoofed");
  std::vector<Ip6> sources = {neighbour_->address(),                       // the neighbour's own
                              machine_address(kNet, host(1).id, 0x55555),  // of nobody
                              machine_prefix(a_->address()).ip,  // inside its /112, not its address
                              proxy_address(kNet, host(1).id),
                              host_address(host(1).id),
                              flycast_address(kNet, 5),
                              foreign_->address(),
                              kResolverAddress};
  for (const auto& source : sources) {
    SCOPED_TRACE(to_string(source));
    Fd spoofer = udp_socket(a_->netns, {source, 0}, Transparent::kYes);
    EXPECT_TRUE(only_good_arrives(spoofer, good, receiver, {remote_->address(), kPort}));
  }
  EXPECT_EQ(host(1).dropped("spoofed") - before, sources.size());
}

TEST_F(Isolation, AnotherNetworkIsNotReached) {
  std::uint64_t before = host(1).dropped("cross_network");
  EXPECT_FALSE(a_->netns.can_ping(foreign_->address()));
  EXPECT_FALSE(a_->netns.can_ping(foreign_remote_->address()));
  EXPECT_FALSE(a_->netns.can_ping(proxy_address(kOther, host(1).id)));
  EXPECT_FALSE(a_->netns.can_ping(flycast_address(kOther, 1)));
  EXPECT_EQ(host(1).dropped("cross_network") - before, 4u);
  EXPECT_TRUE(a_->netns.can_ping(neighbour_->address()));
}

TEST_F(Isolation, InfrastructureAddressesAreNotReachedByMachines) {
  // A listener that would answer, were the packet let through.
  Fd gossip = udp_socket(host(1).netns, {host_address(host(1).id), kGossipPort});
  Fd tcp = tcp_listener(host(1).netns, {host_address(host(1).id), kGossipPort});
  Fd sender = udp_socket(a_->netns, any());
  std::uint64_t before = host(1).dropped("infrastructure");
  send_to(sender, {host_address(host(1).id), kGossipPort}, "bad");
  send_to(sender, {host_address(host(2).id), kGossipPort}, "bad");
  EXPECT_FALSE(a_->netns.can_ping(host_address(host(1).id)));
  EXPECT_FALSE(a_->netns.can_ping(host_address(host(2).id)));
  int error = 0;
  tcp_connect(a_->netns, any(), {host_address(host(1).id), kGossipPort}, error);
  EXPECT_EQ(error, ETIMEDOUT);
  EXPECT_GE(host(1).dropped("infrastructure") - before, 5u);
  EXPECT_EQ(receive(gossip, 0s), std::nullopt);
}

TEST_F(Isolation, HostsReachOnlyTheAgentsPortsOfEachOther) {
  Ip6 target = host_address(host(1).id);
  Fd gossip = udp_socket(host(1).netns, {target, kGossipPort});
  Fd open_daemon = udp_socket(host(1).netns, any(9999));  // as a careless service on [::]
  Fd tcp_daemon = tcp_listener(host(1).netns, any(9998));
  Fd hop = tcp_listener(host(1).netns, {target, kFlycastHopPort});
  Fd sender = udp_socket(host(2).netns, {host_address(host(2).id), kGossipPort});
  send_to(sender, {target, 9999}, "bad");
  send_to(sender, {target, kGossipPort}, "good");
  auto got = receive(gossip, 3s);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->source, (IpEndpoint{host_address(host(2).id), kGossipPort}));
  EXPECT_EQ(receive(open_daemon, 0s), std::nullopt);
  int error = 0;
  tcp_connect(host(2).netns, any(), {target, 9998}, error);
  EXPECT_EQ(error, ETIMEDOUT);
  Fd stream = tcp_connect(host(2).netns, any(), {target, kFlycastHopPort}, error);
  ASSERT_EQ(error, 0);
  Fd accepted = accept_one(hop);
  EXPECT_TRUE(passes(stream, accepted, "there"));
  EXPECT_TRUE(passes(accepted, stream, "and back"));
}

TEST_F(Isolation, AHostCannotSpeakForMachinesOfAnother) {
  Fd receiver = udp_socket(a_->netns, any(kPort));
  Fd good = udp_socket(remote_->netns, any());
  const NetNs& rogue = host(2).netns;
  // Own addresses of host 1 and other networks: WireGuard's AllowedIPs or the firewall stop them.
  for (const Ip6& source : {neighbour_->address(), foreign_remote_->address(),
                            host_address(host(2).id), proxy_address(kNet, host(1).id)}) {
    SCOPED_TRACE(to_string(source));
    Fd spoofer = udp_socket(rogue, {source, 0}, Transparent::kYes);
    EXPECT_TRUE(only_good_arrives(spoofer, good, receiver, {a_->address(), kPort}));
  }
  EXPECT_GE(host(1).dropped("mesh_refused"), 2u);
}

TEST_F(Isolation, MeshPacketsOutsideTheTunnelAreDropped) {
  Fd receiver = udp_socket(a_->netns, any(kPort));
  Fd good = udp_socket(neighbour_->netns, any());
  std::uint64_t before = host(1).dropped("outside");
  NetNs intruder;
  lab_->wire().must("ip link add intruder type veth peer name eth0 netns /proc/" +
                    std::to_string(getpid()) + intruder.path().substr(10));
  lab_->wire().must("ip link set intruder master wire up");
  intruder.must("ip address add 2001:db8::66/64 dev eth0 nodad");
  intruder.must("ip link set eth0 up");
  intruder.must("ip -6 route add fdaa::/16 via 2001:db8::1");
  Fd outside = udp_socket(intruder, {remote_->address(), 0}, Transparent::kYes);
  EXPECT_TRUE(eventually([&] {
    send_to(outside, {a_->address(), kPort}, "bad");
    return host(1).dropped("outside") > before;
  }));
  send_to(good, {a_->address(), kPort}, "good");
  auto first = receive(receiver, 3s);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "good");
}

TEST_F(Isolation, TheHostIsClosedToMachinesExceptForNamesAndPings) {
  Fd dns = udp_socket(host(1).netns, {kResolverAddress, 53});
  Fd daemon = udp_socket(host(1).netns, any(9999));
  Fd client = udp_socket(a_->netns, any());
  std::uint64_t before = host(1).dropped("input_refused");
  send_to(client, {kResolverAddress, 9999}, "bad");
  send_to(client, {proxy_address(kNet, host(1).id), 9999}, "bad");
  send_to(client, {flycast_address(kNet, 1), 9999}, "bad");
  send_to(client, {kResolverAddress, 53}, "query");
  auto query = receive(dns, 3s);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->source.ip, a_->address());
  send_to(dns, query->source, "answer");
  auto answer = receive(client, 3s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->source, (IpEndpoint{kResolverAddress, 53}));
  EXPECT_EQ(receive(daemon, 0s), std::nullopt);
  EXPECT_EQ(host(1).dropped("input_refused") - before, 3u);
  EXPECT_TRUE(a_->netns.can_ping(kResolverAddress));
  EXPECT_TRUE(a_->netns.can_ping(flycast_address(kNet, 1)));
  EXPECT_TRUE(a_->netns.can_ping(proxy_address(kNet, host(1).id)));
  EXPECT_TRUE(host(1).netns.can_ping(a_->address()));
  EXPECT_TRUE(host(1).netns.can_ping(remote_->address()));
}

TEST_F(Isolation, ANetworksResolverIsAskedByItsMachinesAlone) {
  const IpEndpoint ours{peer_resolver_address(kNet), 53}, theirs{peer_resolver_address(kOther), 53};
  const IpEndpoint taken{kResolverTproxyAddress, 53};
  Fd dns = udp_socket(host(1).netns, taken, Transparent::kYes);
  Fd client = udp_socket(a_->netns, any());
  Fd foreigner = udp_socket(foreign_->netns, any());
  std::uint64_t crossed = host(1).dropped("cross_network");
  std::uint64_t refused = host(1).dropped("input_refused");
  send_to(foreigner, ours, "bad");
  send_to(client, theirs, "bad");
  send_to(client, {ours.ip, 9999}, "bad");
  send_to(client, ours, "query");
  auto query = receive(dns, 3s);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "query");
  EXPECT_EQ(query->source.ip, a_->address());
  EXPECT_EQ(host(1).dropped("cross_network") - crossed, 2u);
  EXPECT_EQ(host(1).dropped("input_refused") - refused, 1u);
  send_to(foreigner, theirs, "query");
  query = receive(dns, 3s);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->source.ip, foreign_->address());
  Fd streams = tcp_listener(host(1).netns, taken, Transparent::kYes);
  int error = 0;
  Fd stream = tcp_connect(a_->netns, any(), ours, error);
  ASSERT_EQ(error, 0);
  Fd accepted = accept_one(streams);
  EXPECT_EQ(local_of(accepted), ours);
  EXPECT_TRUE(passes(stream, accepted, "query"));
  EXPECT_TRUE(passes(accepted, stream, "answer"));
  tcp_connect(foreign_->netns, any(), ours, error);
  EXPECT_EQ(error, ETIMEDOUT);
  EXPECT_TRUE(a_->netns.can_ping(ours.ip));
  EXPECT_FALSE(foreign_->netns.can_ping(ours.ip));
}

TEST_F(Isolation, ADaemonOnAllAddressesIsNotOpenedByTcp) {
  Fd daemon = tcp_listener(host(1).netns, any(9997));
  int error = 0;
  tcp_connect(a_->netns, any(), {proxy_address(kNet, host(1).id), 9997}, error);
  EXPECT_EQ(error, ETIMEDOUT);
  tcp_connect(a_->netns, any(), {kResolverAddress, 9997}, error);
  EXPECT_EQ(error, ETIMEDOUT);
  // Without an agent's listener a Flycast address refuses at once, and never reaches the daemon.
  tcp_connect(a_->netns, any(), {flycast_address(kNet, 1), 9997}, error);
  EXPECT_EQ(error, ECONNREFUSED);
  EXPECT_FALSE(accept_one(daemon));
}

TEST_F(Isolation, Ipv4FromAMachineGoesNowhere) {
  std::string link;
  host(1).netns.exec({"ip", "-br", "link", "show", "dev", veth_name(a_->address())}, &link);
  std::string mac = link.substr(link.find(':') - 2, 17);
  std::uint64_t before = host(1).dropped("not_ipv6");
  a_->netns.must("ip address add 192.0.2.77/24 dev sixpn0");
  a_->netns.must("ip neighbour replace 192.0.2.2 lladdr " + mac + " dev sixpn0");
  EXPECT_NE(a_->netns.exec({"ping", "-c", "1", "-W", "1", "192.0.2.2"}), 0);
  EXPECT_GT(host(1).dropped("not_ipv6"), before);
}

// ---- Flycast's way through the host
// -----------------------------------------------------------------

TEST_F(Isolation, TproxyKeepsBothAddressesOfAFlycastConnection) {
  Fd proxy = tcp_listener(host(1).netns, {kLoopback, kTproxyPort}, Transparent::kYes);
  int error = 0;
  IpEndpoint service{flycast_address(kNet, 7), 12345};
  Fd client = tcp_connect(a_->netns, any(), service, error);
  ASSERT_EQ(error, 0);
  Fd accepted = accept_one(proxy);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(remote_of(accepted).ip, a_->address());
  EXPECT_EQ(local_of(accepted), service);
  EXPECT_TRUE(passes(client, accepted, "request"));
  EXPECT_TRUE(passes(accepted, client, "response"));
  // Another network's Flycast address never reaches the proxy.
  tcp_connect(a_->netns, any(), {flycast_address(kOther, 7), 12345}, error);
  EXPECT_EQ(error, ETIMEDOUT);
  EXPECT_FALSE(accept_one(proxy));
}

// Errno of a connection that a machine tries to make; 0: it was made.
int dial(const LabMachine& from, const IpEndpoint& target) {
  int error = 0;
  tcp_connect(from.netns, any(), target, error);
  return error;
}

TEST_F(Isolation, OnlyThePortsOfAServiceReachTheProxy) {
  using Ports = std::vector<std::uint16_t>;
  Fd proxy = tcp_listener(host(1).netns, {kLoopback, kTproxyPort}, Transparent::kYes);
  Ip6 service = flycast_address(kNet, 7);
  for (std::uint16_t port : Ports{1, 80, 7999, 8011, 12344, 65535})
    EXPECT_EQ(dial(*a_, {service, port}), ECONNREFUSED) << port;
  for (std::uint16_t port : Ports{8000, 8005, 8010, 12345}) {
    EXPECT_EQ(dial(*a_, {service, port}), 0) << port;
    EXPECT_EQ(local_of(accept_one(proxy)), (IpEndpoint{service, port}));
  }
}

TEST_F(Isolation, AFlycastAddressThatNobodyAllocatedIsNotThere) {
  Fd proxy = tcp_listener(host(1).netns, {kLoopback, kTproxyPort}, Transparent::kYes);
  EXPECT_EQ(dial(*a_, {flycast_address(kNet, 99), 80}), EHOSTUNREACH);
  std::string output;
  EXPECT_NE(a_->netns.exec(
                {"ping", "-6", "-n", "-c", "1", "-W", "5", to_string(flycast_address(kNet, 99))},
                &output),
            0);
  EXPECT_THAT(output, testing::HasSubstr("Address unreachable"));
}

TEST_F(Isolation, AConnectionOutlivesItsService) {
  Fd proxy = tcp_listener(host(1).netns, {kLoopback, kTproxyPort}, Transparent::kYes);
  IpEndpoint service{flycast_address(kNet, 5), 4500};
  lab_->set_flycast(kNet, 5, {{4500, 4500}});
  ASSERT_TRUE(eventually([&] { return dial(*a_, service) == 0; }));
  Fd gone = accept_one(proxy);
  int error = 0;
  Fd client = tcp_connect(a_->netns, any(), service, error);
  Fd accepted = accept_one(proxy);
  lab_->set_flycast(kNet, 5, {});
  EXPECT_TRUE(eventually([&] { return dial(*a_, service) == ECONNREFUSED; }));
  EXPECT_TRUE(passes(client, accepted, "request"));
  EXPECT_TRUE(passes(accepted, client, "response"));
}

TEST_F(Isolation, AnAgentMaySpeakAsAClientToALocalMachine) {
  Fd server = tcp_listener(a_->netns, any(8080));
  int error = 0;
  // The client lives on the other host; this host's agent connects in its name.
  Fd agent = tcp_connect(host(1).netns, {remote_->address(), 0}, {a_->address(), 8080}, error,
                         Transparent::kYes);
  ASSERT_EQ(error, 0);
  Fd accepted = accept_one(server);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(remote_of(accepted).ip, remote_->address());
  EXPECT_TRUE(passes(agent, accepted, "request"));
  EXPECT_TRUE(passes(accepted, agent, "response"));
}

TEST_F(Isolation, AnAgentMaySpeakAsTheHostsProxy) {
  Fd server = tcp_listener(a_->netns, any(8081));
  int error = 0;
  Fd agent = tcp_connect(host(1).netns, {proxy_address(kNet, host(1).id), 0}, {a_->address(), 8081},
                         error);
  ASSERT_EQ(error, 0);
  Fd accepted = accept_one(server);
  EXPECT_TRUE(passes(agent, accepted, "request"));
  EXPECT_TRUE(passes(accepted, agent, "response"));
}

}  // namespace
}  // namespace sixpn::mesh
