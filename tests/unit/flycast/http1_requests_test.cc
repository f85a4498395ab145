// How requests are framed, and what is refused: one line per case. The ideas are those of public
// collections (smuggling reports, conformance suites of servers and parsers); the bytes are ours.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "flycast/core/http1_limits.h"
#include "tests/unit/flycast/http1_transcript.h"

namespace sixpn::flycast {
namespace {

using namespace std::string_literals;

struct Case {
  std::string bytes;
  std::string expected;
};

// However the bytes are cut, the same is read.
void expect_read(const Case& each) {
  SCOPED_TRACE(testing::PrintToString(each.bytes.substr(0, 300)));
  EXPECT_EQ(transcript_of_requests(each.bytes, all_at_once()), each.expected);
  EXPECT_EQ(transcript_of_requests(each.bytes, one_by_one()), each.expected);
  Rng rng(each.bytes.size());
  for (int i = 0; i < 8; ++i) {
    auto some = [&](std::size_t) { return 1 + rng.below(24); };
    EXPECT_EQ(transcript_of_requests(each.bytes, some), each.expected);
  }
}

void expect_all(const std::vector<Case>& cases) {
  for (const Case& each : cases) expect_read(each);
}

// "GET / HTTP/1.1", Host, then `fields` (each with its CRLF), then an empty line.
std::string with(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
const std::string kChunkedHead = "POST / h=h chunked";

TEST(Http1Requests, Plain) {
  expect_all({
      {with(""), "GET / h=h \"\""},
      {with("A: b\r\n"), "GET / h=h [A: b] \"\""},
      {with("A:b\r\n"), "GET / h=h [A: b] \"\""},
      {with("A: \t b c\t \r\n"), "GET / h=h [A: b c] \"\""},
      {with("A:\r\n"), "GET / h=h [A: ] \"\""},
      {with("A: 1\r\na: 2\r\n"), "GET / h=h [A: 1] [a: 2] \"\""},
      {with("A: \x80\xff\r\n"), "GET / h=h [A: \x80\xff] \"\""},
      {with("!#$%&'*+-.^_`|~09aZ: x\r\n"), "GET / h=h [!#$%&'*+-.^_`|~09aZ: x] \"\""},
      {"\r\n" + with(""), "GET / h=h \"\""},
      {with("") + "\r\n" + with(""), "GET / h=h \"\"; GET / h=h \"\""},
      {"\r\n\r\n" + with(""), "400 no method"},
      {"\n" + with(""), "400 a bare LF"},
      {"\r" + with(""), "400 a bare CR"},
      {" " + with(""), "400 no method"},
      {with("") + with("A: b\r\n"), "GET / h=h \"\"; GET / h=h [A: b] \"\""},
      {"GET / HTTP/1.1\r\nHost: h\r\n", "unfinished"},
      {"G", "unfinished"},
      {"", ""},
      {"\r\n", ""},
  });
}

TEST(Http1Requests, TheFirstLine) {
  const std::string rest = "\r\nHost: h\r\n\r\n";
  expect_all({
      {"GET /a?b=c&d=%20 HTTP/1.1" + rest, "GET /a?b=c&d=%20 h=h \"\""},
      {"get / HTTP/1.1" + rest, "get / h=h \"\""},
      {"X-Y! / HTTP/1.1" + rest, "X-Y! / h=h \"\""},
      {"GET //evil/../x HTTP/1.1" + rest, "GET //evil/../x h=h \"\""},
      {"GET /{|}^`\\\"<> HTTP/1.1" + rest, "GET /{|}^`\\\"<> h=h \"\""},
      {"GET  / HTTP/1.1" + rest, "400 no HTTP version"},
      {"GET /  HTTP/1.1" + rest, "400 no HTTP version"},
      {"GET / HTTP/1.1 " + rest, "400 no HTTP version"},
      {"GET\t/ HTTP/1.1" + rest, "400 no method"},
      {"GET /\tHTTP/1.1" + rest, "400 no HTTP version"},
      {"GET / a HTTP/1.1" + rest, "400 no HTTP version"},
      {"GET /" + rest, "400 no HTTP version"},
      {"GET" + rest, "400 no method"},
      {"GET HTTP/1.1" + rest, "400 no HTTP version"},
      {"GET  HTTP/1.1" + rest, "400 no target"},
      {"G(T / HTTP/1.1" + rest, "400 no method"},
      {"GET: / HTTP/1.1" + rest, "400 no method"},
      {"GET / http/1.1" + rest, "400 no HTTP version"},
      {"GET / HTTP/1.10" + rest, "400 no HTTP version"},
      {"GET / HTTP/01.1" + rest, "400 no HTTP version"},
      {"GET / HTTP/1,1" + rest, "400 no HTTP version"},
      {"GET / HTTP/1." + rest, "400 no HTTP version"},
      {"GET / HTTP /1.1" + rest, "400 no HTTP version"},
      {"GET / HTTP/2.0" + rest, "505 a version that is not HTTP/1.1 or 1.0"},
      {"GET / HTTP/1.2" + rest, "505 a version that is not HTTP/1.1 or 1.0"},
      {"GET / HTTP/0.9" + rest, "505 a version that is not HTTP/1.1 or 1.0"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 a version that is not HTTP/1.1 or 1.0"},
      {"GET / XXXX/1.1" + rest, "400 no HTTP version"},
      {"GET /#top HTTP/1.1" + rest, "400 a character that no target may hold"},
      {"GET /\xc3\xa9 HTTP/1.1" + rest, "400 a character that no target may hold"},
      {"GET /\0 HTTP/1.1"s + rest, "400 a control character"},
      {"GET /\x7f HTTP/1.1" + rest, "400 a control character"},
      {"GET a HTTP/1.1" + rest, "400 a target of no known form"},
      {"GET ?q HTTP/1.1" + rest, "400 a target of no known form"},
      {"GET * HTTP/1.1" + rest, "400 the target * of a method other than OPTIONS"},
      {"OPTIONS * HTTP/1.1" + rest, "OPTIONS * h=h \"\""},
      {"OPTIONS ** HTTP/1.1" + rest, "400 a target of no known form"},
      {"CONNECT h:80 HTTP/1.1" + rest, "501 CONNECT"},
      {"CONNECT / HTTP/1.1" + rest, "501 CONNECT"},
      {std::string(33, 'M') + " / HTTP/1.1" + rest, "501 a method that is too long"},
      {"GET / HTTP/1.1\n" + rest, "400 a bare LF"},
      {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", "400 a bare CR"},
      {"GET /\rx HTTP/1.1" + rest, "400 a bare CR"},
      {"\x16\x03\x01\x02", "400 a control character"},
      {"GET / HTTP/1.1\r\n\r\n", "400 no Host"},
  });
}

TEST(Http1Requests, AbsoluteTargets) {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  expect_all({
      {"GET http://other/a?b" + rest, "GET /a?b h=other \"\""},
      {"GET HTTP://other:81/" + rest, "GET / h=other:81 \"\""},
      {"GET http://other" + rest, "GET / h=other \"\""},
      {"GET http://other?q" + rest, "GET /?q h=other \"\""},
      {"GET https://[fdaa::1]:443/x" + rest, "GET /x h=[fdaa::1]:443 \"\""},
      {"OPTIONS http://other" + rest, "OPTIONS * h=other \"\""},
      {"OPTIONS http://other/" + rest, "OPTIONS / h=other \"\""},
      {"GET http:///a" + rest, "400 a target whose host is none"},
      {"GET http://u@other/" + rest, "400 a target whose host is none"},
      {"GET http://u:p@other/" + rest, "400 a target whose host is none"},
      {"GET http:other/" + rest, "400 a target of no known form"},
      {"GET ftp://other/" + rest, "400 a target of another scheme"},
      {"GET ://other/" + rest, "400 a target of another scheme"},
      {"GET other:80" + rest, "400 a target of no known form"},
      {"GET http://other/ HTTP/1.1\r\n\r\n", "400 no Host"},
      {"GET http://other/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 more than one Host"},
      {"GET http://other/ HTTP/1.0\r\n\r\n", "GET / h=other 1.0 close \"\""},
  });
}

TEST(Http1Requests, Host) {
  auto host = [](const std::string& value) {
    return "GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n";
  };
  expect_all({
      {host(" a.flycast:80"), "GET / h=a.flycast:80 \"\""},
      {host(" [fdaa::1]"), "GET / h=[fdaa::1] \"\""},
      {host(" [fdaa::1]:8080"), "GET / h=[fdaa::1]:8080 \"\""},
      {host(" a:"), "GET / h=a: \"\""},
      {host(" a_b"), "GET / h=a_b \"\""},
      {host(""), "400 a Host that is none"},
      {host(" "), "400 a Host that is none"},
      {host(" a, b"), "400 a Host that is none"},
      {host(" a b"), "400 a Host that is none"},
      {host(" a/b"), "400 a Host that is none"},
      {host(" u@a"), "400 a Host that is none"},
      {host(" a:b"), "400 a Host that is none"},
      {host(" a:123456"), "400 a Host that is none"},
      {host(" a:80:80"), "400 a Host that is none"},
      {host(" :80"), "400 a Host that is none"},
      {host(" [fdaa::1"), "400 a Host that is none"},
      {host(" [fdaa::1]x"), "400 a Host that is none"},
      {host(" [::1@x]"), "400 a Host that is none"},
      {host(" []"), "400 a Host that is none"},
      {host(" http://a"), "400 a Host that is none"},
      {host(" a?b"), "400 a Host that is none"},
      {host(" \xc3\xa9"), "400 a Host that is none"},
      {host(" a\r\nHost: a"), "400 more than one Host"},
      {host(" a\r\nhost: b"), "400 more than one Host"},
      {"GET / HTTP/1.0\r\n\r\n", "GET / h= 1.0 close \"\""},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 more than one Host"},
  });
}

TEST(Http1Requests, FieldLines) {
  expect_all({
      {with("A : b\r\n"), "400 a blank in or after a field's name"},
      {with("A\t: b\r\n"), "400 a blank in or after a field's name"},
      {with("A b: c\r\n"), "400 a blank in or after a field's name"},
      {with(" A: b\r\n"), "400 a folded field line"},
      {with("A: b\r\n c\r\n"), "400 a folded field line"},
      {with("A: b\r\n\tc\r\n"), "400 a folded field line"},
      {with("A: b\r\n \r\n"), "400 a folded field line"},
      {with("A\r\n"), "400 a field line without a colon"},
      {with(": b\r\n"), "400 a field without a name"},
      {with("A\x80: b\r\n"), "400 a character that no field's name may hold"},
      {with("A(: b\r\n"), "400 a character that no field's name may hold"},
      {with("A\"B\": b\r\n"), "400 a character that no field's name may hold"},
      {with("{A}: b\r\n"), "400 a character that no field's name may hold"},
      {with("A/B: b\r\n"), "400 a character that no field's name may hold"},
      {with("A: b\nC: d\r\n"), "400 a bare LF"},
      {with("A: b\rC: d\r\n"), "400 a bare CR"},
      {with("A: b\r\r\n"), "400 a bare CR"},
      {with("A: \0\r\n"s), "400 a control character"},
      {with("A\0: b\r\n"s), "400 a control character"},
      {with("A: \x01\r\n"), "400 a control character"},
      {with("A: \x0b\r\n"), "400 a control character"},
      {with("A: \x7f\r\n"), "400 a control character"},
      {"GET / HTTP/1.1\nHost: h\n\n", "400 a bare LF"},
      {"GET / HTTP/1.1\r\nHost: h\r\n\n", "400 a bare LF"},
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\r\n", "400 a bare CR"},
      {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 a folded field line"},
      {with("Content_Length: 5\r\n"), "400 a field that imitates one of framing"},
      {with("transfer_encoding: chunked\r\n"), "400 a field that imitates one of framing"},
      {with("content.length: 5\r\n"), "400 a field that imitates one of framing"},
      {with("my_field: x\r\n"), "GET / h=h [my_field: x] \"\""},
  });
}

TEST(Http1Requests, Lengths) {
  const std::string bad = "400 a Content-Length that is no length";
  auto length = [](const std::string& value) {
    return post("Content-Length:" + value + "\r\n", "hello");
  };
  expect_all({
      {length(" 5"), "POST / h=h len=5 \"hello\""},
      {length("5"), "POST / h=h len=5 \"hello\""},
      {length(" 5 \t"), "POST / h=h len=5 \"hello\""},
      {length(" 3"), "POST / h=h len=3 \"hel\"; unfinished"},
      {length(" 6"), "POST / h=h len=6 \"hello\"; unfinished"},
      {post("Content-Length: 0\r\n", ""), "POST / h=h len=0 \"\""},
      {length(" +5"), bad},
      {length(" -5"), bad},
      {length(" 05"), bad},
      {length(" 00"), bad},
      {length(" 0x5"), bad},
      {length(" 5a"), bad},
      {length(" 5.0"), bad},
      {length(" 5 5"), bad},
      {length(" 5,5"), bad},
      {length(" 5, 6"), bad},
      {length(" 5;x"), bad},
      {length(" \"5\""), bad},
      {length(""), bad},
      {length(" five"), bad},
      {length(" \xef\xbc\x95"), bad},
      {length(" 9223372036854775808"), bad},
      {length(" 18446744073709551621"), bad},
      {length(" 99999999999999999999999"), bad},
      {post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
       "400 more than one Content-Length"},
      {post("Content-Length: 5\r\ncontent-length: 6\r\n", "hello"),
       "400 more than one Content-Length"},
      {post("Content-Length : 5\r\n", "hello"), "400 a blank in or after a field's name"},
      {post("Content-Length\r\n", "hello"), "400 a field line without a colon"},
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "GET / h=h len=5 \"hello\""},
      {"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "POST / h= len=5 1.0 close \"hello\""},
      {"TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "400 a TRACE with a body"},
      {post("", "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"),
       "POST / h=h \"\"; GET /smuggled h=h \"\""},
  });
}

TEST(Http1Requests, TransferCodings) {
  const std::string not_last = "400 a transfer coding that is not chunked at last";
  const std::string another = "501 a transfer coding besides chunked";
  const std::string both = "400 both Content-Length and Transfer-Encoding";
  auto coded = [](const std::string& fields) { return post(fields, "0\r\n\r\n"); };
  expect_all({
      {coded("Transfer-Encoding: chunked\r\n"), kChunkedHead + " \"\""},
      {coded("transfer-encoding: CHUNKED\r\n"), kChunkedHead + " \"\""},
      {coded("Transfer-Encoding:chunked\t\r\n"), kChunkedHead + " \"\""},
      {coded("Transfer-Encoding: , chunked,\r\n"), kChunkedHead + " \"\""},
      {coded("Transfer-Encoding: chunked, gzip\r\n"), not_last},
      {coded("Transfer-Encoding: gzip\r\n"), not_last},
      {coded("Transfer-Encoding: identity\r\n"), not_last},
      {coded("Transfer-Encoding: \r\n"), not_last},
      {coded("Transfer-Encoding: xchunked\r\n"), not_last},
      {coded("Transfer-Encoding: chunkedx\r\n"), not_last},
      {coded("Transfer-Encoding: \"chunked\"\r\n"), not_last},
      {coded("Transfer-Encoding: chunked;q=1\r\n"), not_last},
      {coded("Transfer-Encoding: chunked identity\r\n"), not_last},
      {coded("Transfer-Encoding: gzip, chunked\r\n"), another},
      {coded("Transfer-Encoding: identity, chunked\r\n"), another},
      {coded("Transfer-Encoding: chunked, chunked\r\n"), another},
      {coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), another},
      {coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), not_last},
      {coded("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), another},
      {coded("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), both},
      {coded("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), both},
      {coded("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"), both},
      {coded("Content-Length: x\r\nTransfer-Encoding: chunked\r\n"), both},
      {coded("Transfer-Encoding : chunked\r\n"), "400 a blank in or after a field's name"},
      {coded(" Transfer-Encoding: chunked\r\n"), "400 a folded field line"},
      {coded("Transfer-Encoding:\r\n chunked\r\n"), "400 a folded field line"},
      {coded("Transfer-Encoding: \x0b"
             "chunked\r\n"),
       "400 a control character"},
      {coded("Transfer-Encoding: chunked\n"), "400 a bare LF"},
      {coded("X: y\rTransfer-Encoding: chunked\r\n"), "400 a bare CR"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400 Transfer-Encoding in HTTP/1.0"},
      {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "GET / h=h chunked \"\""},
  });
}

TEST(Http1Requests, Chunks) {
  const std::string no_size = "400 a chunk without a size";
  const std::string behind = "400 something other than extensions behind a chunk's size";
  const std::string bare = "400 a bare CR or LF in a chunk's line";
  auto fault = [](const std::string& why) { return kChunkedHead + "; " + why; };
  expect_all({
      {chunked("5\r\nhello\r\n0\r\n\r\n"), kChunkedHead + " \"hello\""},
      {chunked("005\r\nhello\r\n000\r\n\r\n"), kChunkedHead + " \"hello\""},
      {chunked("a\r\n0123456789\r\nB\r\n01234567890\r\n0\r\n\r\n"),
       kChunkedHead + " \"012345678901234567890\""},
      {chunked("5\r\nhe\r\no\r\n0\r\n\r\n"), kChunkedHead + " \"he\r\no\""},
      {chunked("5\r\nhello\r\n0\r\n\r\n") + with(""), kChunkedHead + " \"hello\"; GET / h=h \"\""},
      {chunked("5\r\nhello\r\n"), kChunkedHead + " \"hello\"; unfinished"},
      {chunked("5;a\r\nhello\r\n0;b=c\r\n\r\n"), kChunkedHead + " \"hello\""},
      {chunked("5 ; a = \"x\\\"\t;y\" ; b\r\nhello\r\n0\r\n\r\n"), kChunkedHead + " \"hello\""},
      {chunked("\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked(" 5\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked("+5\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked("-5\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked("g\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked(";a\r\nhello\r\n0\r\n\r\n"), fault(no_size)},
      {chunked("0x5\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5x\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5 \r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5_0\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5,5\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;a=\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;a=\"x\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;=x\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;a b\r\nhello\r\n0\r\n\r\n"), fault(behind)},
      {chunked("5;a\nhello\r\n0\r\n\r\n"), fault(bare)},
      {chunked("5\nhello\r\n0\r\n\r\n"), fault(bare)},
      {chunked("5\r hello\r\n0\r\n\r\n"), fault(bare)},
      {chunked("5;\0\r\nhello\r\n0\r\n\r\n"s), fault("400 a control character in a chunk's line")},
      {chunked("10000000000000005\r\nhello"), fault("400 a chunk's size with too many digits")},
      {chunked("ffffffffffffffff\r\nhello"), fault("400 a chunk that is too large")},
      {chunked("8000000000000000\r\nhello"), fault("400 a chunk that is too large")},
      {chunked("5\r\nhello!\r\n0\r\n\r\n"),
       kChunkedHead + " \"hello\"; 400 no line end behind a chunk"},
      {chunked("5\r\nhello\n0\r\n\r\n"),
       kChunkedHead + " \"hello\"; 400 no line end behind a chunk"},
      {chunked("5\r\nhello\r0\r\n\r\n"),
       kChunkedHead + " \"hello\"; 400 no line end behind a chunk"},
      {chunked("5\r\nhello0\r\n\r\n"), kChunkedHead + " \"hello\"; 400 no line end behind a chunk"},
      {chunked("5\r\nhel\r\n0\r\n\r\n"),
       kChunkedHead + " \"hel\r\n\"; 400 no line end behind a chunk"},
      {chunked("0\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
       kChunkedHead + " \"\"; GET /x h=h \"\""},
      {chunked("0\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
       kChunkedHead + "; 400 a blank in or after a field's name"},
      {chunked("1;" + std::string(kMaxChunkLineBytes, 'x') + "\r\n"),
       fault("400 a chunk's line that is too long")},
  });
  std::string many;
  for (int i = 0; i < 40; ++i) many += "1;" + std::string(500, 'x') + "\r\na\r\n";
  std::string whole = transcript_of_requests(chunked(many + "0\r\n\r\n"), all_at_once());
  EXPECT_TRUE(whole.ends_with("400 chunk extensions that are too long")) << whole;
}

TEST(Http1Requests, Trailers) {
  auto trailer = [](const std::string& lines) {
    return chunked("1\r\na\r\n0\r\n" + lines + "\r\n");
  };
  const std::string head = kChunkedHead + " \"a\"";
  const std::string refused = head + "; 400 a trailer that may not be one";
  expect_all({
      {trailer("Digest: x\r\n"), head + " [Digest: x]"},
      {trailer("A: 1\r\nB: 2\r\n"), head + " [A: 1] [B: 2]"},
      {trailer("Cookie: x\r\nA: 1\r\n"), head + " [A: 1]"},
      {trailer("Fly-Client-IP: x\r\nA: 1\r\n"), head + " [A: 1]"},
      {trailer("X-Forwarded-For: x\r\n"), head},
      {trailer("Fly_Client_IP: x\r\nx_forwarded_for: y\r\nA: 1\r\n"), head + " [A: 1]"},
      {trailer("HTTP2-Settings: x\r\nA: 1\r\n"), head + " [A: 1]"},
      {trailer("Content-Length: 5\r\n"), refused},
      {trailer("Transfer-Encoding: chunked\r\n"), refused},
      {trailer("Host: evil\r\n"), refused},
      {trailer("content_length: 5\r\n"), refused},
      {trailer("connection: close\r\n"), refused},
      {trailer("A : 1\r\n"), head + "; 400 a blank in or after a field's name"},
      {trailer("A: 1\r\n x\r\n"), head + "; 400 a folded field line"},
      {trailer("A: 1\nB: 2\r\n"), head + "; 400 a bare LF"},
      {trailer("A\r\n"), head + "; 400 a field line without a colon"},
      {chunked("0\r\n\n"), kChunkedHead + "; 400 a bare LF"},
      {chunked("0\r\n\rX"), kChunkedHead + "; 400 a bare CR"},
      {chunked("0\r\n"), kChunkedHead + "; unfinished"},
      {trailer("A: 1\r\n") + with(""), head + " [A: 1]; GET / h=h \"\""},
  });
}

TEST(Http1Requests, ConnectionFields) {
  expect_all({
      {with("Connection: close\r\n"), "GET / h=h close \"\""},
      {with("Connection: Keep-Alive, CLOSE\r\n"), "GET / h=h close \"\""},
      {with("Connection: keep-alive\r\nKeep-Alive: 5\r\n"), "GET / h=h \"\""},
      {with("Connection: x, y\r\nX: 1\r\nY: 2\r\nZ: 3\r\n"), "GET / h=h [Z: 3] \"\""},
      {with("X: 1\r\nConnection: x\r\nConnection: z\r\nZ: 3\r\n"), "GET / h=h \"\""},
      {with("Connection: host\r\n"), "GET / h=h \"\""},
      {post("Connection: content-length\r\nContent-Length: 5\r\n", "hello"),
       "POST / h=h len=5 \"hello\""},
      {post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "POST / h=h chunked \"\""},
      {with("TE: trailers\r\nProxy-Connection: keep-alive\r\nA: b\r\n"), "GET / h=h [A: b] \"\""},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / h= 1.0 \"\""},
      {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / h= 1.0 close \"\""},
      {with("Connection: upgrade\r\nUpgrade: websocket\r\n"), "GET / h=h upgrade=websocket \"\""},
      {with("Upgrade: websocket\r\n"), "GET / h=h \"\""},
      {with("Connection: upgrade\r\n"), "GET / h=h \"\""},
      {with("Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
       "GET / h=h \"\""},
      {with("Connection: upgrade\r\nUpgrade: h2c, websocket\r\n"),
       "GET / h=h upgrade=websocket \"\""},
      {"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
       "GET / h= 1.0 close \"\""},
  });
}

TEST(Http1Requests, Expectations) {
  expect_all({
      {post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
       "POST / h=h len=5 expects \"hello\""},
      {post("Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "POST / h=h chunked expects \"\""},
      {with("Expect: 100-continue\r\n"), "GET / h=h \"\""},
      {with("Expect: 200-ok\r\n"), "417 an expectation other than 100-continue"},
      {with("Expect: 100-continue\r\nExpect: 100-continue\r\n"),
       "417 an expectation other than 100-continue"},
      {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
       "POST / h= len=1 1.0 close \"a\""},
  });
}

TEST(Http1Requests, Limits) {
  const std::string filler(kMaxRequestLineBytes, 'a');
  auto fault_of = [](const std::string& bytes) {
    std::string whole = transcript_of_requests(bytes, all_at_once());
    auto some = [](std::size_t) { return std::size_t{1000}; };
    EXPECT_EQ(transcript_of_requests(bytes, some), whole);
    return whole;
  };
  EXPECT_EQ(fault_of("GET /" + filler), "414 its first line is too long");
  EXPECT_EQ(fault_of("GET /" + filler + " HTTP/1.1\r\n\r\n"), "414 its first line is too long");
  EXPECT_EQ(fault_of(filler + "a"), "414 its first line is too long");
  std::string large = "A: " + filler + "\r\n";
  EXPECT_EQ(fault_of(with(large + large)), "431 its fields are too large");
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: h\r\nA: " + filler + filler),
            "431 its fields are too large");
  std::string most;
  for (std::size_t i = 1; i < kMaxFields; ++i) most += "A: b\r\n";
  EXPECT_TRUE(fault_of(with(most)).starts_with("GET /"));
  EXPECT_EQ(fault_of(with(most + "A: b\r\n")), "431 too many fields");
  std::string trailers;
  for (std::size_t i = 0; i < kMaxTrailers; ++i) trailers += "A: b\r\n";
  EXPECT_TRUE(fault_of(chunked("0\r\n" + trailers + "\r\n")).ends_with("[A: b]"));
  EXPECT_TRUE(
      fault_of(chunked("0\r\n" + trailers + "A: b\r\n\r\n")).ends_with("431 too many fields"));
  EXPECT_TRUE(fault_of(chunked("0\r\nA: " + filler)).ends_with("431 its fields are too large"));
}

// Every byte that stands at the end of a field's name, in a value and in a chunk's line.
TEST(Http1Requests, EveryByteInEveryPlace) {
  for (int c = 0; c < 256; ++c) {
    std::string byte(1, static_cast<char>(c));
    SCOPED_TRACE(c);
    bool token = isalnum(c) != 0 ||
                 (c != 0 && std::string("!#$%&'*+-.^_`|~").find(byte) != std::string::npos);
    bool in_value = c == '\t' || (c >= ' ' && c != 0x7f);
    std::string name = transcript_of_requests(with("A" + byte + ": v\r\n"), all_at_once());
    EXPECT_EQ(name.find("; 4") == std::string::npos && !name.starts_with("4"), token || c == ':')
        << name;
    std::string value = transcript_of_requests(with("A: v" + byte + "w\r\n"), one_by_one());
    EXPECT_EQ(value.starts_with("GET"), in_value) << value;
    std::string size = transcript_of_requests(chunked("1" + byte + "\r\n"), one_by_one());
    EXPECT_EQ(size.ends_with("unfinished"), isxdigit(c) != 0) << size;
  }
}

TEST(Http1Requests, WrittenAnewTheyReadTheSame) {
  const std::vector<std::string> requests = {
      with("A: b\r\nC:   d \r\nA: e\r\n"),
      post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"),
      chunked("5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nDigest: z\r\n\r\n"),
      with("Connection: upgrade\r\nUpgrade: websocket\r\n"),
      "OPTIONS http://other HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET http://other?q HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (const std::string& bytes : requests) {
    std::string anew = rewritten_requests(bytes);
    EXPECT_EQ(transcript_of_requests(anew, all_at_once()),
              transcript_of_requests(bytes, all_at_once()));
    EXPECT_EQ(rewritten_requests(anew), anew);
  }
  EXPECT_EQ(
      rewritten_requests("\r\nget /x HTTP/1.1\r\nA:b\r\nConnection: close, a\r\nHOST:h\r\n\r\n"),
      "get /x HTTP/1.1\r\nHost: h\r\n\r\n");
}

}  // namespace
}  // namespace sixpn::flycast
