// What a service's ports say about a connection: the PROXY protocol, idle timeouts, ranges. Over
// one hop (the machine lives on the client's host) and over two.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "flycast/core/proxy_header.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

struct Options : testing::TestWithParam<std::uint32_t> {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({GetParam()});
  std::optional<RunningHost> host1;
  std::optional<RunningHost> host2;
  ServicePort& port = cluster.app.services[0].ports[0];

  void start() {
    host1.emplace(1u, cluster);
    host2.emplace(2u, cluster);
  }
};

TEST_P(Options, TheMachineIsToldOfItsClientAheadOfItsBytes) {
  for (std::uint8_t version : {kProxyProtocolText, kProxyProtocolBinary}) {
    port.handlers = {"proxy_proto"};
    port.proxy_protocol = version;
    start();
    Server listener(GetParam());
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all("hello"));
    Tcp server = listener.accept();
    ASSERT_TRUE(client && server);
    std::string expected = encode_proxy_header(version, client.local(), kDialled) + "hello";
    EXPECT_EQ(server.read_exactly(expected.size()), expected);
    ASSERT_TRUE(server.write_all("and back"));
    EXPECT_EQ(client.read_exactly(8), "and back") << "nothing is added to what the machine says";
  }
}

TEST_P(Options, AnIdleConnectionIsResetAndABusyOneIsNot) {
  port.http.idle_timeout = std::chrono::seconds(2);
  start();
  Server listener(GetParam());
  Tcp idle = dial_web();
  Tcp idle_server = listener.accept();
  Tcp busy = dial_web();
  Tcp busy_server = listener.accept();
  ASSERT_TRUE(idle_server && busy_server);
  EXPECT_TRUE(eventually([&] {
    busy.write_all("x");
    return host1->stats().idle_timeouts == 1;
  }));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.got_reset());
  EXPECT_EQ(idle_server.read_to_end(), "");
  EXPECT_TRUE(idle_server.got_reset());
  ASSERT_TRUE(busy_server.write_all("still here"));
  EXPECT_EQ(busy.read_exactly(10), "still here");
}

TEST_P(Options, EveryPortOfARangeLeadsToTheService) {
  port.first = 8000;
  port.last = 8002;
  start();
  Server listener(GetParam());
  for (std::uint16_t number : {std::uint16_t{8000}, std::uint16_t{8001}, std::uint16_t{8002}}) {
    Tcp client = dial(lab.machine(9), {kFlycast, number});
    EXPECT_TRUE(listener.accept()) << number;
    host1->on_loop([&] {
      auto said = host1->service().explain(kNetwork, "web", number);
      EXPECT_EQ(std::get<Explanation>(said).external_port, number);
    });
  }
  Tcp beyond = dial(lab.machine(9), {kFlycast, 8003});
  EXPECT_EQ(beyond.read_to_end(), "");
  EXPECT_TRUE(!beyond || beyond.got_reset());
}

// A HAProxy inside a machine that takes PROXY headers and tells what they said.
class AcceptProxy {
 public:
  explicit AcceptProxy(std::uint32_t machine) {
    const NetNs& inside = Lab::instance().machine(machine);
    std::string config = folder_ + "/conf";
    FILE* file = std::fopen(config.c_str(), "w");
    std::fprintf(file,
                 "defaults\n  mode http\n  timeout client 30s\n  timeout connect 5s\n"
                 "  timeout server 30s\nfrontend told\n  bind [%s]:8080 accept-proxy\n"
                 "  http-request return content-type text/plain lf-string "
                 "\"%%[src] %%[src_port] %%[dst] %%[dst_port]\"\n",
                 to_string(Lab::instance().address(machine)).c_str());
    std::fclose(file);
    std::string net = "--net=" + inside.path();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execlp("nsenter", "nsenter", net.c_str(), "haproxy", "-db", "-q", "-f", config.c_str(),
             static_cast<char*>(nullptr));
      _exit(127);
    }
  }
  AcceptProxy(const AcceptProxy&) = delete;
  AcceptProxy& operator=(const AcceptProxy&) = delete;
  ~AcceptProxy() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    std::system(("rm -r " + folder_).c_str());
  }

 private:
  static std::string make_folder() {
    std::string name = "/tmp/sixpn-accept-proxy-XXXXXX";
    return mkdtemp(name.data()) != nullptr ? name : "";
  }
  std::string folder_ = make_folder();
  pid_t pid_ = -1;
};

TEST_P(Options, HaproxyUnderstandsWhatItIsTold) {
  if (std::system("command -v haproxy >/dev/null") != 0) GTEST_SKIP() << "needs Debian's haproxy";
  for (std::uint8_t version : {kProxyProtocolText, kProxyProtocolBinary}) {
    port.handlers = {"proxy_proto"};
    port.proxy_protocol = version;
    start();
    AcceptProxy haproxy(GetParam());
    std::string answer;
    std::string expected;
    EXPECT_TRUE(eventually([&] {  // until it listens
      Tcp client = dial_web();
      expected = fmt::format("{} {} {} {}", to_string(client.local().ip), client.local().port,
                             to_string(kFlycast), 80);
      client.write_all("GET / HTTP/1.0\r\n\r\n");
      answer = client.read_to_end();
      return answer.find("200 OK") != std::string::npos;
    }));
    EXPECT_NE(answer.find(expected), std::string::npos) << answer << "\nwanted " << expected;
  }
}

INSTANTIATE_TEST_SUITE_P(Hops, Options, testing::Values(1u, 2u),
                         [](const auto& param) { return param.param == 1 ? "One" : "Two"; });

}  // namespace
}  // namespace sixpn::flycast
