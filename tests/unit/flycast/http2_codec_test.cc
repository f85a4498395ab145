#include "flycast/io/http2_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "flycast/core/http1_limits.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast {
namespace {

using namespace frames;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A codec, and what became of what it was told.
struct Peer {
  Peer() : codec(events()) { feed(hello() + frame(kSettings, kAck, 0)); }

  Http2Codec::Events events() {
    return {[this](Http2StreamId id, RequestHead head) { requests[id] = std::move(head); },
            [this](Http2StreamId id, std::string_view piece) {
              bodies[id] += piece;
              if (consumes) codec.consume(id, piece.size());
            },
            [this](Http2StreamId id, const HeaderList& trailers) { ends[id] = trailers; },
            [this](Http2StreamId id) { closed.push_back(id); }};
  }
  bool feed(std::string_view bytes) {
    open = codec.feed(bytes, now);
    return open;
  }
  // What it says now.
  std::vector<Frame> said() {
    while (true) {
      auto bytes = codec.next_output();
      if (bytes.empty()) break;
      output += bytes;
    }
    return take_frames(output);
  }
  // The last of that type, if any.
  std::optional<Frame> said_last(std::uint8_t type, std::uint32_t stream) {
    std::optional<Frame> last;
    for (Frame& each : said())
      if (each.type == type && each.stream == stream) last = std::move(each);
    return last;
  }
  void answer(Http2StreamId id, const std::string& body) {
    ResponseHead head;
    head.status = 200;
    codec.respond(id, head, body.empty());
    codec.send_body(id, body);
    codec.end_body(id, {});
  }

  Instant now = Instant(seconds(100));
  bool consumes = true;
  bool open = true;
  std::map<Http2StreamId, RequestHead> requests;
  std::map<Http2StreamId, std::string> bodies;
  std::map<Http2StreamId, HeaderList> ends;
  std::vector<Http2StreamId> closed;
  std::string output;
  Http2Codec codec;
};

std::string request(const std::string& fields, std::uint8_t flags = kEndStream | kEndHeaders,
                    std::uint32_t stream = 1) {
  return frame(kHeaders, flags, stream, fields);
}

TEST(Http2Codec, SaysItsLimitsFirst) {
  Peer peer;
  auto frames = peer.said();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0].type, kSettings);
  std::string streams = std::string("\0\3", 2) + u32(kMaxHttp2Streams);
  std::string window = std::string("\0\4", 2) + u32(kHttp2StreamWindow);
  EXPECT_NE(frames[0].payload.find(streams), std::string::npos);
  EXPECT_NE(frames[0].payload.find(window), std::string::npos);
}

TEST(Http2Codec, ARequestAndItsResponse) {
  Peer peer;
  peer.feed(request(get_fields() + field("x-a", "b") + field("cookie", "c=d") +
                    field("cookie", "e=f") + field("te", "trailers") +
                    field("http2-settings", "AAMAAABkAAQAAP__")));
  ASSERT_TRUE(peer.requests.contains(1));
  const RequestHead& head = peer.requests[1];
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/");
  EXPECT_EQ(head.host, "web.flycast");
  EXPECT_EQ(head.fields, (HeaderList{{"x-a", "b"}, {"cookie", "c=d; e=f"}}));
  EXPECT_EQ(head.body.kind, BodyKind::kNone);
  EXPECT_TRUE(peer.ends.contains(1));
  peer.answer(1, "hello");
  std::string body;
  bool ended = false;
  for (const Frame& each : peer.said()) {
    if (each.type == kData) body += each.payload;
    ended |= each.type == kData && (each.flags & kEndStream) != 0;
  }
  EXPECT_EQ(body, "hello");
  EXPECT_TRUE(ended);
  EXPECT_EQ(peer.closed, (std::vector<Http2StreamId>{1}));
  EXPECT_TRUE(peer.open);
}

TEST(Http2Codec, ABodyAndTrailers) {
  Peer peer;
  peer.feed(request(post_fields() + field("content-length", "6"), kEndHeaders));
  EXPECT_EQ(peer.requests[1].body, (BodyFraming{BodyKind::kLength, 6}));
  peer.feed(frame(kData, 0, 1, "abc") + frame(kData, 0, 1, "def"));
  peer.feed(request(field("x-sum", "1")));
  EXPECT_EQ(peer.bodies[1], "abcdef");
  EXPECT_EQ(peer.ends[1], (HeaderList{{"x-sum", "1"}}));
}

