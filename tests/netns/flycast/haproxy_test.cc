// The PROXY protocol beside HAProxy's, which wrote it: what the proxy says is what HAProxy says of
// the same connection, and HAProxy understands it. Over one hop and over two.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/io/sockaddr.h"
#include "flycast/core/proxy_header.h"
#include "flycast/io/sockets.h"
#include "tests/netns/flycast/http_clients.h"

namespace sixpn::flycast {
namespace {

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

// As dial(), from this very port; nothing when refused.
Tcp dial_from(const IpEndpoint& source, const NetNs& in, const IpEndpoint& to) {
  Fd fd;
  bool connected = false;
  in.run([&] {
    fd = Fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 ours = to_sockaddr(source);
    sockaddr_in6 theirs = to_sockaddr(to);
    connected = bind(fd.get(), reinterpret_cast<sockaddr*>(&ours), sizeof ours) == 0 &&
                connect(fd.get(), reinterpret_cast<sockaddr*>(&theirs), sizeof theirs) == 0;
  });
  return connected ? Tcp(std::move(fd)) : Tcp();
}

struct Haproxy : ::testing::TestWithParam<std::uint32_t> {
  Haproxy() {
    std::string name = "/tmp/sixpn-haproxy-XXXXXX";
    folder = mkdtemp(name.data());
  }
  ~Haproxy() override { std::filesystem::remove_all(folder); }

  // Restarted for each version: both hosts, and a HAProxy.
  void start(std::uint8_t version) {
    host1.reset();
    host2.reset();
    port.handlers = {"proxy_proto"};
    port.proxy_protocol = version;
    host1.emplace(1u, cluster);
    host2.emplace(2u, cluster);
  }
  Process haproxy(const NetNs& in, const std::string& mode, const std::string& sections) {
    std::string conf = folder + "/conf";
    sixpn::testing::write_file(conf, "defaults\n  mode " + mode +
                                         "\n  timeout client 30s\n  timeout connect 5s\n"
                                         "  timeout server 30s\n" +
                                         sections);
    return Process({"nsenter", "--net=" + in.path(), "haproxy", "-db", "-q", "-f", conf},
                   folder + "/log");
  }
  std::string log() { return sixpn::testing::read_file(folder + "/log"); }

  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({GetParam()});
  ServicePort& port = cluster.app.services[0].ports[0];
  std::optional<RunningHost> host1;
  std::optional<RunningHost> host2;
  std::string folder;
};

TEST_P(Haproxy, UnderstandsWhatItIsTold) {
  for (std::uint8_t version : {kProxyProtocolText, kProxyProtocolBinary}) {
    start(version);
    Process told =
        haproxy(lab.machine(GetParam()), "http",
                "frontend told\n  bind [" + to_string(lab.address(GetParam())) +
                    "]:8080 accept-proxy\n  http-request return content-type text/plain lf-string "
                    "\"%[src] %[src_port] %[dst] %[dst_port]\"\n");
    std::string answer;
    std::string expected;
    EXPECT_TRUE(eventually([&] {  // until it listens
      Tcp client = dial_web();
      expected = fmt::format("{} {} {} {}", to_string(client.local().ip), client.local().port,
                             to_string(kFlycast), 80);
      client.write_all("GET / HTTP/1.0\r\n\r\n");
      answer = client.read_to_end();
      return answer.find("200 OK") != std::string::npos;
    })) << log();
    EXPECT_NE(answer.find(expected), std::string::npos) << answer << "\nwanted " << expected;
  }
}

// A connection of the same four numbers is given to a HAProxy, in a namespace where they are its
// own.
TEST_P(Haproxy, SaysTheSameOfTheSameConnection) {
  NetNs apart;
  for (const Ip6& address : {lab.address(9), kFlycast})
    apart.ip("addr add {}/128 dev lo nodad", to_string(address));
  Fd listening;
  apart.run([&] { listening = std::move(*listen_on({kLoopback, 8080})); });
  for (auto [version, word] : {std::pair{kProxyProtocolText, "send-proxy"},
                               std::pair{kProxyProtocolBinary, "send-proxy-v2"}}) {
    start(version);
    Server machine(GetParam());
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all("hello"));
    IpEndpoint source = client.local();
    Tcp server = machine.accept();
    ASSERT_TRUE(server);
    std::size_t size = encode_proxy_header(version, source, kDialled).size() + 5;
    std::string ours = server.read_exactly(size);

    Process says = haproxy(apart, "tcp",
                           "listen says\n  bind [" + to_string(kFlycast) +
                               "]:80\n  server it [::1]:8080 " + word + "\n");
    Tcp same;
    ASSERT_TRUE(eventually([&] {  // until it listens
      return static_cast<bool>(same = dial_from(source, apart, kDialled));
    })) << log();
    ASSERT_TRUE(same.write_all("hello"));
    pollfd wait{listening.get(), POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1) << log();
    Tcp theirs(Fd(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    EXPECT_EQ(theirs.read_exactly(size), ours) << word;
    same.send_fin();
    EXPECT_EQ(theirs.read_to_end(), "") << "nothing more";
  }
}

INSTANTIATE_TEST_SUITE_P(Hops, Haproxy, ::testing::Values(1u, 2u),
                         [](const auto& param) { return param.param == 1 ? "One" : "Two"; });

}  // namespace
}  // namespace sixpn::flycast
