// HTTP/2 of clients of other people's making, in good faith and in bad (http_clients.h); the
// machines speak HTTP/1.
#include "tests/netns/flycast/http_clients.h"

namespace sixpn::flycast {
namespace {

struct Http2Clients : HttpClients {
  Finished flood(const std::string& kind) {
    return client(
        {kPython, "tests/netns/flycast/http2_floods.py", kind, to_string(kFlycast), "80"});
  }
};

TEST_F(Http2Clients, CurlHereAndOnAnotherHost) {
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  serve(1, "http");
  serve(2, "http");
  std::string body = write_body(3'000'000);
  for (int round = 0; round < 2; ++round) {
    for (const Words& how : {Words{}, Words{"-H", "Expect: 100-continue"}, Words{"-X", "PUT"}}) {
      for (const char* target : {"/", "/chunked"}) {
        Words words = {"curl",          "-sS",
                       "--data-binary", "@" + folder + "/body",
                       url + target,    "--http2-prior-knowledge"};
        words.insert(words.end(), how.begin(), how.end());
        Finished posted = client(words);
        EXPECT_EQ(posted.status, 0) << posted.err;
        EXPECT_TRUE(posted.out == body) << (how.empty() ? "" : how[1]) << " " << target;
      }
    }
    Finished head = client({"curl", "-sSI", "--http2-prior-knowledge", url + "/"});
    EXPECT_TRUE(has(head.out, "HTTP/2 200") && has(head.out, "content-length: 1000")) << head.out;
    stop_machine(1);
    host1.set_snapshot(cluster);
  }
  EXPECT_GT(host2.stats().hops_admitted, 0u);
}

TEST_F(Http2Clients, NghttpAndH2load) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished shown = client({"nghttp", url + "/5", url + "/7"});
  EXPECT_EQ(shown.out, "xxxxxxxxxxxx") << shown.err;
  Finished loaded = h2load({"-n", "600", "-c", "4", "-m", "32"});
  EXPECT_TRUE(has(loaded.out, "600 succeeded, 0 failed")) << loaded.out << loaded.err;
  EXPECT_EQ(host1.stats().http_failed, 0u);
  EXPECT_EQ(host1.stats().http2_connections, 5u);
}

// What an upgrade from HTTP/1 asks for is not there: the answer is HTTP/1's.
TEST_F(Http2Clients, NoUpgradeFromHttp1) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  Finished shown = client({"curl", "-sSi", "--http2", url + "/3"});
  EXPECT_TRUE(shown.out.starts_with("HTTP/1.1 200") && shown.out.ends_with("xxx")) << shown.out;
}

TEST_F(Http2Clients, FloodsAreSentAwayWithAWord) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  std::uint64_t sent_away = 0;
  for (const char* kind :
       {"rapid_reset", "made_reset", "continuations", "settings", "pings", "empty_data"}) {
    Finished flooded = flood(kind);
    EXPECT_EQ(flooded.out, "goaway 11\n") << kind << " " << flooded.err;
    EXPECT_EQ(host1.stats().http2_sent_away, ++sent_away) << kind;
    EXPECT_EQ(client({"curl", "-sS", "--http2-prior-knowledge", url + "/3"}).out, "xxx") << kind;
  }
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));
}

TEST_F(Http2Clients, WhatIsTooMuchIsRefusedAlone) {
  RunningHost host1(1, cluster);
  serve(1, "http");
  EXPECT_EQ(flood("giant_head").out, "status 431\n");
  EXPECT_EQ(flood("many_streams").out, "refused 1152\n");
  EXPECT_EQ(client({"curl", "-sS", "--http2-prior-knowledge", url + "/3"}).out, "xxx");
}

}  // namespace
}  // namespace sixpn::flycast
