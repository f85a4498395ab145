// The client's side of HTTP/2 against the server's: what goes in at one end comes out at the other.
#include "flycast/io/http2_machine_codec.h"

#include <gtest/gtest.h>

#include "flycast/core/http1_limits.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast {
namespace {

using namespace frames;

// A proxy's codec, and what it heard of its machine.
struct Proxy {
  Proxy()
      : codec({[this](const ResponseHead& early) { interims.push_back(early.status); },
               [this](const ResponseHead& given) { head = given; },
               [this](std::string_view piece) {
                 body += piece;
                 if (consumes) codec.consume(piece.size());
               },
               [this](const HeaderList& given) {
                 trailers = given;
                 whole = true;
               },
               [this](std::uint32_t error) { closed.push_back(error); }}) {}

  bool consumes = true;
  bool whole = false;
  std::vector<int> interims;
  ResponseHead head;
  std::string body;
  HeaderList trailers;
  std::vector<std::uint32_t> closed;
  Http2MachineCodec codec;
};

// The machine is our own server's side.
struct Machine {
  Machine()
      : codec({[this](Http2StreamId id, RequestHead given) {
                 stream = id;
                 head = std::move(given);
               },
               [this](Http2StreamId id, std::string_view piece) {
                 body += piece;
                 codec.consume(id, piece.size());
               },
               [this](Http2StreamId, const HeaderList& given) {
                 trailers = given;
                 whole = true;
               },
               [this](Http2StreamId) { ++closed; }}) {}

  void answer(const std::string& text, const HeaderList& last = {}) {
    ResponseHead answer;
    answer.status = 200;
    answer.fields.add("x-a", "b");
    codec.respond(stream, answer, false);
    codec.send_body(stream, text);
    codec.end_body(stream, last);
  }

  Http2StreamId stream = 0;
  RequestHead head;
  std::string body;
  HeaderList trailers;
  bool whole = false;
  int closed = 0;
  Http2Codec codec;
};

struct Pair : testing::Test {
  // Until neither has anything more to say.
  void talk() {
    while (true) {
      std::string_view out = proxy.codec.next_output();
      if (!out.empty()) machine.codec.feed(out, Instant{});
      std::string_view back = machine.codec.next_output();
      if (!back.empty()) open = proxy.codec.feed(back);
      if (out.empty() && back.empty()) return;
    }
  }
  static RequestHead post() {
    RequestHead head;
    head.method = "POST";
    head.target = "/a?b";
    head.host = "web.flycast";
    head.fields.add("X-Key", "value");
    head.body.kind = BodyKind::kStreamed;
    return head;
  }

