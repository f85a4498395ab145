#include "agent/dns_json.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "config/agent_config.h"
#include "dns/core/zone.h"

namespace sixpn::agent {
namespace {

using Health = dns::UpstreamChoice::Health;

dns::Stats with_upstreams() {
  dns::Stats stats;
  stats.forward_hits = 7;
  for (auto health : {Health::kUp, Health::kDown, Health::kLooping})
    stats.upstreams.push_back(
        {*parse_endpoint("192.0.2.1:53"), health, std::chrono::milliseconds(3), 5, 1, true});
  return stats;
}

TEST(DnsJson, UpstreamsAndWhatTheyAre) {
  auto shown = dns_json(with_upstreams()).at("forwarding").as_object();
  EXPECT_EQ(shown.at("hits").to_number<int>(), 7);
  EXPECT_EQ(boost::json::serialize(shown.at("upstreams").as_array().at(0)),
            R"({"address":"192.0.2.1:53","health":"up","round_trip_us":3000,"answered":5,)"
            R"("unanswered":1,"edns":true})");
  EXPECT_EQ(shown.at("upstreams").as_array().at(2).at("health").as_string(), "looping");
}

TEST(DnsJson, TheOperatorIsWarnedOfTheDeadAndTheLooping) {
  auto warnings = dns_warnings(with_upstreams());
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0],
            "upstream resolver 192.0.2.1:53 does not answer; others are asked, or what "
            "is kept is told");
  EXPECT_TRUE(warnings[1].starts_with("upstream resolver 192.0.2.1:53 asks this host in turn"));
}

// config knows the zones by its own list, because it knows no other room.
TEST(DnsJson, NoRuleForwardsAnOwnZone) {
  for (const auto& zone : dns::own_zones())
    for (const std::string& domain : {std::string(zone.apex), "x." + std::string(zone.apex)}) {
      auto text = "[[dns.forward_rules]]\ndomain = \"" + domain + "\"\nservers = [\"192.0.2.1\"]\n";
      auto parsed = config::parse_agent_config(text, "agent.toml");
      // A site's own resolver may know what is of the site.
      if (zone.kind == dns::ZoneKind::kLocal) {
        EXPECT_TRUE(parsed) << domain;
        continue;
      }
      ASSERT_FALSE(parsed) << domain;
      EXPECT_NE(to_string(parsed.errors()).find("are answered here, and never forwarded"),
                std::string::npos)
          << domain;
    }
}

}  // namespace
}  // namespace sixpn::agent
