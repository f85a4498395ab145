#include "dns/core/explain.h"

#include <gtest/gtest.h>

#include "both_ways.h"
#include "dns/core/render.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

Result<Explanation> dig(const std::string& name, const std::string& type) {
  Rng rng(1);
  return explain(*World().snapshot(), kAcme, viewer(), name, type, rng);
}

TEST(Explain, PrintsWhatAPacketWouldSay) {
  auto found = *dig("iad.web.internal", "aaaa");
  EXPECT_EQ(found.name, "iad.web.internal.");
  EXPECT_EQ(found.type, "AAAA");
  EXPECT_EQ(found.rcode, "NOERROR");
  EXPECT_EQ(found.generation, 42U);
  ASSERT_EQ(found.answers.size(), 1U);
  EXPECT_EQ(found.answers[0], "iad.web.internal.\t5\tIN\tAAAA\t" + to_string(asker()));
  EXPECT_TRUE(found.authority.empty());

  auto missing = *dig("nothing.internal", "AAAA");
  EXPECT_EQ(missing.rcode, "NXDOMAIN");
  ASSERT_EQ(missing.authority.size(), 1U);
  EXPECT_EQ(dig("regions.web.internal", "TXT")->answers[0],
            "regions.web.internal.\t5\tIN\tTXT\t\"fra,iad,nrt\"");
}

TEST(Explain, SaysThatOtherNamesAreForwarded) {
  auto foreign = *dig("example.org", "A");
  EXPECT_TRUE(foreign.forwarded);
  EXPECT_TRUE(foreign.rcode.empty());
  EXPECT_EQ(foreign.note,
            "not a name of this network: the resolver forwards it, by no rule: to the host's "
            "upstream resolvers");
  EXPECT_EQ(foreign.rule, "no rule: to the host's upstream resolvers");
}

TEST(Explain, SaysByWhichRuleToWhom) {
  auto server = *parse_endpoint("192.0.2.1:53"), other = *parse_endpoint("192.0.2.2:53");
  auto rules = *ForwardRules::make({}, {{"corp.example", {server, other}, {}},
                                        {"10.in-addr.arpa", {server}, {"acme/default"}},
                                        {"corp.example", {other}, {"globex/default"}}});
  auto note = [&](const char* name) {
    Rng rng(1);
    return explain(*World().snapshot(), kAcme, viewer(), name, "A", rng, &rules)->note;
  };
  const std::string forwards = "not a name of this network: the resolver forwards it, by ";
  EXPECT_EQ(note("HR.corp.example"),
            forwards + "the rule for corp.example.: 192.0.2.1:53, 192.0.2.2:53");
  EXPECT_EQ(note("9.0.0.10.in-addr.arpa"),
            forwards + "the rule for 10.in-addr.arpa. and acme/default: 192.0.2.1:53");
  EXPECT_EQ(note("example.org"), forwards + "no rule: to the host's upstream resolvers");
  EXPECT_EQ(note("9.1.168.192.in-addr.arpa"), "");  // nobody is asked
}

TEST(Explain, BadInputIsNamed) {
  EXPECT_EQ(dig("a..b", "AAAA").error().message, "'a..b' is not a domain name");
  EXPECT_EQ(dig("web.internal", "AAAAA").error().message,
            "'AAAAA' is not a record type (try AAAA, TXT, SRV or PTR)");
  EXPECT_EQ(dig("web.internal", "TYPE65280")->rcode, "NOERROR");
  for (const char* type : {"TYPE65536", "TYPE99999", "TYPE4294967324", "TYPE0", "TYPE", "TYPE28x"})
    EXPECT_EQ(dig("web.internal", type).error().message,
              "'" + std::string(type) + "' is not a record type (a number is TYPE1 to TYPE65535)");
}

