// How a machine's responses are framed, and what of them is refused.
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
  ResponseContext context{"GET", false};
  bool closed = true;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    SCOPED_TRACE(testing::PrintToString(each.bytes.substr(0, 300)));
    auto read = [&](const Cut& cut) {
      return transcript_of_response(each.bytes, each.context, each.closed, cut);
    };
    EXPECT_EQ(read(all_at_once()), each.expected);
    EXPECT_EQ(read(one_by_one()), each.expected);
    Rng rng(each.bytes.size());
    EXPECT_EQ(read([&](std::size_t) { return 1 + rng.below(20); }), each.expected);
  }
}

std::string ok(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

TEST(Http1Responses, Bodies) {
  expect_all({
      {ok("Content-Length: 5\r\n", "hello"), "200 OK len=5 \"hello\"", {"GET", false}, false},
      {ok("Content-Length: 5\r\n", "hello, more"), "200 OK len=5 \"hello\""},
      {ok("Content-Length: 0\r\n"), "200 OK len=0 \"\"", {"GET", false}, false},
      {ok("Content-Length: 5\r\n", "hel"), "200 OK len=5 \"hel\"; 502 its response was cut"},
      {ok("", "hello"), "200 OK until-close close \"hello\""},
      {ok("", "hello"), "200 OK until-close close \"hello\"; unfinished", {"GET", false}, false},
      {ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "200 OK chunked \"hello\""},
      {ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nA: b\r\n\r\n"),
       "200 OK chunked \"hello\" [A: b]"},
      {ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"),
       "200 OK chunked \"hello\"; 502 its response was cut"},
      {ok("Transfer-Encoding: chunked\r\n", "x"), "200 OK chunked; 502 its response was cut"},
      {"HTTP/1.0 200 OK\r\n\r\nhello", "200 OK until-close 1.0 close \"hello\""},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
       "200 OK len=2 1.0 \"hi\""},
      {ok("Connection: close\r\nContent-Length: 2\r\n", "hi"), "200 OK len=2 close \"hi\""},
      {ok("Connection: x\r\nX: 1\r\nKeep-Alive: 3\r\nContent-Length: 0\r\n"), "200 OK len=0 \"\""},
  });
}

TEST(Http1Responses, WithoutABody) {
  const ResponseContext head{"HEAD", false};
  expect_all({
      {ok("Content-Length: 5\r\n"), "200 OK [Content-Length: 5] \"\"", head, false},
      {ok("Transfer-Encoding: chunked\r\n"), "200 OK \"\"", head, false},
      {ok(""), "200 OK \"\"", head, false},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 No Content \"\"", {"GET", false}, false},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204 No Content \"\""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "304 Not Modified [Content-Length: 5] \"\"",
       {"GET", false},
       false},
      {"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
       "304 Not Modified \"\"",
       {"GET", false},
       false},
  });
}

TEST(Http1Responses, InterimAndSwitched) {
  const ResponseContext asked{"GET", true};
  expect_all({
      {"HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 0\r\n"),
       "100 Continue; 200 OK len=0 \"\""},
      {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("Content-Length: 0\r\n"),
       "103 Early Hints [Link: </a>]; 200 OK len=0 \"\""},
      {"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n" + ok("Content-Length: 0\r\n"),
       "100 Continue; 200 OK len=0 \"\""},
      {"HTTP/1.1 100 Continue\r\n\r\n", "100 Continue; 502 its response was cut"},
      {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes",
       "101 Switching Protocols upgrade=websocket", asked},
      {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
       "502 a switch of protocols that was not asked for"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
       "502 a switch of protocols that was not asked for", asked},
      {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n",
       "502 a switch of protocols that was not asked for", asked},
  });
  std::string many;
  for (int i = 0; i <= kMaxInterimResponses; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
  std::string read = transcript_of_response(many, {"GET", false}, false, all_at_once());
  EXPECT_TRUE(read.ends_with("502 too many interim responses")) << read;
}

// What is written of the largest head that is taken is one that would be taken, whatever the proxy
// says of framing and the machine did not.
TEST(Http1Responses, TheLargestHeads) {
  auto read = [](const std::string& bytes, bool closed) {
    return transcript_of_response(bytes, {"GET", false}, closed, all_at_once());
  };
  std::string fields;
  for (std::size_t i = 0; i < kMaxFields; ++i) fields += "A:b\r\n";
  const std::string filler(kMaxHeadBytes - 15 - 2 - 2 - 5, 'x');  // of "HTTP/1.1 200 OK" and "A: "
  for (const std::string& largest : {fields, "A: " + filler + "\r\n"}) {
    for (const std::string& head : {"HTTP/1.0 200 OK\r\n" + largest + "\r\n",
                                    ok("Content-Length: 2\r\nConnection: close\r\n" + largest)}) {
      SCOPED_TRACE(head.substr(0, 60));
      bool whole = false;
      std::string anew = rewritten_response(head + "hi", {"GET", false}, true, whole);
      ASSERT_TRUE(whole) << read(head + "hi", true).substr(0, 200);
      EXPECT_EQ(rewritten_response(anew, {"GET", false}, false, whole), anew);
      EXPECT_TRUE(whole);
    }
  }
  EXPECT_EQ(read(ok("A:b\r\n" + fields), true), "502 too many fields");
  EXPECT_EQ(read(ok("A: " + filler + "x\r\n"), true), "502 its fields are too large");
}

