#include "mesh/core/firewall_json.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Firewall sample() {
  Firewall firewall = make_firewall(
      "sixpn", kSelf,
      {attachment(1, NetworkId{0x11}, 0x20000), attachment(2, NetworkId{0x12}, 0x20001)});
  for (NetworkId network : {NetworkId{0x11}, NetworkId{0x12}})
    admit_network(network, kSelf, firewall);
  return firewall;
}

// One command per line, as the golden file has it.
std::string in_lines(const std::string& document) {
  std::string out;
  int depth = 0;
  for (char c : document) {
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    out += c;
    if (c == ',' && depth == 2) out += '\n';
  }
  return out + "\n";
}

constexpr const char* kGolden = "tests/unit/mesh/firewall.golden.json";

// To accept a wanted change of the rules, run once with SIXPN_UPDATE_GOLDEN=1 and read the
// difference.
TEST(FirewallDocument, IsTheGoldenOne) {
  std::string document = in_lines(firewall_document(sample()));
  if (std::getenv("SIXPN_UPDATE_GOLDEN") != nullptr) std::ofstream(kGolden) << document;
  std::stringstream golden;
  golden << std::ifstream(kGolden).rdbuf();
  EXPECT_EQ(document, golden.str());
}

TEST(FirewallDocument, UpdateRemovesBeforeItAdds) {
  UpdateFirewall update{{{kMachineSources, {"sx00020000", "fdaa:0:11:1:1:2:0:2"}}},
                        {{kSameNetwork, {"fdaa:0:12::/48", "fdaa:0:12::/48"}}}};
  EXPECT_EQ(
      firewall_update_document(update),
      R"({"nftables":[{"delete":{"element":{"family":"inet","table":"sixpn","name":"same_network",)"
      R"("elem":[{"concat":[{"prefix":{"addr":"fdaa:0:12::","len":48}},)"
      R"({"prefix":{"addr":"fdaa:0:12::","len":48}}]}]}}},)"
      R"({"add":{"element":{"family":"inet","table":"sixpn","name":"machine_sources",)"
      R"("elem":[{"concat":["sx00020000","fdaa:0:11:1:1:2:0:2"]}]}}}]})");
}

TEST(FirewallFingerprint, FollowsTheStructureNotTheElements) {
  Firewall firewall = sample();
  std::string fingerprint = firewall_fingerprint(firewall.structure);
  EXPECT_EQ(fingerprint, firewall_fingerprint(make_firewall("sixpn", kSelf, {}).structure));
  EXPECT_NE(fingerprint, firewall_fingerprint(make_firewall("wg0", kSelf, {}).structure));
  EXPECT_NE(fingerprint,
            firewall_fingerprint(make_firewall("sixpn", HostId{0x10009}, {}).structure));
  EXPECT_THAT(firewall_document(firewall), HasSubstr(fingerprint));
}

// Abridged from nft 1.0.6.
constexpr const char* kListing = R"({"nftables": [
  {"metainfo": {"version": "1.0.6"}},
  {"table": {"family": "inet", "name": "sixpn", "handle": 2}},
  {"counter": {"family": "inet", "name": "spoofed", "table": "sixpn", "handle": 1, "packets": 3, "bytes": 144}},
  {"set": {"family": "inet", "name": "machine_sources", "table": "sixpn", "type": ["ifname", "ipv6_addr"],
           "handle": 2, "elem": [{"concat": ["sx0001abcd", "fdaa:0:1:1:2:3:4:2"]}]}},
  {"set": {"family": "inet", "name": "host_proxies", "table": "sixpn", "type": ["ipv6_addr", "ipv6_addr"],
           "handle": 3, "flags": ["interval"],
           "elem": [{"concat": [{"prefix": {"addr": "fdaa:0:2::", "len": 48}}, "fdaa:0:2:1:2:0:1:2"]}]}},
  {"set": {"family": "inet", "name": "local_sources", "table": "sixpn", "type": "ipv6_addr", "handle": 4,
           "elem": ["fdaa:0:0:1:1::1"]}},
  {"chain": {"family": "inet", "table": "sixpn", "name": "from_machine", "handle": 4}},
  {"rule": {"family": "inet", "table": "sixpn", "chain": "prerouting", "handle": 8, "comment": "sixpn abc",
            "expr": [{"accept": null}]}}]})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(FirewallListing, ReadsElementsCountersAndFingerprint) {
  auto listing = parse_firewall_listing(kListing);
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->fingerprint, "sixpn abc");
  EXPECT_THAT(listing->elements,
              ElementsAre(SetElement{"host_proxies", {"fdaa:0:2::/48", "fdaa:0:2:1:2:0:1:2"}},
                          SetElement{"local_sources", {"fdaa::1:1:0:0:1"}},
                          SetElement{"machine_sources", {"sx0001abcd", "fdaa:0:1:1:2:3:4:2"}}));
  EXPECT_EQ(listing->counters.at("spoofed"), (PacketCounter{3, 144}));
}

TEST(FirewallListing, StructureChangesWithRulesButNotWithHandlesCountersOrElements) {
  std::string base = parse_firewall_listing(kListing)->structure;
  auto structure = [](const std::string& text) { return parse_firewall_listing(text)->structure; };
  EXPECT_EQ(base, structure(with(kListing, "\"handle\": 8", "\"handle\": 9")));
  EXPECT_EQ(base, structure(with(kListing, "\"packets\": 3", "\"packets\": 4")));
  EXPECT_EQ(base, structure(with(kListing, "sx0001abcd", "sx0001abce")));
  EXPECT_NE(base, structure(with(kListing, "{\"accept\": null}", "{\"drop\": null}")));
}

TEST(FirewallListing, RefusesWhatIsNoListing) {
  for (const char* text : {"", "{", "[]", "{}", R"({"nftables":{}})", "null"})
    EXPECT_FALSE(parse_firewall_listing(text)) << text;
  for (const char* text :
       {R"({"nftables":[]})",
        R"({"nftables":[1,{},{"rule":3},{"set":{}},{"counter":{"packets":"x"}}]})",
        R"({"nftables":[{"set":{"name":5,"elem":[{"concat":3},null,{"prefix":{}}]}}]})"})
    EXPECT_TRUE(parse_firewall_listing(text)) << text;
}

TEST(DroppingChains, AreThoseOfOthersThatSeeIpv6) {
  auto chains = parse_dropping_chains(R"({"nftables": [
    {"chain": {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
    {"chain": {"family": "inet", "table": "fw", "name": "in", "hook": "input", "policy": "drop"}},
    {"chain": {"family": "inet", "table": "fw", "name": "out", "hook": "output", "policy": "drop"}},
    {"chain": {"family": "inet", "table": "fw", "name": "fwd", "hook": "forward", "policy": "accept"}},
    {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
    {"chain": {"family": "inet", "table": "sixpn", "name": "x", "hook": "input", "policy": "drop"}},
    {"chain": {"family": "inet", "table": "fw", "name": "plain"}}]})");
  ASSERT_TRUE(chains);
  EXPECT_THAT(*chains, ElementsAre("ip6 filter FORWARD", "inet fw in"));
  EXPECT_FALSE(parse_dropping_chains("nonsense"));
}

}  // namespace
}  // namespace sixpn::mesh