  Proxy proxy;
  Machine machine;
  bool open = true;
};

TEST_F(Pair, ARequestAndItsResponse) {
  proxy.codec.request(post());
  proxy.codec.send_body("abc");
  talk();
  EXPECT_EQ(machine.head.method, "POST");
  EXPECT_EQ(machine.head.target, "/a?b");
  EXPECT_EQ(machine.head.host, "web.flycast");
  EXPECT_EQ(machine.head.fields, (HeaderList{{"x-key", "value"}}));
  EXPECT_EQ(machine.body, "abc");
  EXPECT_FALSE(machine.whole);
  proxy.codec.send_body("def");
  proxy.codec.end_body({{"X-Sum", "1"}});
  talk();
  EXPECT_EQ(machine.body, "abcdef");
  EXPECT_EQ(machine.trailers, (HeaderList{{"x-sum", "1"}}));
  machine.answer("hello", {{"grpc-status", "0"}});
  talk();
  EXPECT_EQ(proxy.head.status, 200);
  EXPECT_EQ(proxy.head.fields, (HeaderList{{"x-a", "b"}}));
  EXPECT_EQ(proxy.head.body.kind, BodyKind::kStreamed);
  EXPECT_EQ(proxy.body, "hello");
  EXPECT_EQ(proxy.trailers, (HeaderList{{"grpc-status", "0"}}));
  EXPECT_EQ(proxy.closed, (std::vector<std::uint32_t>{0}));
  EXPECT_FALSE(proxy.codec.is_busy());
}

TEST_F(Pair, OneAfterTheOther) {
  for (int i = 0; i < 3; ++i) {
    RequestHead get = post();
    get.method = "GET";
    get.body = {};
    proxy.codec.request(get);
    talk();
    EXPECT_EQ(machine.head.body.kind, BodyKind::kNone);
    machine.answer(std::to_string(i));
    talk();
  }
  EXPECT_EQ(proxy.body, "012");
  EXPECT_TRUE(open && !proxy.codec.is_over());
}

TEST_F(Pair, BothDirectionsAtOnce) {
  proxy.codec.request(post());
  talk();
  ResponseHead head;
  head.status = 200;
  machine.codec.respond(machine.stream, head, false);
  for (const char* each : {"a", "b", "c"}) {
    proxy.codec.send_body(each);
    talk();
    machine.codec.send_body(machine.stream, machine.body);
    talk();
  }
  EXPECT_EQ(proxy.body, "aababc");
}

TEST_F(Pair, AnInterimResponse) {
  proxy.codec.request(post());
  talk();
  ResponseHead early;
  early.status = 103;
  machine.codec.respond(machine.stream, early, false);
  machine.answer("x");
  talk();
  EXPECT_EQ(proxy.interims, (std::vector<int>{103}));
  EXPECT_EQ(proxy.head.status, 200);
}

TEST_F(Pair, ALengthIsKept) {
  RequestHead head = post();
  head.body = {BodyKind::kLength, 3};
  proxy.codec.request(head);
  proxy.codec.send_body("abc");
  proxy.codec.end_body({});
  talk();
  EXPECT_EQ(machine.head.body, (BodyFraming{BodyKind::kLength, 3}));
  ResponseHead answer;
  answer.status = 200;
  answer.body = {BodyKind::kLength, 2};
  machine.codec.respond(machine.stream, answer, false);
  machine.codec.send_body(machine.stream, "ok");
  machine.codec.end_body(machine.stream, {});
  talk();
  EXPECT_EQ(proxy.head.body, (BodyFraming{BodyKind::kLength, 2}));
  EXPECT_EQ(proxy.body, "ok");
}

TEST_F(Pair, AResponseOfTrailersAlone) {
  proxy.codec.request(post());
  talk();
  ResponseHead head;
  head.status = 200;
  head.fields.add("grpc-status", "12");
  machine.codec.respond(machine.stream, head, true);
  talk();
  EXPECT_EQ(proxy.head.body.kind, BodyKind::kNone);
  EXPECT_EQ(proxy.head.fields.find("grpc-status"), "12");
  EXPECT_TRUE(proxy.whole);
}

TEST_F(Pair, ResetsPassWithTheirReason) {
  proxy.codec.request(post());
  talk();
  machine.codec.reset(machine.stream, Http2Error::kEnhanceYourCalm);
  talk();
  EXPECT_EQ(proxy.closed, (std::vector<std::uint32_t>{11}));
  EXPECT_FALSE(proxy.whole);
  proxy.codec.request(post());
  talk();
  proxy.codec.reset(Http2Error::kCancel);
  talk();
  EXPECT_EQ(machine.closed, 2);
  EXPECT_EQ(proxy.closed.size(), 2U);
}

// What the proxy does not take holds the machine back, after one window.
TEST_F(Pair, AResponseThatNobodyTakesClosesTheWindow) {
  proxy.consumes = false;
  proxy.codec.request(post());
  talk();
  machine.answer(std::string(1'000'000, 'x'));
  talk();
  EXPECT_EQ(proxy.body.size(), kHttp2StreamWindow);
  proxy.consumes = true;
  proxy.codec.consume(proxy.body.size());
  talk();
  EXPECT_EQ(proxy.body.size(), 1'000'000U);
}

TEST_F(Pair, AMachineThatLeavesTakesNoFurtherRequest) {
  proxy.codec.request(post());
  talk();
  machine.codec.shut_down();
  machine.answer("last");
  talk();
  EXPECT_EQ(proxy.body, "last");
  EXPECT_TRUE(proxy.codec.is_over());
}

// What HTTP/1 admits, with all that the proxy adds, is sent.
TEST_F(Pair, TheLargestHeadOfHttp1IsSent) {
  RequestHead head = post();
  head.body = {};
  for (int i = 0; i < 8; ++i)
    head.fields.add("x-large", std::string((kMaxHeadBytes + kMaxAddedBytes) / 8 - 10, 'x'));
  proxy.codec.request(head);
  EXPECT_FALSE(proxy.codec.is_too_large());
  std::size_t sent = 0;
  for (std::string_view out; !(out = proxy.codec.next_output()).empty();) sent += out.size();
  EXPECT_TRUE(proxy.codec.is_busy());
  EXPECT_TRUE(proxy.closed.empty());
  EXPECT_GT(sent, 8 * 1024U);
}

// Frames by hand: what no machine may say ends the request, not more.
TEST(Http2MachineCodec, MalformedResponsesEndTheirStream) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxFields; ++i) many += field("a", "b");
  const std::string cases[] = {
      field("x", "y"),                                         // no status
      field(":status", "200") + field("connection", "close"),  //
      field(":status", "200") + field("X-Upper", "1"),         //
      field(":status", "200") + field("content-length", "x"),  //
      field(":status", "200") + field("content%length", "2"),  // as in HTTP/1
      field(":status", "200") + field("a", "b\r\nc: d"),       //
      field(":status", "200") + field(":path", "/"),           //
      field(":status", "101"),                                 //
      "\x88" + many,
  };
  for (const std::string& fields : cases) {
    Proxy proxy;
    proxy.codec.request(Pair::post());
    while (!proxy.codec.next_output().empty()) {
    }
    EXPECT_TRUE(proxy.codec.feed(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, fields)));
    while (!proxy.codec.next_output().empty()) {
    }
    EXPECT_EQ(proxy.head.status, 0) << fields;
    ASSERT_EQ(proxy.closed.size(), 1U) << fields;
    EXPECT_NE(proxy.closed[0], 0U) << fields;
  }
}

