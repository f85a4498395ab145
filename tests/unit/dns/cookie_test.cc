// SipHash against its authors' vectors, server cookies against those of RFC 9018 appendix A.
#include "dns/core/cookie.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace sixpn::dns {
namespace {

constexpr std::uint32_t kNoon = 1'700'000'000;

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

SipKey key_of(const std::string& hex) {
  auto bytes = from_hex(hex);
  auto word = [&bytes](std::size_t at) {
    std::uint64_t out = 0;
    for (std::size_t i = 8; i > 0; --i)
      out = out << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
    return out;
  };
  return {word(0), word(8)};
}

std::string text_of(const ServerCookie& cookie) {
  return {cookie.data(), cookie.size()};
}

TEST(SipHash, AgreesWithItsAuthors) {
  auto key = key_of("000102030405060708090a0b0c0d0e0f");
  std::string bytes(63, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  EXPECT_EQ(siphash24(key, ""), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(siphash24(key, bytes.substr(0, 15)), 0xa129ca6149be45e5U);
  EXPECT_EQ(siphash24(key, bytes), 0x958a324ceb064572U);
}

TEST(Cookie, AgreesWithRfc9018) {
  struct Case {
    const char *secret, *client, *source;
    std::uint32_t seconds;
    const char* server;
  };
  const Case cases[] = {
      {"e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1559731985,
       "010000005cf79f111f8130c3eee29480"},
      {"e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100", 1559734385,
       "010000005cf7a871d4a564a1442aca77"},
      {"e5e973e5a6b2a43f48e7dc849e37bfcf", "fc93fc62807ddb86", "203.0.113.203", 1559734700,
       "010000005cf7a9acf73a7810aca2381e"},
      {"445536bcd2513298075a5d379663c962", "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8",
       1559741961, "010000005cf7c609a6bb79d16625507a"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(text_of(make_server_cookie(key_of(c.secret), from_hex(c.client), *parse_ip(c.source),
                                         c.seconds)),
              from_hex(c.server))
        << c.server;
}

class Baking : public ::testing::Test {
 protected:
  // What becomes of `cookie`; the reply's in server_.
  CookieState check(const std::string& cookie, std::uint32_t seconds,
                    const char* source = "fdaa::7") {
    return baker_.check(cookie, *parse_ip(source), seconds, server_);
  }
  std::string learn(std::uint32_t seconds) {
    EXPECT_EQ(check("12345678", seconds), CookieState::kClientOnly);
    return "12345678" + text_of(server_);
  }

  CookieBaker baker_{{1, 2}};
  ServerCookie server_{};
};

TEST_F(Baking, ACookieHoldsForAnHourAndIsReplacedAfterHalf) {
  auto cookie = learn(kNoon);
  EXPECT_EQ(check(cookie, kNoon + kCookieRenewal), CookieState::kValid);
  EXPECT_EQ("12345678" + text_of(server_), cookie);
  EXPECT_EQ(check(cookie, kNoon + kCookieRenewal + 1), CookieState::kValid);
  EXPECT_NE("12345678" + text_of(server_), cookie);
  EXPECT_EQ(check("12345678" + text_of(server_), kNoon + kCookieLife), CookieState::kValid);
  EXPECT_EQ(check(cookie, kNoon + kCookieLife), CookieState::kValid);
  EXPECT_EQ(check(cookie, kNoon + kCookieLife + 1), CookieState::kBad);
  EXPECT_EQ(check(cookie, kNoon - kCookieFuture), CookieState::kValid);
  EXPECT_EQ(check(cookie, kNoon - kCookieFuture - 1), CookieState::kBad);
}

TEST_F(Baking, EveryBitAndTheAddressCount) {
  auto cookie = learn(kNoon);
  EXPECT_EQ(check(cookie, kNoon, "fdaa::8"), CookieState::kBad);
  for (std::size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    auto other = cookie;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(check(other, kNoon), CookieState::kBad) << bit;
  }
  EXPECT_EQ(check(cookie + "x", kNoon), CookieState::kBad);
  EXPECT_EQ(check(cookie.substr(0, 20), kNoon), CookieState::kBad);
}

// RFC 9018 section 5: over midnight, and with a worker that has just started.
TEST_F(Baking, TheSecretRollsOverWithoutAGap) {
  constexpr std::uint32_t kMidnight = kNoon / kSecretLife * kSecretLife + kSecretLife;
  auto cookie = learn(kMidnight - 10);
  EXPECT_EQ(check(cookie, kMidnight + 10), CookieState::kValid);
  CookieBaker other({1, 2});
  EXPECT_EQ(other.check(cookie, *parse_ip("fdaa::7"), kMidnight + 10, server_),
            CookieState::kValid);
  CookieBaker stranger({1, 3});
  EXPECT_EQ(stranger.check(cookie, *parse_ip("fdaa::7"), kMidnight, server_), CookieState::kBad);
  // Another day's secret made it: only the timestamp differs, and that is not enough.
  auto today = learn(kMidnight + 10);
  EXPECT_NE(today.substr(16), cookie.substr(16));
}

TEST_F(Baking, TheClockMayWrap) {
  auto cookie = learn(0xffffffff - 5);
  EXPECT_EQ(check(cookie, 100), CookieState::kValid);
}

}  // namespace
}  // namespace sixpn::dns
