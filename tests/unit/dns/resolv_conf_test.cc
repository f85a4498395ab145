#include "dns/core/resolv_conf.h"

#include <gtest/gtest.h>

namespace sixpn::dns {
namespace {

std::string joined(const std::vector<IpEndpoint>& endpoints) {
  std::string line;
  for (const auto& endpoint : endpoints) line += to_string(endpoint) + " ";
  return line;
}

TEST(ResolvConf, ReadsNameserverLinesOnly) {
  EXPECT_EQ(joined(parse_nameservers("# nameserver 192.0.2.9\n"
                                     "search example.org\n"
                                     "nameserver 192.0.2.1\n"
                                     "  nameserver\t2001:db8::1  # comment\n"
                                     "nameserver 192.0.2.1\n"
                                     "nameserver fe80::1%eth0\n"
                                     "nameserver dns.example.org\n"
                                     "nameserver\n"
                                     "options ndots:5\n"
                                     "nameserver 127.0.0.53")),
            "192.0.2.1:53 [2001:db8::1]:53 127.0.0.53:53 ");
  EXPECT_EQ(joined(parse_nameservers("")), "");
}

TEST(ResolvConf, IsBounded) {
  std::string many;
  for (int i = 1; i < 100; ++i) many += "nameserver 192.0.2." + std::to_string(i) + "\n";
  EXPECT_EQ(parse_nameservers(many).size(), kMaxUpstreams);
}

TEST(ResolvConf, LeavesUsOut) {
  auto at = [](const char* text) { return *parse_endpoint(text); };
  std::vector<IpEndpoint> upstreams = {at("[fdaa::3]:53"), at("192.0.2.1:53"),
                                       at("[fdaa:0:1::3]:53"), at("[::1]:53"),
                                       at("[2001:db8::53]:53")};
  EXPECT_EQ(joined(without_ourselves(upstreams, {at("[fdaa::3]:53")})),
            "192.0.2.1:53 [::1]:53 [2001:db8::53]:53 ");
  EXPECT_EQ(joined(without_ourselves(upstreams, {at("[2001:db8::53]:53"), at("[::]:53")})),
            "192.0.2.1:53 ");
  EXPECT_EQ(joined(without_ourselves(upstreams, {at("[::1]:5353")})),
            "192.0.2.1:53 [::1]:53 [2001:db8::53]:53 ");
}

}  // namespace
}  // namespace sixpn::dns