// What is refused before any name is looked at, foreign ones not excepted.
TEST(Explain, JudgesTypesAsAPacketIsJudged) {
  World world;
  for (const char* name : {"web.internal", "nothing.internal", "example.org"}) {
    for (const char* type : {"AXFR", "ixfr", "TSIG", "TKEY", "TYPE41"}) {
      auto said = *dig(name, type);
      auto packet = encode({.name = name, .type = *parse_rr_type(type)});
      auto outcome =
          ask_both_ways(&*world.snapshot(), audience(), packet, asker(), Transport::kTcp, 1)
              .outcome;
      EXPECT_EQ(said.rcode, to_string(outcome.rcode)) << name << " " << type;
      EXPECT_EQ(said.rcode, said.type.ends_with("XFR") ? "REFUSED" : "FORMERR") << name;
      EXPECT_EQ(said.bytes, outcome.reply.size()) << name << " " << type;
      EXPECT_NE(said.note, "");
      EXPECT_EQ(said.note, said.rule);
      EXPECT_FALSE(said.authoritative);
      EXPECT_FALSE(said.forwarded);
      EXPECT_TRUE(said.authority.empty() && said.answers.empty() && said.behind.empty());
    }
  }
}

Explanation explained(const World& world, const std::string& name, const std::string& type = "AAAA",
                      const Ip6& source = asker()) {
  Rng rng(1);
  return *explain(*world.snapshot(), kAcme, viewer(source), name, type, rng);
}

using Lines = std::vector<std::string>;

TEST(Explain, SaysWhichRecordsAnswerAndWhyOthersDoNot) {
  World world;
  world.network(kAcme).generation = 7;
  auto said = explained(world, "fra.web.internal");
  EXPECT_EQ(said.rule, "started machines of a region");
  EXPECT_EQ(said.network_generation, 7U);
  EXPECT_TRUE(said.authoritative);
  EXPECT_EQ(
      said.behind,
      (Lines{
          "machine 000000000000a1 of web, group app, region iad, started, host host-00a10001 "
          "(alive, 0.0 ms): serves, and is not what was asked for",
          "machine 000000000000a2 of web, group worker, region fra, started, host host-00a10002 "
          "(alive, 90.0 ms): answered",
          "machine 000000000000a3 of web, group app, region nrt, started, host host-00a10003 "
          "(suspected, 170.0 ms): serves, and is not what was asked for",
          "machine 000000000000a4 of web, group app, region fra, started, host host-00a10004 "
          "(alive, not measured): answered",
          "machine 000000000000a5 of web, group cron, region iad, stopped, host host-00a10001 "
          "(alive, 0.0 ms): left out: stopped",
          "machine 000000000000a6 of web, group app, region nrt, started, host host-00a10005 "
          "(down, 171.0 ms): left out: its host is down or unknown",
          "machine 000000000000a7 of web, group console, region iad, started, host host-00a10001 "
          "(alive, 0.0 ms): left out: not registered (skip_dns)",
          "machine 000000000000a8 of web, group app, region fra, suspended, host host-00a10002 "
          "(alive, 90.0 ms): left out: suspended",
          "machine 000000000000a9 of web, group gone, region nrt, destroyed, host host-00a10003 "
          "(suspected, 170.0 ms): left out: destroyed",
          "machine 000000000000aa of web, group app, region iad, starting, host host-00a10001 "
          "(alive, 0.0 ms): left out: starting",
      }));
  // A machine that asks is in its own answer.
  auto own = explained(world, "web.internal", "AAAA", address_of(kAcme, kHostA, 0xaa));
  EXPECT_NE(own.behind.back().find("starting, host host-00a10001 (alive, 0.0 ms): answered"),
            std::string::npos);
}

TEST(Explain, NamesTheRecordsOfEveryZone) {
  World world;
  EXPECT_EQ(
      explained(world, "web.flycast").behind,
      (Lines{"flycast " + to_string(flycast_address(kAcme, 2)) + " to web of network 00010203",
             "flycast " + to_string(flycast_address(kAcme, 3)) + " to web of network 00010203",
             "flycast " + to_string(flycast_address(kAcme, 5)) + " to web of network 00990099"}));
  EXPECT_EQ(explained(world, "dns.svc.k8s.flycast").behind,
            (Lines{"flycast " + to_string(flycast_address(kAcme, 6)) +
                   " to k8s of network 00010203, service dns"}));
  Lines laptop{"peer laptop at " + to_string(peer_address(kAcme, kHostB, 1)) +
               ", gateway host host-00a10002 (alive, 90.0 ms)"};
  EXPECT_EQ(explained(world, "laptop._peer.internal").behind, laptop);
  EXPECT_EQ(explained(world, reverse_name(peer_address(kAcme, kHostB, 1)), "PTR").behind, laptop);
  auto pointer = explained(world, reverse_name(address_of(kAcme, kHostB, 0xa2)), "PTR");
  ASSERT_EQ(pointer.behind.size(), 1U);
  EXPECT_TRUE(pointer.behind[0].ends_with("(alive, 90.0 ms): answered")) << pointer.behind[0];
  auto stopped = explained(world, reverse_name(address_of(kAcme, kHostA, 0xa5)), "PTR");
  ASSERT_EQ(stopped.behind.size(), 1U);
  EXPECT_TRUE(stopped.behind[0].ends_with("left out: stopped")) << stopped.behind[0];
  // Nothing of another network.
  EXPECT_EQ(explained(world, "secret.internal").behind, Lines{});
  EXPECT_EQ(explained(world, reverse_name(address_of(kGlobex, kHostA, 0xc1)), "PTR").behind,
            Lines{});
}

