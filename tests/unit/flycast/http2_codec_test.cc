#include "flycast/io/http2_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "flycast/core/http1_limits.h"
#include "tests/unit/flycast/http2_codec_peer.h"

namespace sixpn::flycast {
namespace {

using namespace frames;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Http2Codec, SaysItsLimitsFirst) {
  Peer peer;
  auto frames = peer.said();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0].type, kSettings);
  std::string streams = std::string("\0\3", 2) + u32(kMaxHttp2Streams);
  std::string window = std::string("\0\4", 2) + u32(kHttp2FirstWindow);
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
  ASSERT_EQ(piece.size(), kHttp2FirstWindow);
  ASSERT_TRUE(peer.feed(frame(kData, 0, 1, piece)));
  EXPECT_FALSE(peer.said_last(kWindowUpdate, 1));
  peer.codec.consume(1, kHttp2FirstWindow);
  EXPECT_TRUE(peer.said_last(kWindowUpdate, 1));
  // What goes beyond it is no client's that follows the rules.
  peer.feed(frame(kData, 0, 1, piece) + frame(kData, 0, 1, "x"));
  auto reset = peer.said_last(kReset, 1);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->error(), 3U);  // FLOW_CONTROL_ERROR
}

// Those whose machines take nothing have no part in what is another's.
TEST(Http2Codec, EachStreamMayAlwaysHaveALittle) {
  Peer peer;
  peer.consumes = false;
  const std::string piece(kHttp2FirstWindow, 'x');
  for (std::uint32_t i = 0; i < kMaxHttp2Streams; ++i) {
    std::uint32_t stream = 2 * i + 1;
    ASSERT_TRUE(peer.feed(request(post_fields(), kEndHeaders, stream)));
    ASSERT_TRUE(peer.feed(frame(kData, 0, stream, piece))) << i;
    EXPECT_EQ(peer.bodies[static_cast<Http2StreamId>(stream)].size(), piece.size()) << i;
    EXPECT_FALSE(peer.said_last(kReset, stream)) << i;
  }
}

// Its share is what all its bodies may have beyond that; one that ends gives back.
TEST(Http2Codec, AConnectionHasItsShareOfWindows) {
  Peer peer;
  std::size_t opened = 0;
  std::uint32_t stream = 1;
  for (; opened < kMaxHttp2Opened && stream < 100; stream += 2) {
    peer.feed(request(post_fields(), kEndHeaders, stream));
    std::size_t window = kHttp2FirstWindow;
    while (peer.codec.widen(static_cast<Http2StreamId>(stream))) {
      auto update = peer.said_last(kWindowUpdate, stream);
      ASSERT_TRUE(update);
      EXPECT_EQ(update->error(), window);  // as much again
      opened += window;
      window *= 2;
      ASSERT_LE(window, kHttp2StreamWindow);
      ASSERT_LE(opened, kMaxHttp2Opened);
    }
  }
  EXPECT_GT(opened, kMaxHttp2Opened - kHttp2StreamWindow);
  peer.feed(request(post_fields(), kEndHeaders, stream));
  while (peer.codec.widen(static_cast<Http2StreamId>(stream))) {
  }
  EXPECT_FALSE(peer.codec.widen(static_cast<Http2StreamId>(stream)));
  peer.feed(frame(kReset, 0, 1, u32(8)));
  EXPECT_TRUE(peer.codec.widen(static_cast<Http2StreamId>(stream)));
}

// A client that does not follow our settings has larger windows; then the connection's bounds it.
TEST(Http2Codec, WithoutSettingsTheConnectionIsBounded) {
  Peer peer(false);
  peer.consumes = false;
  const std::string piece(16384, 'x');
  std::size_t heard = 0;
  for (std::uint32_t stream = 1; stream < 40 && peer.open; stream += 2) {
    peer.feed(request(post_fields(), kEndHeaders, stream));
    peer.feed(frame(kData, 0, stream, piece));
    peer.said();
    EXPECT_FALSE(peer.codec.widen(static_cast<Http2StreamId>(stream)));
  }
  EXPECT_FALSE(peer.open);
  for (const auto& [id, body] : peer.bodies) heard += body.size();
  EXPECT_LE(heard, 65535U);
}

TEST(Http2Codec, SettingsThatComeLateOpenTheConnection) {
  Peer peer(false);
  peer.consumes = false;
  const std::string piece(16384, 'x');
  for (std::uint32_t stream = 1; stream < 7; stream += 2)
    peer.feed(request(post_fields(), kEndHeaders, stream) + frame(kData, 0, stream, piece));
  EXPECT_FALSE(peer.said_last(kWindowUpdate, 0));
  peer.feed(frame(kSettings, kAck, 0));
  EXPECT_TRUE(peer.said_last(kWindowUpdate, 0));
  for (std::uint32_t stream = 7; stream < 100; stream += 2)
    ASSERT_TRUE(
        peer.feed(request(post_fields(), kEndHeaders, stream) + frame(kData, 0, stream, piece)));
}

// Heads that no frame was made of are held as a body is.
TEST(Http2Codec, HeadsThatAreNotTakenAreHeld) {
  Peer peer;
  peer.feed(get(1));
  ResponseHead head;
  head.status = 103;
  head.fields.add("Link", std::string(50000, 'x'));
  peer.codec.respond(1, head, false);
  EXPECT_GE(peer.codec.buffered(1), 50000U);
  peer.codec.respond(1, head, false);
  EXPECT_GE(peer.codec.buffered(1), 100000U);
  EXPECT_EQ(peer.codec.buffered(), peer.codec.buffered(1));
  peer.said();
  EXPECT_EQ(peer.codec.buffered(1), 0U);
  head.status = 200;
  peer.codec.respond(1, head, false);
  peer.codec.end_body(1, {{"Grpc-Status", "0"}});
  peer.feed(get(3));
  peer.codec.respond(3, head, false);
  EXPECT_GE(peer.codec.buffered(), 100000U);
  peer.feed(frame(kReset, 0, 3, u32(8)));
  peer.said();
  EXPECT_EQ(peer.codec.buffered(), 0U);
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
  const std::size_t head = 7 + 3 + 32;  // :status 200 (RFC 9113 section 6.5.2)
  EXPECT_EQ(peer.codec.buffered(), 150000U + 2 * head);
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
