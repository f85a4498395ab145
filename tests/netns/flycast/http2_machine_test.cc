// Machines that speak HTTP/2 (h2_backend), scripted in frames made by hand, and clients of both
// versions. gRPC of other people's making: grpc_test.cc.
#include <gtest/gtest.h>

#include "flycast/core/http1_limits.h"
#include "tests/netns/flycast/http2_peer.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

using namespace frames;

const std::string kOk = "\x88";  // :status 200

struct Http2Machine : testing::Test {
  Http2Machine() {
    ServicePort& port = cluster.app.services[0].ports[0];
    port.handlers = {"http"};
    port.http.h2_backend = true;
  }
  static Http2Peer dial_http2() {
    Http2Peer client(dial_web());
    EXPECT_TRUE(client.say(hello()));
    return client;
  }
  // The machine's end of its next connection, behind the preface.
  static Http2Peer accept(Server& server) {
    Http2Peer machine(server.accept());
    EXPECT_EQ(machine.tcp.read_exactly(kHttp2Preface.size()), kHttp2Preface);
    EXPECT_TRUE(machine.say(frame(kSettings, 0, 0)));
    return machine;
  }
  static std::string answer(std::uint32_t stream, const std::string& body) {
    return frame(kHeaders, kEndHeaders, stream, kOk) + frame(kData, kEndStream, stream, body);
  }
  static std::string post(std::uint32_t stream) {
    return frame(kHeaders, kEndHeaders, stream, post_fields());
  }

  TestCluster cluster = Lab::cluster_of({1});
};

// Pieces pass as they come, in both directions, with trailers behind them.
TEST_F(Http2Machine, BothDirectionsAtOnce) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(post(1)));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(machine.say(frame(kHeaders, kEndHeaders, 1, kOk)));
  ASSERT_TRUE(client.next(kHeaders));
  for (const char* each : {"a", "b", "c"}) {
    ASSERT_TRUE(client.say(frame(kData, 0, 1, each)));
    auto asked = machine.next(kData);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->payload, each);
    ASSERT_TRUE(machine.say(frame(kData, 0, 1, asked->payload)));
    auto answered = client.next(kData);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->payload, each);
  }
  ASSERT_TRUE(client.say(frame(kHeaders, kEndHeaders | kEndStream, 1, field("x-sum", "3"))));
  auto last = machine.next(kHeaders);
  ASSERT_TRUE(last);
  EXPECT_NE(last->flags & kEndStream, 0);
  ASSERT_TRUE(machine.say(frame(kHeaders, kEndHeaders | kEndStream, 1, field("grpc-status", "0"))));
  auto end = client.next(kHeaders);
  ASSERT_TRUE(end);
  EXPECT_NE(end->flags & kEndStream, 0);
}

TEST_F(Http2Machine, ItsConnectionCarriesTheNextRequest) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(get(1)));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(machine.say(answer(1, "one")));
  EXPECT_EQ(client.next(kData)->payload, "one");
  ASSERT_TRUE(client.say(get(3)));
  auto second = machine.next(kHeaders);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->stream, 3u);
  ASSERT_TRUE(machine.say(answer(3, "two")));
  EXPECT_EQ(client.next(kData)->payload, "two");
}

TEST_F(Http2Machine, WhyItResetsIsToldToTheClient) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(post(1)));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(machine.say(frame(kHeaders, kEndHeaders, 1, kOk) + frame(kReset, 0, 1, u32(13))));
  auto reset = client.next(kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->error(), 13u);
}

TEST_F(Http2Machine, AClientsResetIsACancellation) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(post(1)));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(client.say(frame(kReset, 0, 1, u32(8))));
  auto reset = machine.next(kReset);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->error(), 8u);
}

// Refused is not acted on: even a POST is tried once more.
TEST_F(Http2Machine, WhatItRefusesIsTriedAgain) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(post(1) + frame(kData, kEndStream, 1, "body")));
  Http2Peer first = accept(server);
  ASSERT_TRUE(first.next(kHeaders));
  ASSERT_TRUE(first.say(frame(kReset, 0, 1, u32(7))));
  Http2Peer second = accept(server);
  ASSERT_TRUE(second.next(kHeaders));
  EXPECT_EQ(second.next(kData)->payload, "body");
  ASSERT_TRUE(second.say(answer(1, "done")));
  EXPECT_EQ(client.next(kData)->payload, "done");
}

