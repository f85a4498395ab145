// Which requests of HTTP/2 are taken, and what becomes of the others: none of them reaches a
// machine.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "flycast/core/http1_limits.h"
#include "tests/unit/flycast/http2_codec_peer.h"

namespace sixpn::flycast {
namespace {

using namespace frames;

TEST(Http2Requests, ABodyAndTrailers) {
  Peer peer;
  peer.feed(request(post_fields() + field("content-length", "6"), kEndHeaders));
  EXPECT_EQ(peer.requests[1].body, (BodyFraming{BodyKind::kLength, 6}));
  peer.feed(frame(kData, 0, 1, "abc") + frame(kData, 0, 1, "def"));
  peer.feed(request(field("x-sum", "1")));
  EXPECT_EQ(peer.bodies[1], "abcdef");
  EXPECT_EQ(peer.ends[1], (HeaderList{{"x-sum", "1"}}));
}

// RFC 9113 section 8: none of these reaches a machine, the connection goes on.
TEST(Http2Requests, MalformedRequestsEndTheirStream) {
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
TEST(Http2Requests, TrailersAreHeldToTheRulesOfHttp1) {
  Peer peer;
  peer.feed(request(post_fields(), kEndHeaders) + frame(kData, 0, 1, "abc"));
  peer.feed(request(field("x-sum", "1") + field("cookie", "a=b") + field("fly-client-ip", "::1") +
                    field("x_forwarded_for", "::1") + field("te", "trailers")));
  EXPECT_EQ(peer.ends[1], (HeaderList{{"x-sum", "1"}}));
}

TEST(Http2Requests, TrailersThatFrameEndTheStream) {
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

TEST(Http2Requests, ABodyMustBeAsLongAsSaid) {
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

TEST(Http2Requests, AHeadThatIsTooLargeIsAnswered) {
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
TEST(Http2Requests, ALineThatHttp1WouldRefuseIsAnswered) {
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

TEST(Http2Requests, ATraceHasNoBody) {
  Peer peer;
  peer.feed(
      request("\x86\x84" + field(":method", "TRACE") + field(":authority", "h"), kEndHeaders));
  EXPECT_TRUE(peer.requests.empty());
  EXPECT_TRUE(peer.said_last(kReset, 1));
}

}  // namespace
}  // namespace sixpn::flycast
