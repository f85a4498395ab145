// HTTP/1 ports between clients and servers of other people's making (http_clients.h).
#include "tests/netns/flycast/http_clients.h"

namespace sixpn::flycast {
namespace {

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
  Finished loaded = h2load({"--h1", "-n", "400", "-c", "16"});
  EXPECT_TRUE(has(loaded.out, "400 succeeded, 0 failed")) << loaded.out << loaded.err;
  EXPECT_EQ(host1.stats().http_failed, 0u);
}

// Pipelined: h2load sends up to so many requests before it reads.
TEST_F(HttpClients, H2loadPipelines) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished done = h2load({"--h1", "-m", "8", "-n", "400", "-c", "4"});
  EXPECT_TRUE(has(done.out, "400 succeeded, 0 failed")) << done.out << done.err;
}

TEST_F(HttpClients, AMachineThatDiesIsHiddenFromReaders) {
  cluster.machines[MachineId{3}].state = MachineState::kStarted;
  stop_machine(1);
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve(2, "http");
  serve(3, "http");
  auto load = std::async(std::launch::async, [&] {
    return h2load({"--h1", "-n", "1500", "-c", "8"});
  });
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