TEST_F(Http2Machine, AClientOfHttp1) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  EXPECT_EQ(machine.next(kData)->payload, "body");
  ASSERT_TRUE(machine.say(answer(1, "hello")));
  std::string seen;
  while (seen.find("0\r\n\r\n") == std::string::npos) {
    std::string more = client.read_some();
    ASSERT_FALSE(more.empty()) << seen;
    seen += more;
  }
  EXPECT_TRUE(seen.starts_with("HTTP/1.1 200")) << seen;
  EXPECT_NE(seen.find("5\r\nhello\r\n"), std::string::npos) << seen;
}

// 64 KiB are the client's: what the proxy adds to them comes on top.
TEST_F(Http2Machine, TheLargestHeadOfHttp1IsItsToo) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) head += "A: b\r\n";
  head += "X-Large: " + std::string(kMaxHeadBytes - head.size() - 13, 'x') + "\r\n\r\n";
  ASSERT_EQ(head.size(), kMaxHeadBytes);
  ASSERT_TRUE(client.write_all(head));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(machine.say(answer(1, "hello")));
  EXPECT_TRUE(read_message(client).starts_with("HTTP/1.1 200"));
}

// As many fields as an HTTP/1 machine may send, whatever is said of framing beside them.
TEST_F(Http2Machine, TheMostFieldsOfAResponsePass) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.next(kHeaders));
  std::string fields = kOk;
  for (std::size_t i = 0; i < kMaxFields; ++i) fields += field("a", "b");
  ASSERT_TRUE(
      machine.say(frame(kHeaders, kEndHeaders, 1, fields) + frame(kData, kEndStream, 1, "hello")));
  std::string head = read_message(client);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head.substr(0, 200);
}

// It takes less than that and has said so, before the request came or behind it: the client is
// told, no machine is blamed, and no other one is asked.
TEST_F(Http2Machine, AHeadThatItDoesNotTakeIsAnsweredWith431) {
  RunningHost host1(1, cluster);
  Server server(1);
  const std::string limit = frame(kSettings, 0, 0, std::string("\0\6", 2) + u32(2000));
  const std::string large =
      "GET / HTTP/1.1\r\nHost: h\r\nX-Large: " + std::string(3000, 'x') + "\r\n\r\n";
  for (const std::string& word :
       {frame(kReset, 0, 1, u32(1)), frame(kGoaway, 0, 0, u32(0) + u32(11))}) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(large));
    Http2Peer machine = accept(server);
    ASSERT_TRUE(machine.next(kHeaders));
    ASSERT_TRUE(machine.say(limit + word));
    EXPECT_TRUE(read_message(client).starts_with("HTTP/1.1 431"));
  }
  // Known from the request before.
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Http2Peer machine = accept(server);
  ASSERT_TRUE(machine.say(limit));
  ASSERT_TRUE(machine.next(kHeaders));
  ASSERT_TRUE(machine.say(frame(kHeaders, kEndHeaders | kEndStream, 1, kOk)));
  EXPECT_TRUE(read_message(client).starts_with("HTTP/1.1 200"));
  ASSERT_TRUE(client.write_all(large));
  std::string told = read_message(client);
  EXPECT_TRUE(told.starts_with("HTTP/1.1 431")) << told;
  EXPECT_EQ(host1.stats().http_resends, 0u);
  EXPECT_EQ(host1.stats().http_failed, 0u);
}

// It speaks HTTP/1, whatever its record says: the client gets an error, not its bytes.
TEST_F(Http2Machine, AMachineThatDoesNotIsAnError) {
  RunningHost host1(1, cluster);
  Server server(1);
  Http2Peer client = dial_http2();
  ASSERT_TRUE(client.say(post(1) + frame(kData, kEndStream, 1, "body")));
  Tcp machine = server.accept();
  ASSERT_TRUE(machine.write_all("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
  auto told = client.next(kData);
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->payload.starts_with("PC")) << told->payload;
}

}  // namespace
}  // namespace sixpn::flycast
