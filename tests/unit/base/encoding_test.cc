#include "base/encoding.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : kVectors) {
    EXPECT_EQ(to_base64(plain), text);
    EXPECT_EQ(parse_base64(text), plain);
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* text : {"Zg=", "Zg", "Zh==", "Z===", "Zm9v====", "Zm 9", "Zm9-"})
    EXPECT_EQ(parse_base64(text), std::nullopt) << text;
}

TEST(Base64, UrlAlphabetHasNoPadding) {
  std::string bytes = "\xfb\xff\xfe\x01";
  EXPECT_EQ(to_base64(bytes, Base64::kUrl), "-__-AQ");
  EXPECT_EQ(parse_base64("-__-AQ", Base64::kUrl), bytes);
  EXPECT_EQ(parse_base64("-__-A", Base64::kUrl), std::nullopt);
}

TEST(Hex, RoundTripsAndRefuses) {
  std::string bytes("\x00\x7f\xff", 3);
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(parse_hex("007FfF"), bytes);
  EXPECT_EQ(parse_hex("0"), std::nullopt);
  EXPECT_EQ(parse_hex("0g"), std::nullopt);
}

}  // namespace
}  // namespace sixpn