TEST(Http2Codec, ResponseTrailers) {
  Peer peer;
  peer.feed(get(1));
  ResponseHead head;
  head.status = 200;
  peer.codec.respond(1, head, false);
  peer.codec.send_body(1, "x");
  peer.codec.end_body(1, {{"Grpc-Status", "0"}});
  auto last = peer.said_last(kHeaders, 1);
  ASSERT_TRUE(last);
  EXPECT_NE(last->flags & kEndStream, 0);
}

// RFC 9113 section 8: none of these reaches a machine, the connection goes on.
TEST(Http2Codec, MalformedRequestsEndTheirStream) {
  const std::string authority = field(":authority", "h");
  const std::pair<const char*, std::string> cases[] = {
      {"no method", "\x86\x84" + authority},
      {"no path", "\x82\x86" + authority},
      {"an empty path", "\x82\x86" + authority + field(":path", "")},
      {"a path that is none", "\x82\x86" + authority + field(":path", "a")},
      {"a path with a blank", "\x82\x86" + authority + field(":path", "/a b")},
      {"no authority", "\x82\x86\x84"},
      {"an authority that is none", "\x82\x86\x84" + field(":authority", "a b")},
      {"a user in it", "\x82\x86\x84" + field(":authority", "u@h")},
      {"another host", get_fields() + field("host", "other")},
      {"two hosts", get_fields() + field("host", "web.flycast") + field("host", "web.flycast")},
      {"a method twice", "\x82\x82\x86\x84" + authority},
      {"a method that is no token", "\x86\x84" + authority + field(":method", "G T")},
      {"a pseudo-field of responses", get_fields() + field(":status", "200")},
      {"an unknown pseudo-field", get_fields() + field(":test", "x")},
      {"a pseudo-field behind a field", "\x82\x86\x84" + field("a", "b") + authority},
      {"connection", get_fields() + field("connection", "close")},
      {"transfer-encoding", get_fields() + field("transfer-encoding", "chunked")},
      {"upgrade", get_fields() + field("upgrade", "h2c")},
      {"te", get_fields() + field("te", "gzip")},
      {"upper case", get_fields() + field("X-A", "b")},
      {"a blank in a name", get_fields() + field("a b", "c")},
      {"a line end in a value", get_fields() + field("a", "b\r\nc: d")},
      {"a value that ends blank", get_fields() + field("a", "b ")},
      {"a length of nothing", get_fields() + field("content-length", "5")},
      {"two lengths", post_fields() + field("content-length", "5") + field("content-length", "6")},
      {"a length by another name", post_fields() + field("content_length", "5")},
      {"a coding by another name", post_fields() + field("transfer_encoding", "chunked")},
      {"a length with dots", post_fields() + field("content.length", "5")},
      {"no length", post_fields() + field("content-length", "+5")},
  };
  for (const auto& [name, fields] : cases) {
    Peer peer;
    peer.feed(request(fields));
    EXPECT_TRUE(peer.requests.empty()) << name;
    auto reset = peer.said_last(kReset, 1);
    ASSERT_TRUE(reset) << name;
    EXPECT_EQ(reset->error(), 1U) << name;
    EXPECT_TRUE(peer.feed(get(3))) << name;
    EXPECT_TRUE(peer.requests.contains(3)) << name;
  }
}

// What frames, routes, or is the proxy's to say is not said behind a body: HTTP/1 machines that put
// trailers with the fields would believe it.
TEST(Http2Codec, TrailersAreHeldToTheRulesOfHttp1) {
  Peer peer;
  peer.feed(request(post_fields(), kEndHeaders) + frame(kData, 0, 1, "abc"));
  peer.feed(request(field("x-sum", "1") + field("cookie", "a=b") + field("fly-client-ip", "::1") +
                    field("x_forwarded_for", "::1") + field("te", "trailers")));
  EXPECT_EQ(peer.ends[1], (HeaderList{{"x-sum", "1"}}));
}

