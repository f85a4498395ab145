#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/rng.h"
#include "registry/core/certificate.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn {
namespace {

using test::TrustFixture;
using ::testing::HasSubstr;

std::vector<Seed> two_seeds() {
  return {Seed{HostId(0x10001),
               SigningKey(test::secret_of('w')).public_key(),
               {*parse_endpoint("192.0.2.1:51820"), *parse_endpoint("[2001:db8::1]:51820")},
               {*parse_endpoint("192.0.2.1:51821")}},
          Seed{HostId(0xffffffff), {}, {}, {}}};
}

Token token_with_seeds() {
  Token token = TrustFixture().token();
  token.seeds = two_seeds();
  return token;
}

void expect_same(const Token& a, const Token& b) {
  EXPECT_EQ(a.root_key, b.root_key);
  EXPECT_EQ(a.cluster_key, b.cluster_key);
  EXPECT_EQ(a.enrolment_seed, b.enrolment_seed);
  EXPECT_EQ(a.signed_invite, b.signed_invite);
  EXPECT_EQ(a.seeds, b.seeds);
}

TEST(Token, TextRoundTripAlsoWithSpaceAround) {
  Token token = token_with_seeds();
  std::string text = encode_token(token);
  EXPECT_THAT(text, testing::StartsWith("sixpn1."));
  for (const auto& typed : {text, text + "\n", "  " + text + " \r\n"}) {
    auto read = decode_token(typed);
    ASSERT_TRUE(read) << read.error().message;
    expect_same(*read, token);
  }
}

TEST(Token, EveryCutSaysThatItIsCut) {
  std::string text = encode_token(token_with_seeds());
  for (std::size_t size = text.find('.') + 1; size < text.size(); ++size) {
    auto read = decode_token(text.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_THAT(read.error().message, HasSubstr("cut short")) << size;
  }
}

TEST(Token, EveryChangedCharacterIsRefused) {
  std::string text = encode_token(token_with_seeds());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (char wrong : {'A', '!', 'x'}) {
      if (text[i] == wrong) continue;
      std::string bad = text;
      bad[i] = wrong;
      EXPECT_FALSE(decode_token(bad)) << "character " << i;
    }
  }
}

TEST(Token, WhatIsNoTokenIsToldApart) {
  const std::string text = encode_token(token_with_seeds());
  const std::string digits = text.substr(text.find('.') + 1);
  struct Row {
    std::string text;
    const char* message;
  };
  const std::vector<Row> table = {
      {"", "not a sixpn token"},
      {"hello", "not a sixpn token"},
      {"sixpn.abc", "not a sixpn token"},
      {"sixpnX." + digits, "not a sixpn token"},
      {"sixpn-1." + digits, "not a sixpn token"},
      {"sixpn99999999999999999999." + digits, "not a sixpn token"},
      {"sixpn2." + digits, "of version 2, this program reads version 1"},
      {"sixpn1." + digits + "AA", "2 characters too many"},
      {text + " " + text, "too many"},
      {"sixpn1.____" + digits, "its length makes no sense"},
      {"sixpn1.!!!!" + digits, "a character that no token has"},
      {"sixpn1." + std::string(1'000'000, 'z'), "its length makes no sense"},
  };
  for (const auto& row : table) {
    auto read = decode_token(row.text);
    ASSERT_FALSE(read) << row.text.substr(0, 40);
    EXPECT_THAT(read.error().message, HasSubstr(row.message)) << row.text.substr(0, 40);
  }
}

TEST(Token, RandomBytesNeverPass) {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::uint64_t n = rng.below(200); n > 0; --n) bytes += static_cast<char>(rng());
    EXPECT_FALSE(decode_token("sixpn1." + to_base64(bytes, Base64::kUrl)));
    EXPECT_FALSE(decode_token(bytes));
  }
}

TEST(Token, SeedsOnDiskRoundTripAndAreBounded) {
  EXPECT_EQ(decode_seeds(encode_seeds(two_seeds())).value(), two_seeds());
  EXPECT_TRUE(decode_seeds("").value().empty());
  EXPECT_FALSE(decode_seeds(encode_seeds(std::vector<Seed>(kMaxSeeds + 1))));
  Seed wide = two_seeds()[0];
  wide.knock.assign(kMaxSeedEndpoints + 1, wide.knock[0]);
  EXPECT_FALSE(decode_seeds(encode_seeds({wide})));
  Seed port_zero = two_seeds()[0];
  port_zero.knock[0].port = 0;
  EXPECT_FALSE(decode_seeds(encode_seeds({port_zero})));
  EXPECT_FALSE(decode_seeds("\x0a\xff"));
  std::string encoded = encode_seeds(two_seeds());
  for (std::size_t size = 1; size < encoded.size(); ++size) {
    auto read = decode_seeds(encoded.substr(0, size));
    EXPECT_TRUE(!read || read->size() < 2) << size;
  }
}

TEST(Token, SeedsInATokenAreBoundedToo) {
  Token token = token_with_seeds();
  token.seeds.assign(kMaxSeeds + 1, token.seeds[0]);
  auto read = decode_token(encode_token(token));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("more than 16 seeds"));
}

}  // namespace
}  // namespace sixpn
