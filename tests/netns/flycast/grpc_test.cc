// Machines that speak HTTP/2 (h2_backend): gRPC of other people's making through Flycast, on one
// host and across two (http_clients.h).
#include "tests/netns/flycast/http_clients.h"

namespace sixpn::flycast {
namespace {

struct Grpc : HttpClients {
  Grpc() { cluster.app.services[0].ports[0].http.h2_backend = true; }

  void serve_grpc(std::uint32_t machine) {
    serve(machine, "grpc", "tests/netns/flycast/grpc_server.py");
  }
  Finished call(const Words& calls = {}) {
    Words words = {kPython, "tests/netns/flycast/grpc_client.py", to_string(kFlycast), "80"};
    words.insert(words.end(), calls.begin(), calls.end());
    return client(words);
  }
  // Calls that the server saw cancelled.
  bool gone(std::uint32_t machine, std::size_t calls) {
    std::string log = "ready\n";
    for (std::size_t i = 0; i < calls; ++i) log += "gone\n";
    return eventually([&] {
      return sixpn::testing::read_file(folder + "/server" + std::to_string(machine)) == log;
    });
  }
};

TEST_F(Grpc, EveryKindOfCallHereAndOnAnotherHost) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve_grpc(1);
  serve_grpc(2);
  for (std::uint32_t machine : {1u, 2u}) {
    Finished called = call();
    EXPECT_EQ(called.out, "right\n") << called.err;
    EXPECT_TRUE(gone(machine, 2)) << "cancelled, and over its deadline";
    stop_machine(1);
    host1.set_snapshot(cluster);
  }
  EXPECT_GT(host2.stats().hops_admitted, 0u);
}

TEST_F(Grpc, WithLimitsOnRequestsEachCallCounts) {
  cluster.app.services[0].concurrency = ConcurrencyType::kRequests;
  RunningHost host1(1, cluster);
  serve_grpc(1);
  Finished called = call({"unary", "echo", "side_by_side"});
  EXPECT_EQ(called.out, "right\n") << called.err;
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));
}

// A machine that dies under a call ends it with an error; the next one is served.
TEST_F(Grpc, AMachineThatDies) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve_grpc(1);
  auto waiting = std::async(std::launch::async, [&] { return call({"deadline"}); });
  ASSERT_TRUE(eventually([&] { return host1.stats().relayed == 1; }));
  servers.front() = {};
  EXPECT_NE(waiting.get().out, "right\n");
  serve_grpc(2);
  Finished called = call({"unary"});
  EXPECT_EQ(called.out, "right\n") << called.err;
}

// HTTP/1 of clients, too.
TEST_F(Grpc, ClientsOfHttp1) {
  RunningHost host1(1, cluster);
  sixpn::testing::write_file(folder + "/index.html", "hello");
  servers.emplace_back(inside(1, {"nghttpd", "--no-tls", "-d", folder, "8080"}), folder + "/log");
  std::string body;
  ASSERT_TRUE(eventually([&] {
    body = client({"curl", "-sS", url + "/index.html"}).out;
    return body == "hello";
  })) << body;
  Finished shown = client({"curl", "-sSI", url + "/index.html"});
  EXPECT_TRUE(has(shown.out, "HTTP/1.1 200") && has(shown.out, "Content-Length: 5")) << shown.out;
  Finished absent = client({"curl", "-sSi", url + "/absent"});
  EXPECT_TRUE(has(absent.out, "HTTP/1.1 404")) << absent.out;
  EXPECT_EQ(client({"nghttp", url + "/index.html"}).out, "hello");
}

}  // namespace
}  // namespace sixpn::flycast