TEST(Http2Codec, TrailersThatFrameEndTheStream) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxTrailers; ++i) many += field("a", "b");
  const std::pair<const char*, std::string> cases[] = {
      {"a length", field("content-length", "3")},
      {"a length by another name", field("content_length", "3")},
      {"a coding", field("transfer-encoding", "chunked")},
      {"a coding by another name", field("transfer_encoding", "chunked")},
      {"connection", field("connection", "close")},
      {"a host", field("host", "other")},
      {"a pseudo-field", field(":path", "/other")},
      {"a value that ends blank", field("a", "b ")},
      {"a line end in a value", field("a", "b\r\nc: d")},
      {"too many", many},
      {"too large", large_field("a", std::string(kMaxTrailerBytes, 'b'))},
  };
  for (const auto& [name, fields] : cases) {
    Peer peer;
    peer.feed(request(post_fields(), kEndHeaders) + frame(kData, 0, 1, "abc"));
    peer.feed(large_headers(1, fields));
    EXPECT_TRUE(peer.ends.empty()) << name;
    EXPECT_TRUE(peer.said_last(kReset, 1)) << name;
    EXPECT_TRUE(peer.feed(get(3))) << name;
    EXPECT_TRUE(peer.requests.contains(3)) << name;
  }
}

TEST(Http2Codec, ABodyMustBeAsLongAsSaid) {
  for (const char* body : {"abcd", "abcdef"}) {
    Peer peer;
    peer.feed(request(post_fields() + field("content-length", "5"), kEndHeaders));
    peer.feed(frame(kData, kEndStream, 1, body));
    auto reset = peer.said_last(kReset, 1);
    ASSERT_TRUE(reset) << body;
    EXPECT_EQ(reset->error(), 1U);
    EXPECT_FALSE(peer.ends.contains(1));
    EXPECT_EQ(peer.closed, (std::vector<Http2StreamId>{1}));
  }
}

TEST(Http2Codec, AHeadThatIsTooLargeIsAnswered) {
  Peer peer;
  std::string fields = get_fields();
  for (std::size_t i = 0; i < kMaxFields; ++i) fields += field("a", "b");
  peer.feed(request(fields));
  EXPECT_TRUE(peer.requests.empty());
  auto answer = peer.said_last(kHeaders, 1);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->flags & kEndStream, 0);
  EXPECT_TRUE(peer.feed(get(3)));
  EXPECT_TRUE(peer.requests.contains(3));
}

// As of HTTP/1 (http1_requests_test.cc).
TEST(Http2Codec, ALineThatHttp1WouldRefuseIsAnswered) {
  const std::string authority = field(":authority", "h");
  const std::string longest(kMaxRequestLineBytes - 16, 'x');  // "GET /", " HTTP/1.1" and its end
  const std::string method(kMaxMethodBytes, 'M');
  auto is_taken = [](const std::string& fields) {
    Peer peer;
    peer.feed(large_headers(1, fields));
    bool answered = peer.said_last(kHeaders, 1).has_value();
    EXPECT_NE(answered, peer.requests.contains(1));
    return !answered;
  };
  EXPECT_TRUE(is_taken("\x82\x86" + authority + large_field(":path", '/' + longest)));
  EXPECT_FALSE(is_taken("\x82\x86" + authority + large_field(":path", '/' + longest + 'x')));
  EXPECT_TRUE(is_taken("\x86\x84" + authority + field(":method", method)));
  EXPECT_FALSE(is_taken("\x86\x84" + authority + field(":method", method + 'M')));
}

TEST(Http2Codec, ATraceHasNoBody) {
  Peer peer;
  peer.feed(
      request("\x86\x84" + field(":method", "TRACE") + field(":authority", "h"), kEndHeaders));
  EXPECT_TRUE(peer.requests.empty());
  EXPECT_TRUE(peer.said_last(kReset, 1));
}

TEST(Http2Codec, StreamsAreBounded) {
  Peer peer;
  std::string all;
  for (std::uint32_t i = 0; i <= kMaxHttp2Streams; ++i) all += get(2 * i + 1);
  peer.feed(all);
  EXPECT_EQ(peer.requests.size(), kMaxHttp2Streams);
  EXPECT_EQ(peer.codec.streams(), kMaxHttp2Streams);
}

// A machine that takes nothing holds the client back, after one window.
TEST(Http2Codec, ABodyThatNobodyTakesClosesTheWindow) {
  Peer peer;
  peer.consumes = false;
  peer.feed(request(post_fields(), kEndHeaders));
  const std::string piece(16384, 'x');
  for (std::size_t sent = 0; sent < kHttp2StreamWindow; sent += piece.size())
    ASSERT_TRUE(peer.feed(frame(kData, 0, 1, piece)));
  EXPECT_FALSE(peer.said_last(kWindowUpdate, 1));
  peer.codec.consume(1, kHttp2StreamWindow);
  EXPECT_TRUE(peer.said_last(kWindowUpdate, 1));
}

