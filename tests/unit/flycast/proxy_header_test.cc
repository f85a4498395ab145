#include "flycast/core/proxy_header.h"

#include <gtest/gtest.h>

#include "registry/core/service.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

const IpEndpoint kClient{*parse_ip6("fdaa:1:2:a:b:0:9:2"), 41000};
const IpEndpoint kPort{*parse_ip6("fdaa:1:2:0:1::7"), 443};

TEST(ProxyHeader, TextIsOneLine) {
  EXPECT_EQ(encode_proxy_header(kProxyProtocolText, kClient, kPort),
            "PROXY TCP6 fdaa:1:2:a:b:0:9:2 fdaa:1:2:0:1::7 41000 443\r\n");
}

// Section 2.1: a receiver may take 107 bytes for the most there can be.
TEST(ProxyHeader, TextKeepsItsBound) {
  IpEndpoint longest{*parse_ip6("fdaa:1111:2222:3333:4444:5555:6666:7777"), 65535};
  EXPECT_LE(encode_proxy_header(kProxyProtocolText, longest, longest).size(), 107u);
}

TEST(ProxyHeader, BinaryAsSection2Point2SetsOut) {
  std::string expected("\r\n\r\n\0\r\nQUIT\n", 12);
  expected += std::string("\x21\x21\x00\x24", 4);
  expected += std::string("\xfd\xaa\0\x01\0\x02\0\x0a\0\x0b\0\0\0\x09\0\x02", 16);
  expected += std::string("\xfd\xaa\0\x01\0\x02\0\0\0\x01\0\0\0\0\0\x07", 16);
  expected += std::string("\xa0\x28\x01\xbb", 4);
  EXPECT_EQ(encode_proxy_header(kProxyProtocolBinary, kClient, kPort), expected);
}

TEST(ProxyHeader, NoneUnlessWanted) {
  EXPECT_EQ(encode_proxy_header(0, kClient, kPort), "");
}

}  // namespace
}  // namespace sixpn::flycast
