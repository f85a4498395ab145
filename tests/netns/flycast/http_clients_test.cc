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

// ws of npm: its client and server by turns with those of Python's, and together, where they agree
// on permessage-deflate.
TEST_F(HttpClients, WebSocketsOfNodePassWhole) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  const char* server = "tests/netns/flycast/websocket_server.js";
  const std::string to = "ws://[" + to_string(kFlycast) + "]:80/";
  auto node = [&](const char* kind) {
    return client({kNode, "tests/netns/flycast/websocket_client.js", kind, to});
  };
  serve(1, "deflate", server, kNode);
  serve(2, "deflate", server, kNode);
  for (int round = 0; round < 2; ++round) {
    for (const char* kind : {"plain", "deflate"}) {
      Finished talk = node(kind);
      EXPECT_EQ(talk.out, "whole\n") << kind << " " << talk.err;
    }
    Finished talk = client({kPython, "tests/netns/flycast/websocket_client.py", to});
    EXPECT_EQ(talk.out, "whole\n") << talk.err;
    stop_machine(1);
    host1.set_snapshot(cluster);
  }
  EXPECT_GT(host2.stats().hops_admitted, 0u);
  servers.clear();
  serve(2, "websocket");
  Finished talk = node("plain");
  EXPECT_EQ(talk.out, "whole\n") << talk.err;
}

struct SlowHttpTest : HttpClients {
  // While slowhttptest holds connections from client 9, `heads` of them with a whole head, who asks
  // from machine 1 is answered in time. It writes IPv6 addresses into Host without brackets, so it
  // is given a name, in a file of hosts that it alone sees.
  void expect_others_served_during(const Words& attack, const std::string& path,
                                   std::uint64_t heads) {
    RunningHost host1(1, cluster);
    serve(1, "http");
    sixpn::testing::write_file(folder + "/hosts", to_string(kFlycast) + " web.flycast\n");
    Words words = {"unshare",
                   "--mount",
                   "sh",
                   "-c",
                   "mount --bind $0 /etc/hosts && exec $@",
                   folder + "/hosts",
                   "slowhttptest",
                   "-u",
                   "http://web.flycast" + path,
                   "-c",
                   "300",
                   "-r",
                   "300",
                   "-l",
                   "120",
                   "-p",
                   "10",
                   "-i",
                   "1"};
    words.insert(words.end(), attack.begin(), attack.end());
    Process slow(inside(9, words), folder + "/slow");
    auto held = [&] {
      FlycastStats stats = host1.stats();
      return stats.sessions >= kHeld && stats.http_requests >= heads;
    };
    ASSERT_TRUE(eventually(held)) << sixpn::testing::read_file(folder + "/slow");
    for (int i = 0; i < 10; ++i) {
      Finished other =
          sixpn::testing::run(inside(1, {"curl", "-sS", "--max-time", "10", url + "/3"}));
      EXPECT_EQ(other.out, "xxx") << other.err;
    }
    EXPECT_TRUE(held() && slow.running()) << "it went on all the time";
    EXPECT_EQ(host1.stats().http_refused, 0u);
  }
  static constexpr std::uint64_t kHeld = 250;
};

TEST_F(SlowHttpTest, HeadsDoNotStopTheService) {
  expect_others_served_during({"-H"}, "/1", 0);
}

TEST_F(SlowHttpTest, BodiesDoNotStopTheService) {
  expect_others_served_during({"-B", "-s", "100000"}, "/1", kHeld);
}

TEST_F(SlowHttpTest, ReadersDoNotStopTheService) {
  expect_others_served_during({"-X", "-n", "1", "-w", "10", "-y", "20", "-z", "5"}, "/1000000",
                              kHeld);
}

}  // namespace
}  // namespace sixpn::flycast
