#include <gtest/gtest.h>

#include "dns/core/answer.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

std::string reverse(const Ip6& ip, std::size_t nibbles = 32, NetworkId network = kAcme) {
  return brief(ask(*World().snapshot(), reverse_name(ip, nibbles), kTypePtr, asker(), network));
}

TEST(Reverse, NamesMachinesPeersAndFlycast) {
  EXPECT_EQ(reverse(asker()), "000000000000a1.vm.web.internal.");
  EXPECT_EQ(reverse(address_of(kAcme, kHostB, 0xa2)), "000000000000a2.vm.web.internal.");
  EXPECT_EQ(reverse(peer_address(kAcme, kHostB, 1)), "laptop._peer.internal.");
  EXPECT_EQ(reverse(flycast_address(kAcme, 2)), "web.flycast.");
  EXPECT_EQ(reverse(flycast_address(kAcme, 6)), "dns.svc.k8s.flycast.");
}

// Whose address is in the NS records' glue (RFC 1912 section 2.1).
TEST(Reverse, NamesTheResolver) {
  EXPECT_EQ(reverse(kResolverAddress), "_dns.internal.");
  EXPECT_EQ(reverse(peer_resolver_address(kAcme)), "_dns.internal.");
  EXPECT_EQ(reverse(kResolverAddress, 31), "NODATA");
  EXPECT_EQ(reverse(peer_resolver_address(kGlobex)), "NXDOMAIN");
}

TEST(Reverse, WhatForwardNamesHideStaysHidden) {
  EXPECT_EQ(reverse(address_of(kAcme, kHostA, 0xa5)), "NXDOMAIN");    // stopped
  EXPECT_EQ(reverse(address_of(kAcme, kHostA, 0xa7)), "NXDOMAIN");    // skip_dns
  EXPECT_EQ(reverse(address_of(kAcme, kHostA, 0xee)), "NXDOMAIN");    // nobody
  EXPECT_EQ(reverse(address_of(kGlobex, kHostA, 0xc1)), "NXDOMAIN");  // another network
  EXPECT_EQ(reverse(asker(), 32, kGlobex), "NXDOMAIN");
  EXPECT_EQ(reverse(host_address(kHostA)), "NXDOMAIN");
}

TEST(Reverse, ShorterNamesExistWhenSomethingLiesBelow) {
  for (std::size_t nibbles = 5; nibbles < 32; ++nibbles)
    EXPECT_EQ(reverse(asker(), nibbles), "NODATA") << nibbles;
  EXPECT_EQ(reverse(peer_address(kAcme, kHostB, 1), 31), "NODATA");
  EXPECT_EQ(reverse(flycast_address(kAcme, 2), 31), "NODATA");
  EXPECT_EQ(reverse(address_of(kGlobex, kHostA, 0xc1), 12), "NXDOMAIN");  // another network's /48
}

TEST(Reverse, BadNibblesDoNotExist) {
  auto snapshot = World().snapshot();
  auto name = reverse_name(asker());
  EXPECT_EQ(brief(ask(*snapshot, "0." + name, kTypePtr)), "NXDOMAIN");
  EXPECT_EQ(brief(ask(*snapshot, "g" + name.substr(1), kTypePtr)), "NXDOMAIN");
  EXPECT_EQ(brief(ask(*snapshot, "0" + name, kTypePtr)), "NXDOMAIN");
  EXPECT_EQ(brief(ask(*snapshot, name, kTypeAaaa)), "NODATA");
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(brief(ask(*snapshot, upper, kTypePtr)), "000000000000a1.vm.web.internal.");
}

}  // namespace
}  // namespace sixpn::dns::testing