// As many fields as HTTP/1 may have, and no more for one that tells the length.
TEST(Http2MachineCodec, TheMostFieldsThatAMachineMaySend) {
  std::string most = "\x88" + field("content-length", "5");
  for (std::size_t i = 1; i < kMaxFields; ++i) most += field("a", "b");
  for (bool one_more : {false, true}) {
    Proxy proxy;
    proxy.codec.request(Pair::post());
    while (!proxy.codec.next_output().empty()) {
    }
    std::string fields = one_more ? most + field("a", "b") : most;
    EXPECT_TRUE(proxy.codec.feed(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, fields)));
    EXPECT_EQ(proxy.head.status, one_more ? 0 : 200);
  }
}

// Behind the pair of sockets HTTP/1 believes the head: what follows must be as it says.
TEST(Http2MachineCodec, BodiesThatContradictTheirHeadAreCut) {
  struct Case {
    const char* method;
    std::string head;
    std::string body;
    bool good;
  };
  const Case cases[] = {
      {"GET", "\x88" + field("content-length", "3"), "abc", true},
      {"GET", "\x88" + field("content-length", "4"), "abc", false},
      {"GET", "\x88" + field("content-length", "2"), "abc", false},
      {"GET", "\x88" + field("content-length", "3") + field("content-length", "3"), "abc", false},
      {"HEAD", "\x88" + field("content-length", "3"), "", true},
      {"HEAD", "\x88" + field("content-length", "3"), "abc", false},
      {"GET", field(":status", "204"), "abc", false},
      {"GET", field(":status", "304") + field("content-length", "3"), "", true},
      {"GET", field(":status", "304") + field("content-length", "3"), "abc", false},
      {"GET", field(":status", "200") + field("transfer-encoding", "chunked"), "abc", false},
  };
  for (const Case& each : cases) {
    Proxy proxy;
    RequestHead head = Pair::post();
    head.method = each.method;
    head.body = {};
    proxy.codec.request(head);
    while (!proxy.codec.next_output().empty()) {
    }
    proxy.codec.feed(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, each.head) +
                     frame(kData, kEndStream, 1, each.body));
    while (!proxy.codec.next_output().empty()) {
    }
    std::string name = std::string(each.method) + " " + each.head + each.body;
    EXPECT_EQ(proxy.whole, each.good) << name;
    EXPECT_TRUE(each.good || proxy.body.size() <= proxy.head.body.length) << name;
    ASSERT_EQ(proxy.closed.size(), 1U) << name;
    EXPECT_EQ(proxy.closed[0] == 0, each.good) << name;
  }
}

