// The zones that no resolver of a site may ask others for. Those with names in them:
// answer_test.cc.
#include "dns/core/zone.h"

#include <gtest/gtest.h>

#include "both_ways.h"
#include "dns/core/forward_rules.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

struct Case {
  std::string name;
  RrType type;
  std::string expected;  // brief()
};

void expect_all(const std::vector<Case>& cases) {
  auto snapshot = World().snapshot();
  for (const auto& c : cases)
    EXPECT_EQ(brief(ask(*snapshot, c.name, c.type)), c.expected) << c.name << " type " << c.type;
}

// RFC 6303 section 4, RFC 7793, RFC 8375, RFC 9476: an apex has SOA and NS, and there is nothing
// below. What lies beside them is foreign.
TEST(Zones, LocalZonesAreEmpty) {
  auto snapshot = World().snapshot();
  for (std::string apex : {"10.in-addr.arpa",
                           "16.172.in-addr.arpa",
                           "20.172.in-addr.arpa",
                           "31.172.in-addr.arpa",
                           "168.192.in-addr.arpa",
                           "0.in-addr.arpa",
                           "127.in-addr.arpa",
                           "254.169.in-addr.arpa",
                           "2.0.192.in-addr.arpa",
                           "100.51.198.in-addr.arpa",
                           "113.0.203.in-addr.arpa",
                           "255.255.255.255.in-addr.arpa",
                           "64.100.in-addr.arpa",
                           "99.100.in-addr.arpa",
                           "100.100.in-addr.arpa",
                           "127.100.in-addr.arpa",
                           "d.f.ip6.arpa",
                           "8.e.f.ip6.arpa",
                           "9.e.f.ip6.arpa",
                           "a.e.f.ip6.arpa",
                           "B.E.F.ip6.arpa",
                           "8.b.d.0.1.0.0.2.ip6.arpa",
                           "home.arpa",
                           "alt"}) {
    expect_all({{apex, kTypeSoa, "SOA"},
                {apex, kTypeNs, "_dns.internal."},
                {apex, kTypePtr, "NODATA"},
                {apex, kTypeA, "NODATA"},
                {"1." + apex, kTypePtr, "NXDOMAIN"},
                {"a.b." + apex, kTypeTxt, "NXDOMAIN"}});
    auto both =
        ask_both_ways(snapshot.get(), audience(), encode({.name = "x." + apex, .type = kTypePtr}),
                      asker(), Transport::kUdp);
    EXPECT_EQ(both.difference, "") << apex;
    auto said = ask(*snapshot, "x." + apex, kTypePtr).authority.at(0);
    EXPECT_EQ(said.owner, *Name::from_text(apex));
  }
  for (const auto& ip :
       {Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 0}), Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1})})
    expect_all(
        {{reverse_name(ip), kTypePtr, "NODATA"}, {"x." + reverse_name(ip), kTypePtr, "NXDOMAIN"}});
  for (const char* name :
       {"172.in-addr.arpa", "15.172.in-addr.arpa", "32.172.in-addr.arpa", "1.172.in-addr.arpa",
        "100.in-addr.arpa", "63.100.in-addr.arpa", "128.100.in-addr.arpa", "064.100.in-addr.arpa",
        "64x.100.in-addr.arpa", "in-addr.arpa", "192.in-addr.arpa", "ip6.arpa", "f.ip6.arpa",
        "c.f.ip6.arpa", "c.e.f.ip6.arpa", "x.arpa", "notalt", "20.172.example"})
    expect_all({{name, kTypePtr, "forward"}});
  // The names above our own reverse zone exist.
  expect_all({{"a.d.f.ip6.arpa", kTypePtr, "NODATA"}, {"a.a.d.f.ip6.arpa", kTypeSoa, "SOA"}});
}

// RFC 6303: empty, but for whom the operator has named a resolver.
TEST(Zones, AForwardRuleOpensALocalZone) {
  IpEndpoint server = *parse_endpoint("192.0.2.1:53");
  auto rules = *ForwardRules::make(
      {server}, {{".", {server}, {}}, {"10.in-addr.arpa", {server}, {"acme/default"}}});
  Audience ruled = audience();
  ruled.forward_rules = &rules;
  auto snapshot = World().snapshot();
  auto fate = [&](const char* name, const Ip6& source) {
    auto both = ask_both_ways(snapshot.get(), ruled, encode({.name = name, .type = kTypePtr}),
                              source, Transport::kUdp);
    EXPECT_EQ(both.difference, "") << name;
    return both.outcome.fate;
  };
  EXPECT_EQ(fate("1.0.0.10.in-addr.arpa", asker()), Fate::kForward);
  EXPECT_EQ(fate("10.IN-ADDR.arpa", asker()), Fate::kForward);
  EXPECT_EQ(fate("1.1.168.192.in-addr.arpa", asker()), Fate::kReply);
  EXPECT_EQ(fate("printer.home.arpa", asker()), Fate::kReply);
  EXPECT_EQ(fate("1.0.0.10.in-addr.arpa", address_of(kGlobex, kHostA, 0xc1)), Fate::kReply);
  EXPECT_EQ(fate("a.a.a.d.f.ip6.arpa", asker()), Fate::kReply);
}

}  // namespace
}  // namespace sixpn::dns::testing