TEST(Http1Responses, StatusLines) {
  auto line = [](const std::string& text) { return text + "\r\nContent-Length: 0\r\n\r\n"; };
  expect_all({
      {line("HTTP/1.1 200 "), "200  len=0 \"\""},
      {line("HTTP/1.1 200"), "200  len=0 \"\""},
      {line("HTTP/1.1 299 all  is\twell \x80"), "299 all  is\twell \x80 len=0 \"\""},
      {line("HTTP/1.1 999 Odd"), "999 Odd len=0 \"\""},
      {line("HTTP/1.1 2000 x"), "502 no blank behind the status"},
      {line("HTTP/1.1 20 x"), "502 a status that is no number"},
      {line("HTTP/1.1 20x x"), "502 a status that is no number"},
      {line("HTTP/1.1 -20 x"), "502 a status that is no number"},
      {line("HTTP/1.1 099 x"), "502 a status below 100"},
      {line("HTTP/1.1  200 x"), "502 a status that is no number"},
      {line("HTTP/2.0 200 x"), "502 a version that is not HTTP/1.1 or 1.0"},
      {line("http/1.1 200 x"), "502 no HTTP version"},
      {line("ICY 200 x"), "502 no status line"},
      {line(" HTTP/1.1 200 OK"), "502 no status line"},
      {"\r\n" + line("HTTP/1.1 200 OK"), "502 no status line"},
      {line("HTTP/1.1 200 O\rK"), "502 a bare CR"},
      {"hello", "502 its response was cut"},
      {"", "502 it closed without a response"},
  });
}

TEST(Http1Responses, Ambiguous) {
  expect_all({
      {ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "hello"),
       "502 both Content-Length and Transfer-Encoding"},
      {ok("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
       "502 more than one Content-Length"},
      {ok("Content-Length: 5, 5\r\n", "hello"), "502 a Content-Length that is no length"},
      {ok("Content-Length: -1\r\n"), "502 a Content-Length that is no length"},
      {ok("Transfer-Encoding: gzip, chunked\r\n"), "502 a transfer coding besides chunked"},
      {ok("Transfer-Encoding: gzip\r\n"), "502 a transfer coding that is not chunked at last"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "502 Transfer-Encoding in HTTP/1.0"},
      {ok("A: b\r\n c\r\n"), "502 a folded field line"},
      {ok("A : b\r\n"), "502 a blank in or after a field's name"},
      {ok("A: b\nC: d\r\n"), "502 a bare LF"},
      {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "502 a bare LF"},
      {ok("A: \0\r\n"s), "502 a control character"},
      {ok("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 5\r\n\r\n"),
       "200 OK chunked; 502 a trailer that may not be one"},
      {ok("Transfer-Encoding: chunked\r\n", "5\nhello"),
       "200 OK chunked; 502 a bare CR or LF in a chunk's line"},
  });
}

std::string to_client(const std::string& bytes, bool http10, bool keeps) {
  ResponseReader reader({"GET", false});
  std::string_view rest = bytes;
  EXPECT_EQ(reader.next(rest), ReadEvent::kHead);
  std::string out;
  write_response_head(reader.head(), response_form(reader.head(), http10, keeps), out);
  return out;
}

TEST(Http1Responses, InTheFormTheClientUnderstands) {
  std::string sized = ok("Content-Length: 2\r\n", "hi");
  std::string open = ok("A: b\r\n", "hi");
  EXPECT_EQ(to_client(sized, false, true), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(to_client(sized, false, false),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(to_client(sized, true, true),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(to_client(open, false, true),
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(to_client(open, true, true), "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n");
}

TEST(Http1Responses, ChunkSizes) {
  for (auto [size, line] :
       std::vector<std::pair<std::uint64_t, std::string>>{{0, "0\r\n"},
                                                          {9, "9\r\n"},
                                                          {16, "10\r\n"},
                                                          {255, "ff\r\n"},
                                                          {~0ULL, "ffffffffffffffff\r\n"}}) {
    std::string out;
    write_chunk_size(size, out);
    EXPECT_EQ(out, line);
  }
}

}  // namespace
}  // namespace sixpn::flycast