// What a stream held of the connection's window comes back when it ends.
TEST(Http2Codec, AStreamThatEndsGivesItsWindowBack) {
  Peer peer;
  peer.consumes = false;
  const std::string piece(16384, 'x');
  for (std::uint32_t i = 0; i < 100; ++i) {
    std::uint32_t stream = 2 * i + 1;
    ASSERT_TRUE(peer.feed(request(post_fields(), kEndHeaders, stream)));
    for (int k = 0; k < 8; ++k) ASSERT_TRUE(peer.feed(frame(kData, 0, stream, piece)));
    ASSERT_TRUE(peer.feed(frame(kReset, 0, stream, u32(8)))) << i;
    peer.said();
    peer.now += seconds(1);
  }
  EXPECT_EQ(peer.closed.size(), 100U);
}

// The largest that HTTP/1 admits, with what the proxy adds; and one that cannot be sent does not
// leave its client waiting.
TEST(Http2Codec, LargeHeadsOfResponses) {
  Peer peer;
  peer.feed(get(1) + get(3));
  ResponseHead head;
  head.status = 200;
  for (int i = 0; i < 9; ++i) head.fields.add("x-large", std::string(kMaxHeadBytes / 8, 'x'));
  peer.codec.respond(1, head, true);
  EXPECT_TRUE(peer.said_last(kHeaders, 1));
  EXPECT_EQ(peer.closed, (std::vector<Http2StreamId>{1}));
  for (int i = 0; i < 8; ++i) head.fields.add("x-large", std::string(kMaxHeadBytes / 8, 'x'));
  peer.codec.respond(3, head, true);
  auto reset = peer.said_last(kReset, 3);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->error(), 2U);
  EXPECT_TRUE(peer.feed(get(5)));
}

TEST(Http2Codec, AResponseThatIsNotTakenIsHeld) {
  Peer peer;
  peer.feed(get(1));
  const std::string body(200000, 'x');
  peer.answer(1, body);
  std::size_t sent = 0;
  for (const Frame& each : peer.said())
    if (each.type == kData) sent += each.payload.size();
  EXPECT_EQ(sent, 65535U);  // the client's windows
  EXPECT_EQ(peer.codec.buffered(1), body.size() - sent);
  peer.feed(frame(kWindowUpdate, 0, 0, u32(1 << 20)) + frame(kWindowUpdate, 0, 1, u32(1 << 20)));
  for (const Frame& each : peer.said())
    if (each.type == kData) sent += each.payload.size();
  EXPECT_EQ(sent, body.size());
}

// An answer to a request that goes on ends it without an error.
TEST(Http2Codec, AnEarlyResponseEndsTheRequest) {
  Peer peer;
  peer.feed(request(post_fields(), kEndHeaders));
  peer.answer(1, "no");
  auto frames = peer.said();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().type, kReset);
  EXPECT_EQ(frames.back().error(), 0U);
  EXPECT_EQ(peer.closed, (std::vector<Http2StreamId>{1}));
}

struct Flood {
  const char* name;
  std::string once;   // sent first
  std::string again;  // over and over, its stream counted up where it has one
  bool new_streams = false;
};

bool ends_calm(Peer& peer, const Flood& flood, int times, Duration pause) {
  peer.feed(flood.once);
  std::uint32_t stream = 3;
  for (int i = 0; i < times && peer.open; ++i) {
    if (flood.new_streams) {
      peer.feed(get(stream) + frame(kReset, 0, stream, u32(8)));
      stream += 2;
    } else {
      peer.feed(flood.again);
    }
    peer.now += pause;
    for (const Frame& each : peer.said())
      if (each.type == kGoaway) return each.error() == 11;
  }
  return false;
}

const Flood kFloods[] = {
    {"rapid reset", "", "", true},
    {"pings", "", frame(kPing, 0, 0, "12345678")},
    {"settings", "", frame(kSettings, 0, 0)},
    {"empty data", frame(kHeaders, kEndHeaders, 1, post_fields()), frame(kData, 0, 1)},
    {"priorities", "", frame(kPriority, 0, 1, std::string("\0\0\0\0\1", 5))},
};

TEST(Http2Codec, FloodsEndTheConnection) {
  for (const Flood& flood : kFloods) {
    Peer peer;
    EXPECT_TRUE(ends_calm(peer, flood, 5000, Duration::zero())) << flood.name;
    EXPECT_TRUE(peer.codec.is_over()) << flood.name;
  }
}

