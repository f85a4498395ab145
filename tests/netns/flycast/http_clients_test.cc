// HTTP ports between clients and servers of other people's making. Every one is a package that
// tools/setup --clients installs; where one is missing, its test fails.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/netns/cluster/process.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

using sixpn::testing::Finished;
using sixpn::testing::Process;
using sixpn::testing::Words;

constexpr const char* kPython = "/usr/bin/python3";  // the one that the packages are for

struct HttpClients : ::testing::Test {
  HttpClients() {
    std::string name = "/tmp/sixpn-http-XXXXXX";
    folder = mkdtemp(name.data());
    cluster.app.services[0].ports[0].handlers = {"http"};
    for (std::uint32_t id : {3u, 4u}) stop_machine(id);
  }
  ~HttpClients() override { std::filesystem::remove_all(folder); }

  void stop_machine(std::uint32_t id) {
    cluster.machines[MachineId{id}].state = MachineState::kStopped;
  }
  static Words inside(std::uint32_t machine, Words words) {
    words.insert(words.begin(), {"nsenter", "--net=" + Lab::instance().machine(machine).path()});
    return words;
  }
  Finished client(Words words) { return sixpn::testing::run(inside(9, std::move(words))); }

  // Starts a server inside a machine, and waits until it listens.
  void serve(std::uint32_t machine, const std::string& kind) {
    std::string log = folder + "/server" + std::to_string(machine);
    servers.emplace_back(inside(machine, {kPython, "tests/netns/flycast/echo_server.py", kind,
                                          to_string(lab.address(machine)), "8080"}),
                         log);
    ASSERT_TRUE(eventually([&] { return sixpn::testing::read_file(log) == "ready\n"; }))
        << sixpn::testing::read_file(log);
  }
  // It writes IPv6 addresses into Host without brackets, so it is given a name.
  Finished h2load(Words words) {
    words.insert(words.begin(),
                 {"h2load", "--h1", "--connect-to=[" + to_string(kFlycast) + "]:80"});
    words.push_back("http://web.flycast/100");
    return client(std::move(words));
  }
  std::string write_body(std::size_t size) {
    std::string body;
    for (std::size_t i = 0; body.size() < size; ++i) body += std::to_string(i * 7919) + "\n";
    sixpn::testing::write_file(folder + "/body", body);
    return body;
  }

  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
  std::string folder;
  std::vector<Process> servers;
  const std::string url = "http://[" + to_string(kFlycast) + "]:80";
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(HttpClients, CurlHereAndOnAnotherHost) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve(1, "http");
  serve(2, "http");
  std::string body = write_body(3'000'000);
  for (int round = 0; round < 2; ++round) {
    for (const Words& how :
         {Words{}, Words{"-H", "Transfer-Encoding: chunked"}, Words{"-H", "Expect: 100-continue"},
          Words{"--http1.0"}, Words{"-X", "PUT"}}) {
      for (const char* target : {"/", "/chunked"}) {
        Words words = {"curl", "-sS", "--data-binary", "@" + folder + "/body", url + target};
        words.insert(words.end(), how.begin(), how.end());
        Finished posted = client(words);
        EXPECT_EQ(posted.status, 0) << posted.err;
        EXPECT_TRUE(posted.out == body) << (how.empty() ? "" : how[1]) << " " << target;
      }
    }
    Finished head = client({"curl", "-sSI", url + "/"});
    EXPECT_TRUE(has(head.out, "Content-Length: 1000")) << head.out << head.err;
    Finished shown = client({"curl", "-sSi", url + "/5"});
    EXPECT_TRUE(has(shown.out, "X-Client: " + to_string(lab.address(9)))) << shown.out;
    Finished two = client({"curl", "-sS", "-v", url + "/5", url + "/7"});
    EXPECT_EQ(two.out, "xxxxxxxxxxxx");
    EXPECT_TRUE(has(two.err, "Re-using existing connection")) << two.err;
    stop_machine(1);
    host1.set_snapshot(cluster);
  }
  EXPECT_GT(host2.stats().hops_admitted, 0u);
}

TEST_F(HttpClients, ApacheBenchWithOldKeepAlive) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished done = client({"ab", "-q", "-k", "-n", "400", "-c", "16", url + "/100"});
  EXPECT_TRUE(has(done.out, "Complete requests:      400")) << done.out << done.err;
  EXPECT_TRUE(has(done.out, "Failed requests:        0")) << done.out;
  EXPECT_TRUE(has(done.out, "Keep-Alive requests:    400")) << done.out;
  EXPECT_FALSE(has(done.out, "Non-2xx")) << done.out;
}

TEST_F(HttpClients, WrkAndH2loadKeepConnections) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished wrk = client({"wrk", "-t1", "-c16", "-d1", "--timeout", "20", url + "/100"});
  EXPECT_TRUE(has(wrk.out, "requests in")) << wrk.out << wrk.err;
  EXPECT_FALSE(has(wrk.out, "Socket errors") || has(wrk.out, "Non-2xx")) << wrk.out;
  Finished loaded = h2load({"-n", "400", "-c", "16"});
  EXPECT_TRUE(has(loaded.out, "400 succeeded, 0 failed")) << loaded.out << loaded.err;
  EXPECT_EQ(host1.stats().http_failed, 0u);
}

// Pipelined: h2load sends up to so many requests before it reads.
TEST_F(HttpClients, H2loadPipelines) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished done = h2load({"-m", "8", "-n", "400", "-c", "4"});
  EXPECT_TRUE(has(done.out, "400 succeeded, 0 failed")) << done.out << done.err;
}

TEST_F(HttpClients, AMachineThatDiesIsHiddenFromReaders) {
  cluster.machines[MachineId{3}].state = MachineState::kStarted;
  stop_machine(1);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve(2, "http");
  serve(3, "http");
  auto load = std::async(std::launch::async, [&] { return h2load({"-n", "1500", "-c", "8"}); });
  ASSERT_TRUE(eventually([&] { return host1.stats().http_requests > 100; }));
  servers.front() = {};  // kill -9: its connections are reset by the kernel
  Finished done = load.get();
  EXPECT_TRUE(has(done.out, "1500 succeeded, 0 failed")) << done.out;
}

TEST_F(HttpClients, WebSocketsPassWhole) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve(1, "websocket");
  serve(2, "websocket");
  for (int round = 0; round < 2; ++round) {
    Finished talk = client({kPython, "tests/netns/flycast/websocket_client.py",
                            "ws://[" + to_string(kFlycast) + "]:80/"});
    EXPECT_EQ(talk.out, "whole\n") << talk.err;
    stop_machine(1);
    host1.set_snapshot(cluster);
  }
}

TEST_F(HttpClients, SlowReadersOfHeadsDoNotStopTheService) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished slow = client({"slowhttptest", "-H", "-c", "300", "-r", "200", "-i", "1", "-l", "5",
                          "-p", "5", "-u", url + "/1"});
  EXPECT_TRUE(has(slow.out, "YES")) << slow.out << slow.err;
  EXPECT_EQ(client({"curl", "-sS", url + "/3"}).out, "xxx");
}

}  // namespace
}  // namespace sixpn::flycast
