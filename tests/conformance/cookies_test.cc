// DNS cookies (RFC 7873, RFC 9018) from a client's side.
#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

class CookieConformance : public Conformance {
 protected:
  static QueryBytes with_cookie(const std::string& cookie,
                                const std::string& name = "web.internal") {
    return {.name = name, .edns_size = 1232, .edns_options = option(kCookieOption, cookie)};
  }
  static std::string without_question(const std::string& options) {
    auto query = encode({.edns_size = 1232, .edns_options = options});
    return with_counts(query.substr(0, 12) + query.substr(encode({}).size()), 0, 0, 0, 1);
  }
  std::string learn() { return option_of(udp(with_cookie("clientck")), kCookieOption).value(); }
};

// RFC 7873 section 5.2.3, RFC 9018 section 4: the client's cookie, version 1, three zeros.
TEST_F(CookieConformance, AClientGetsAServerCookie) {
  for (const char* name : {"web.internal", "nothing.internal", "_apps.internal"})
    for (auto transport : {Transport::kUdp, Transport::kTcp}) {
      auto reply = over(transport, encode(with_cookie("clientck", name)));
      auto cookie = option_of(reply, kCookieOption).value();
      ASSERT_EQ(cookie.size(), 24U) << name;
      EXPECT_EQ(cookie.substr(0, 12), std::string("clientck\1\0\0\0", 12));
    }
  EXPECT_EQ(udp(with_cookie("clientck")).answers.size(), 4U);
}

// RFC 9018 section 3: every worker believes what another one gave, and gives it back unchanged
// while it is young.
TEST_F(CookieConformance, AllWorkersShareTheSecret) {
  auto cookie = learn();
  for (int i = 0; i < 32; ++i)  // each from a port of its own, so from either worker
    EXPECT_EQ(option_of(udp(with_cookie(cookie)), kCookieOption), cookie);
  EXPECT_EQ(stats().cookies_valid, 32U);
  EXPECT_EQ(stats().cookies_bad, 0U);
}

// RFC 7873 section 5.2.4: ordinary clients are answered with a wrong cookie too, and get a fresh
// one.
TEST_F(CookieConformance, AWrongCookieIsAnsweredWithAFreshOne) {
  auto cookie = learn();
  auto wrong = cookie;
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  for (const auto& sent :
       {wrong, "clientck" + std::string(8, 'x'), "clientck" + std::string(32, 'x')}) {
    auto reply = udp(with_cookie(sent));
    EXPECT_EQ(reply.rcode, kNoErrorCode);
    EXPECT_EQ(reply.answers.size(), 4U);
    EXPECT_EQ(udp(with_cookie(option_of(reply, kCookieOption).value())).rcode, kNoErrorCode);
  }
  EXPECT_EQ(stats().cookies_bad, 3U);
}

// RFC 7873 section 5.2.2.
TEST_F(CookieConformance, ACookieOfNoLegalLengthIsFormErr) {
  for (std::size_t size : {0, 1, 7, 9, 15, 41, 100}) {
    auto reply = udp(with_cookie(std::string(size, 'c')));
    EXPECT_EQ(reply.rcode, kFormErrCode) << size;
    EXPECT_TRUE(reply.edns) << size;
  }
}

// RFC 7873 section 5.4.
TEST_F(CookieConformance, ACookieCanBeAskedForWithoutAQuestion) {
  auto reply = over_udp(without_question(option(kCookieOption, "clientck")));
  EXPECT_EQ(reply.rcode, kNoErrorCode);
  EXPECT_TRUE(reply.answers.empty() && reply.question.empty());
  auto cookie = option_of(reply, kCookieOption).value();
  ASSERT_EQ(cookie.size(), 24U);
  EXPECT_EQ(over_udp(without_question(option(kCookieOption, cookie))).rcode, kNoErrorCode);
  cookie.back() = static_cast<char>(cookie.back() ^ 1);
  auto bad = over_udp(without_question(option(kCookieOption, cookie)));
  EXPECT_EQ(bad.rcode, kBadCookieCode);
  EXPECT_EQ(option_of(bad, kCookieOption)->size(), 24U);
  EXPECT_EQ(over_udp(without_question("")).rcode, kFormErrCode);
}

// RFC 7873 section 5.2: only the first one counts.
TEST_F(CookieConformance, OfSeveralCookiesTheFirstCounts) {
  auto reply =
      udp({.edns_size = 1232,
           .edns_options = option(kCookieOption, "firstone") + option(kCookieOption, "x")});
  EXPECT_EQ(option_of(reply, kCookieOption)->substr(0, 8), "firstone");
}

// RFC 7873 section 5.2: errors carry it too.
TEST_F(CookieConformance, RefusalsCarryTheCookie) {
  auto query = with_cookie("clientck");
  query.klass = 4;
  EXPECT_EQ(option_of(udp(query), kCookieOption)->size(), 24U);
}

// RFC 7873 section 5.2: a forwarded answer is ours as well.
TEST_F(CookieConformance, ForwardedAnswersCarryTheCookie) {
  auto reply = udp(with_cookie("clientck", "example.org"));
  EXPECT_EQ(reply.rcode, kServFailCode);  // nobody listens upstream
  EXPECT_EQ(option_of(reply, kCookieOption)->size(), 24U);
}

}  // namespace
}  // namespace sixpn::dns::testing
