#include "dns/core/forward_rules.h"

#include <gtest/gtest.h>

#include "dns/core/name.h"

namespace sixpn::dns::testing {
namespace {

const IpEndpoint kOne = *parse_endpoint("192.0.2.1:53");
const IpEndpoint kTwo = *parse_endpoint("192.0.2.2:53");
const NetworkRecord kAcmeRecord{NetworkId{1}, "acme", "default"};
const NetworkRecord kStaging{NetworkId{2}, "acme", "staging"};

std::optional<std::uint16_t> group(const ForwardRules& rules, const std::string& name,
                                   const NetworkRecord* network = nullptr) {
  return rules.group_of(Name::from_text(name)->wire(), network);
}

std::string error_of(const std::vector<ForwardRule>& rules) {
  auto made = ForwardRules::make({}, rules);
  return made ? "" : made.error().message;
}

TEST(ForwardRules, TheLongestDomainDecides) {
  auto rules = *ForwardRules::make(
      {kOne}, {{"corp.example", {kTwo}, {}}, {"Deep.corp.example.", {kOne}, {}}});
  EXPECT_EQ(group(rules, "example"), 0);
  EXPECT_EQ(group(rules, "xcorp.example"), 0);
  EXPECT_EQ(group(rules, "corp.example"), 1);
  EXPECT_EQ(group(rules, "a.b.corp.example"), 1);
  EXPECT_EQ(group(rules, "deep.corp.example"), 2);
  EXPECT_EQ(group(rules, "x.deep.corp.example"), 2);
  EXPECT_EQ(group(rules, "."), 0);
  EXPECT_EQ(rules.groups().at(1), std::vector<IpEndpoint>{kTwo});
}

TEST(ForwardRules, ANetworksOwnRuleGoesFirst) {
  auto rules = *ForwardRules::make({kOne}, {{"corp.example", {kTwo}, {}},
                                            {"corp.example", {kOne}, {"acme/default"}},
                                            {"lab.example", {kTwo}, {"acme/staging"}}});
  EXPECT_EQ(group(rules, "a.corp.example", &kStaging), 1);
  EXPECT_EQ(group(rules, "a.corp.example", &kAcmeRecord), 2);
  EXPECT_EQ(group(rules, "lab.example", &kStaging), 3);
  EXPECT_EQ(group(rules, "lab.example", &kAcmeRecord), 0);
}

// Before it is known who asks, what may be one network's alone is nobody's.
TEST(ForwardRules, AnUnknownNetworkIsNotAnyNetwork) {
  auto rules = *ForwardRules::make({kOne}, {{"corp.example", {kTwo}, {}},
                                            {"corp.example", {kOne}, {"acme/default"}},
                                            {"public.corp.example", {kTwo}, {}},
                                            {"lab.example", {kTwo}, {"acme/staging"}}});
  EXPECT_EQ(group(rules, "a.corp.example"), std::nullopt);
  EXPECT_EQ(group(rules, "a.lab.example"), std::nullopt);
  EXPECT_EQ(group(rules, "x.public.corp.example"), 3);
  EXPECT_EQ(group(rules, "example"), 0);
}

TEST(ForwardRules, TheRootIsForEveryName) {
  auto rules = *ForwardRules::make({}, {{".", {kTwo}, {"acme/default"}}});
  EXPECT_EQ(group(rules, "a.example", &kAcmeRecord), 1);
  EXPECT_EQ(group(rules, "a.example", &kStaging), 0);
}

// RFC 6303: the reverse of a site's addresses is asked of nobody but who was named for it.
TEST(ForwardRules, ForLocalZones) {
  auto rules = *ForwardRules::make({kOne}, {{".", {kTwo}, {}},
                                            {"10.in-addr.arpa", {kTwo}, {}},
                                            {"1.168.192.in-addr.arpa", {kTwo}, {"acme/default"}},
                                            {"ip6.arpa", {kTwo}, {}}});
  auto has = [&](const char* name, const NetworkRecord* network) {
    return rules.has_local(Name::from_text(name)->wire(), network);
  };
  for (const NetworkRecord* network : {&kAcmeRecord, &kStaging}) {
    EXPECT_TRUE(has("10.in-addr.arpa", network));
    EXPECT_TRUE(has("1.2.3.10.in-addr.arpa", network));
    EXPECT_TRUE(has("8.e.f.ip6.arpa", network));  // by a rule above the zone
    EXPECT_FALSE(has("printer.home.arpa", network));
    EXPECT_FALSE(has("168.192.in-addr.arpa", network));
  }
  EXPECT_TRUE(has("9.1.168.192.in-addr.arpa", &kAcmeRecord));
  EXPECT_FALSE(has("9.1.168.192.in-addr.arpa", &kStaging));
  EXPECT_TRUE(has("9.1.168.192.in-addr.arpa", nullptr));
  EXPECT_FALSE(has("9.2.168.192.in-addr.arpa", &kAcmeRecord));
}

TEST(ForwardRules, Mistakes) {
  EXPECT_EQ(error_of({{"corp..example", {kOne}, {}}}),
            "forwarding rule for \"corp..example\": this is no domain name");
  EXPECT_EQ(error_of({{"a", {}, {}}}), "forwarding rule for \"a\": it has no servers");
  EXPECT_EQ(error_of({{"a", std::vector<IpEndpoint>(9, kOne), {}}}),
            "forwarding rule for \"a\": it has more than 8 servers");
  EXPECT_EQ(error_of({{"a", {kOne}, {}}, {"A", {kTwo}, {}}}),
            "forwarding rule for \"A\": there is another one for the same network");
  EXPECT_EQ(error_of(std::vector<ForwardRule>(65, {"a", {kOne}, {}})),
            "more than 64 forwarding rules");
}

}  // namespace
}  // namespace sixpn::dns::testing
