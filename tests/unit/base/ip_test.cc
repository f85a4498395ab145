#include "base/ip.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

TEST(Ip6, PrintsAsRfc5952) {
  EXPECT_EQ(to_string(Ip6::from_words({0xfdaa, 0, 0, 0, 0, 0, 0, 3})), "fdaa::3");
  EXPECT_EQ(to_string(*parse_ip6("FDAA:0:18:A7B:7D:F066:B83B:2")), "fdaa:0:18:a7b:7d:f066:b83b:2");
  EXPECT_EQ(to_string(*parse_ip("192.0.2.1")), "192.0.2.1");
}

TEST(Ip6, WordsAreHostOrder) {
  auto ip = *parse_ip6("fdaa:0:18:a7b:7d:f066:b83b:2");
  EXPECT_EQ(ip.word(0), 0xfdaa);
  EXPECT_EQ(ip.dword(1), 0x18U);
  EXPECT_EQ(ip.dword(5), 0xf066b83bU);
}

TEST(Prefix6, MasksAndContains) {
  auto net = *parse_prefix6("fdaa:0:18::/48");
  EXPECT_TRUE(net.contains(*parse_ip6("fdaa:0:18:ffff::1")));
  EXPECT_FALSE(net.contains(*parse_ip6("fdaa:0:19::1")));
  EXPECT_TRUE(net.contains(*parse_prefix6("fdaa:0:18:a7b:7d::/80")));
  EXPECT_FALSE(net.contains(*parse_prefix6("fdaa::/16")));
  EXPECT_EQ(make_prefix(*parse_ip6("fdaa:0:18:ffff::1"), 44), *parse_prefix6("fdaa:0:10::/44"));
  EXPECT_TRUE(Prefix6{}.contains(*parse_ip6("::1")));
}

TEST(Prefix6, RefusesHostBitsAndNonsense) {
  for (const char* text :
       {"fdaa::1/64", "fdaa::/129", "fdaa::/-1", "fdaa::", "fdaa::/", "fdaa::/4x"})
    EXPECT_EQ(parse_prefix6(text), std::nullopt) << text;
}

TEST(IpEndpoint, RoundTripsBothFamilies) {
  for (const char* text : {"[fdaa::3]:53", "192.0.2.7:51820"})
    EXPECT_EQ(to_string(*parse_endpoint(text)), text);
  for (const char* text :
       {"fdaa::3:53", "[::1]", "192.0.2.7", "192.0.2.7:65536", "[192.0.2.7]:1", ":1"})
    EXPECT_EQ(parse_endpoint(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sixpn
