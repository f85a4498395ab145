#include "machine/core/check_http.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace sixpn::machine {
namespace {

const IpEndpoint kMachine{*parse_ip6("fdaa::2"), 8080};

TEST(CheckRequest, SaysWhatTheCheckSays) {
  ServiceCheck check;
  check.kind = CheckKind::kHttp;
  EXPECT_EQ(encode_check_request(check, kMachine),
            "GET / HTTP/1.1\r\nHost: [fdaa::2]:8080\r\nUser-Agent: sixpn-check\r\n"
            "Connection: close\r\n\r\n");
  check.method = "HEAD";
  check.path = "/up?deep=1";
  check.headers = {{"HOST", "web.example"}, {"X-Key", "a b"}, {"connection", "keep-alive"}};
  EXPECT_EQ(encode_check_request(check, kMachine),
            "HEAD /up?deep=1 HTTP/1.1\r\nUser-Agent: sixpn-check\r\nHOST: web.example\r\n"
            "X-Key: a b\r\nConnection: close\r\n\r\n");
}

struct Case {
  std::string_view bytes;
  bool ended;
  std::optional<bool> passed;  // nothing: more is needed
  std::string_view says;
};

TEST(CheckAnswer, Verdicts) {
  const Case cases[] = {
      {"", false, {}, ""},
      {"HTT", false, {}, ""},
      {"HTTP/1.1 200 OK\r\nServer: x\r\n", false, {}, ""},
      {"HTTP/1.1 200 OK\r\n\r\n", false, true, "200 OK"},
      {"HTTP/1.0 204\r\n\r\n", false, true, "204"},
      {"HTTP/1.1 299 Fine\r\nA: b\r\n\r\nbody", false, true, "299 Fine"},
      {"HTTP/1.1 100 Continue\r\n\r\n", false, {}, ""},
      {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, true, "200 OK"},
      {"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", true, false, "301 Moved"},
      {"HTTP/1.1 503 Busy\r\n\r\n", false, {}, ""},
      {"HTTP/1.1 503 Busy\r\n\r\nno database", true, false, "503 Busy: no database"},
      {"HTTP/1.1 199 x\r\n\r\n", true, false, "without an answer"},
      {"", true, false, "without an answer"},
      {"HTTP/1.1 200 OK\r\n", true, false, "in its head"},
      {"SSH-2.0-OpenSSH\r\n", false, false, "not HTTP/1"},
      {"HTTP/2 200\r\n\r\n", false, false, "not HTTP/1"},
      {"HTTP/1.1 2000 OK\r\n\r\n", false, false, "malformed"},
      {"HTTP/1.1 20 OK\r\n\r\n", false, false, "malformed"},
      {"HTTP/1.1 099 OK\r\n\r\n", false, false, "malformed"},
      {"HTTP/1.1\r\n\r\n", false, false, "malformed"},
  };
  for (const Case& test : cases) {
    auto verdict = judge_check_answer(test.bytes, test.ended);
    ASSERT_EQ(verdict.has_value(), test.passed.has_value()) << test.bytes;
    if (!verdict) continue;
    EXPECT_EQ(verdict->passed, *test.passed) << test.bytes;
    EXPECT_NE(verdict->output.find(test.says), std::string::npos)
        << test.bytes << ": " << verdict->output;
  }
}

TEST(CheckAnswer, IsBounded) {
  std::string head = "HTTP/1.1 200 OK\r\nX: " + std::string(kMaxCheckAnswer, 'x');
  auto verdict = judge_check_answer(head, false);
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->passed);
  std::string body = "HTTP/1.1 500 x\r\n\r\n" + std::string(kMaxCheckAnswer, 'y');
  verdict = judge_check_answer(body, false);
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->passed);
}

// However the bytes are cut, the verdict is the same; and none of them crashes it.
TEST(CheckAnswer, AnyBytesInAnyPieces) {
  Rng rng(5);
  const std::string parts[] = {"HTTP/1.1 ", "200",      "503 x", "100",
                               "\r\n",      "\r\n\r\n", "A: b",  std::string(1, '\0'),
                               "\xff",      " "};
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = rng.chance(0.8) ? parts[0] : "";
    for (std::uint64_t i = rng.below(8); i > 0; --i) bytes += parts[rng.below(std::size(parts))];
    auto whole = judge_check_answer(bytes, true);
    ASSERT_TRUE(whole) << "an end is a verdict";
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      auto early = judge_check_answer(std::string_view(bytes).substr(0, cut), false);
      EXPECT_TRUE(!early || !early->passed || whole->passed) << bytes;
    }
  }
}

}  // namespace
}  // namespace sixpn::machine