TEST(Http2Codec, TheSameInPeaceDoesNot) {
  for (const Flood& flood : kFloods) {
    Peer peer;
    EXPECT_FALSE(ends_calm(peer, flood, 1000, milliseconds(50))) << flood.name;
    EXPECT_TRUE(peer.open) << flood.name;
  }
}

// The client makes us reset its streams: as costly as its own resets.
TEST(Http2Codec, AFloodOfFaultsEndsTheConnection) {
  Peer peer;
  std::optional<Frame> last;
  for (std::uint32_t stream = 1; stream < 2000 && !last; stream += 2) {
    peer.feed(frame(kHeaders, kEndHeaders, stream, post_fields()) +
              frame(kWindowUpdate, 0, stream, u32(0x7fffffff)));
    last = peer.said_last(kGoaway, 0);
  }
  ASSERT_TRUE(last);
  EXPECT_EQ(last->error(), 11U);
  EXPECT_TRUE(peer.codec.is_over());
}

TEST(Http2Codec, AFloodOfContinuationsEndsTheConnection) {
  Peer peer;
  peer.feed(frame(kHeaders, 0, 1, get_fields()));
  int sent = 0;
  while (peer.open && sent < 100) {
    peer.feed(frame(kContinuation, 0, 1, field("a", "b")));
    ++sent;
  }
  EXPECT_LE(sent, 10);
  EXPECT_TRUE(peer.requests.empty());
  EXPECT_FALSE(peer.codec.reproach().empty());
  auto last = peer.said_last(kGoaway, 0);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->error(), 11U);
}

// Answers that the client does not read are kept up to a bound.
TEST(Http2Codec, UnreadAnswersEndTheConnection) {
  for (const std::string& each : {frame(kPing, 0, 0, "12345678"), frame(kSettings, 0, 0)}) {
    Peer peer;
    std::string many;
    for (std::size_t i = 0; i < 3 * kMaxHttp2Acks; ++i) many += each;
    EXPECT_FALSE(peer.feed(many));
    auto last = peer.said_last(kGoaway, 0);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->error(), 11U);
  }
}

TEST(Http2Codec, CountsWhatIsHeldAndWhatWent) {
  Peer peer;
  peer.feed(get(1) + get(3));
  peer.answer(1, std::string(100000, 'x'));
  peer.answer(3, std::string(50000, 'x'));
  EXPECT_EQ(peer.codec.buffered(), 150000U);
  peer.said();
  EXPECT_EQ(peer.codec.buffered(), 150000U - 65535U);
  EXPECT_EQ(peer.codec.sent(1) + peer.codec.sent(3), 65535U);
  peer.feed(frame(kReset, 0, 1, u32(8)) + frame(kReset, 0, 3, u32(8)));
  EXPECT_EQ(peer.codec.buffered(), 0U);
}

// RFC 9113 section 5.1.1.
TEST(Http2Codec, AStreamThatWasSkippedStaysClosed) {
  Peer peer;
  peer.feed(get(5) + get(9));
  peer.feed(get(7));
  auto last = peer.said_last(kGoaway, 0);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->error(), 1U);
  EXPECT_FALSE(peer.requests.contains(7));
}

TEST(Http2Codec, NoPrefaceIsNoHttp2) {
  for (const char* first :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"}) {
    Http2Codec codec({});
    EXPECT_FALSE(codec.feed(first, Instant{})) << first;
  }
}

// However the bytes are cut, the same comes out.
TEST(Http2Codec, ByteByByte) {
  Peer peer;
  std::string bytes = request(post_fields(), kEndHeaders) + frame(kData, 0, 1, "abc") +
                      frame(kData, kEndStream, 1, "def") + get(3);
  for (char byte : bytes) ASSERT_TRUE(peer.feed(std::string_view(&byte, 1)));
  EXPECT_EQ(peer.bodies[1], "abcdef");
  EXPECT_TRUE(peer.requests.contains(3));
}

TEST(Http2Codec, AfterShuttingDownWhatIsOpenGoesOn) {
  Peer peer;
  peer.feed(get(1));
  peer.codec.shut_down();
  EXPECT_TRUE(peer.said_last(kGoaway, 0));
  peer.answer(1, "hello");
  EXPECT_TRUE(peer.said_last(kData, 1));
}

}  // namespace
}  // namespace sixpn::flycast