TEST(Explain, SaysWhatExistsAboveAMissingName) {
  World world;
  EXPECT_EQ(explained(world, "x.y.web.internal").rule,
            "no such name; the closest that exists is web.internal.");
  EXPECT_EQ(explained(world, "_https._tcp.web.internal", "SRV").rule,
            "no such name; the closest that exists is _tcp.web.internal.");
  EXPECT_EQ(explained(world, "nothing.internal").rule,
            "no such name; the closest that exists is internal.");
  EXPECT_EQ(explained(world, "x.onion").rule, "no such name");
}

// Every name that exists has a rule, and what does not fit is told before a client finds out.
TEST(Explain, RulesAndSizes) {
  World world;
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, std::string>>{{"web.internal", "AAAA"},
                                                        {"web.internal", "A"},
                                                        {"role.kv._metadata.web.internal", "AAAA"},
                                                        {"top2.nearest.of.web.internal", "AAAA"},
                                                        {"healthy.web.internal", "AAAA"},
                                                        {"app.process.web.internal", "AAAA"},
                                                        {"000000000000a1.vm.web.internal", "AAAA"},
                                                        {"vm.web.internal", "AAAA"},
                                                        {"_tcp.web.internal", "SRV"},
                                                        {"_http._tcp.web.internal", "SRV"},
                                                        {"vms.web.internal", "TXT"},
                                                        {"vms.web.internal", "AAAA"},
                                                        {"_apps.internal", "TXT"},
                                                        {"_peer.internal", "TXT"},
                                                        {"_instances.internal", "TXT"},
                                                        {"_api.internal", "AAAA"},
                                                        {"_registry.internal", "TXT"},
                                                        {"internal", "SOA"},
                                                        {"web.flycast", "AAAA"},
                                                        {"svc.k8s.flycast", "AAAA"},
                                                        {"localhost", "AAAA"},
                                                        {reverse_name(asker()), "PTR"},
                                                        {reverse_name(asker(), 12), "PTR"}})
    EXPECT_NE(explained(world, name, type).rule, "") << name;

  for (std::uint64_t id = 0; id < 150; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  auto big = explained(world, "big.internal");
  EXPECT_EQ(big.answers.size(), 150U);
  EXPECT_EQ(big.answers_in_512, 17U);
  EXPECT_EQ(big.answers_in_1232, 42U);
  EXPECT_EQ(big.bytes, 12 + 14 + 4 + 150 * kAddressBlockBytes);
  EXPECT_EQ(big.behind.size(), kMostBehind + 1);
  EXPECT_EQ(big.behind.back(), "and 50 more");
  auto service = explained(world, "_5432._tcp.web.internal", "SRV");
  EXPECT_EQ(service.additional.size(), 1U);
}

TEST(Render, TypesAndCodesHaveNames) {
  EXPECT_EQ(parse_rr_type("ptr"), kTypePtr);
  EXPECT_EQ(parse_rr_type("TYPE28"), kTypeAaaa);
  EXPECT_EQ(parse_rr_type("type65535"), 65535);
  EXPECT_EQ(parse_rr_type("TYPE65536"), std::nullopt);
  EXPECT_EQ(parse_rr_type(""), std::nullopt);
  EXPECT_EQ(rr_type_name(kTypeTxt), "TXT");
  EXPECT_EQ(to_string(Rcode::kServFail), "SERVFAIL");
}

}  // namespace
}  // namespace sixpn::dns::testing