std::string settings_of_head(std::uint32_t most) {
  return frame(kSettings, 0, 0, std::string("\0\6", 2) + u32(most));
}

// RFC 9113 section 6.5.2: a field is its text and 32 bytes.
TEST(Http2MachineCodec, AHeadThatTheMachineDoesNotTakeIsNotSent) {
  RequestHead head = Pair::post();
  std::uint32_t size = 0;
  for (std::size_t field : {7 + 4, 7 + 4, 10 + 11, 5 + 4, 5 + 5, 2 + 8})
    size += static_cast<std::uint32_t>(field) + 32;
  for (bool fits : {true, false}) {
    Proxy proxy;
    ASSERT_TRUE(proxy.codec.feed(settings_of_head(fits ? size : size - 1)));
    while (!proxy.codec.next_output().empty()) {
    }
    proxy.codec.request(head);
    EXPECT_EQ(proxy.codec.is_too_large(), !fits);
    EXPECT_EQ(proxy.codec.is_busy(), fits);
    EXPECT_EQ(proxy.codec.next_output().empty(), !fits);
  }
}

TEST(Http2MachineCodec, OrIsKnownToHaveBeenTooLarge) {
  Proxy proxy;
  proxy.codec.request(Pair::post());
  EXPECT_FALSE(proxy.codec.is_too_large());
  ASSERT_TRUE(proxy.codec.feed(settings_of_head(100)));
  EXPECT_TRUE(proxy.codec.is_too_large());
}

// As of clients (http2_requests_test.cc).
TEST(Http2MachineCodec, TrailersAreHeldToTheRulesOfHttp1) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxTrailers; ++i) many += field("a", "b");
  const std::pair<std::string, bool> cases[] = {
      {field("grpc-status", "0") + field("set-cookie", "a=b"), true},
      {field("content-length", "3"), false},
      {field("content_length", "3"), false},
      {field("transfer-encoding", "chunked"), false},
      {field("connection", "close"), false},
      {field("keep-alive", "1"), false},
      {field(":status", "200"), false},
      {field("a", "b\r\nc: d"), false},
      {many, false},
      {large_field("a", std::string(kMaxTrailerBytes, 'b')), false},
  };
  for (const auto& [fields, good] : cases) {
    Proxy proxy;
    RequestHead head = Pair::post();
    head.body = {};
    proxy.codec.request(head);
    while (!proxy.codec.next_output().empty()) {
    }
    EXPECT_TRUE(proxy.codec.feed(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders, 1, "\x88") +
                                 frame(kData, 0, 1, "abc") + large_headers(1, fields)));
    while (!proxy.codec.next_output().empty()) {
    }
    EXPECT_EQ(proxy.whole, good) << fields.substr(0, 40);
    EXPECT_EQ(proxy.trailers, good ? (HeaderList{{"grpc-status", "0"}}) : HeaderList{});
    ASSERT_EQ(proxy.closed.size(), 1U);
    EXPECT_EQ(proxy.closed[0] == 0, good) << fields.substr(0, 40);
  }
}

TEST(Http2MachineCodec, WhatIsNoHttp2EndsTheConnection) {
  Proxy proxy;
  proxy.codec.request(Pair::post());
  EXPECT_FALSE(proxy.codec.feed("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
}

}  // namespace
}  // namespace sixpn::flycast
