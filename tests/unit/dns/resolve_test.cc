// The whole path of a message but for the sockets; replies are read back by ldns.
#include "dns/core/resolve.h"

#include <gtest/gtest.h>

#include <set>

#include "both_ways.h"
#include "dns/core/render.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

Outcome send(const Snapshot& snapshot, const QueryBytes& query, const Ip6& source = asker(),
             Transport transport = Transport::kUdp, std::uint64_t seed = 1) {
  auto both = ask_both_ways(&snapshot, audience(), encode(query), source, transport, seed);
  EXPECT_EQ(both.difference, "") << query.name;
  return both.outcome;
}

ParsedReply reply_to(const Snapshot& snapshot, const QueryBytes& query,
                     Transport transport = Transport::kUdp, std::uint64_t seed = 1) {
  auto outcome = send(snapshot, query, asker(), transport, seed);
  EXPECT_EQ(outcome.fate, Fate::kReply);
  auto parsed = parse_reply(outcome.reply);
  EXPECT_TRUE(parsed) << to_string(outcome.rcode);
  return parsed.value_or(ParsedReply{});
}

TEST(Resolve, AnswersWithTheFlagsOfRfc1035) {
  auto reply = reply_to(*World().snapshot(), {.name = "iAd.wEb.Internal", .id = 0xbeef});
  EXPECT_EQ(reply.id, 0xbeef);
  EXPECT_TRUE(reply.response && reply.authoritative && reply.recursion_available);
  EXPECT_TRUE(reply.recursion_desired);
  EXPECT_FALSE(reply.truncated || reply.authentic || reply.checking_disabled || reply.edns);
  EXPECT_EQ(reply.question, "iAd.wEb.Internal. IN AAAA");
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_EQ(reply.answers[0], "iAd.wEb.Internal. 5 IN AAAA " + to_string(asker()));
  EXPECT_TRUE(reply.authority.empty());
}

TEST(Resolve, OwnersPointAtTheQuestion) {
  auto outcome = send(*World().snapshot(), {});
  // Header, question, and four times: pointer, type, class, TTL, length, address.
  EXPECT_EQ(outcome.reply.size(), 12 + 14 + 4 + 4 * (2 + 10 + 16));
}

TEST(Resolve, NegativeAnswersCarryTheSoa) {
  for (const char* name : {"vm.web.internal", "unknown.internal"}) {
    auto reply = reply_to(*World().snapshot(), {.name = name, .edns_size = 1232});
    EXPECT_EQ(reply.rcode, std::string(name) == "unknown.internal" ? 3 : 0);
    ASSERT_EQ(reply.authority.size(), 1U);
    EXPECT_EQ(reply.authority[0],
              "internal. 5 IN SOA _dns.internal. hostmaster.internal. 42 14400 3600 604800 5");
    EXPECT_TRUE(reply.authoritative && reply.edns);
  }
}

TEST(Resolve, EdnsIsEchoedOnlyWhenAskedFor) {
  auto snapshot = World().snapshot();
  auto reply = reply_to(*snapshot, {.edns_size = 4096, .edns_ttl = 0xffff});  // DO and all Z bits
  EXPECT_TRUE(reply.edns && reply.dnssec_ok);
  EXPECT_EQ(reply.edns_size, 1232);
  EXPECT_EQ(reply.edns_version, 0);
  auto raw = send(*snapshot, {.edns_size = 4096, .edns_ttl = 0xffff}).reply;
  EXPECT_EQ(raw.substr(raw.size() - 6), std::string("\0\0\x80\0\0\0", 6));  // Z clear, no options
  EXPECT_FALSE(reply_to(*snapshot, {}).edns);
}

TEST(Resolve, BadVersionIsAnsweredWithVersionZero) {
  auto reply = reply_to(*World().snapshot(), {.edns_size = 1232, .edns_ttl = 0x10000});
  EXPECT_EQ(reply.rcode, 16);
  EXPECT_EQ(reply.edns_version, 0);
  EXPECT_TRUE(reply.answers.empty());
}

TEST(Resolve, UnknownOpcodesGetCleanFlags) {
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    // Every flag but QR set in the query.
    auto flags = static_cast<std::uint16_t>(opcode << 11 | 0x07f0);
    auto outcome = send(*World().snapshot(), {.flags = flags});
    ASSERT_EQ(outcome.reply.size(), kHeaderBytes);
    EXPECT_EQ(outcome.reply.substr(0, 4), u16(0x1234) + u16(0x8000 | opcode << 11 | 4));
  }
}

TEST(Resolve, TruncatedUdpAnswersKeepAsManyWholeRecordsAsFit) {
  auto snapshot = big_world(60);
  struct Case {
    int edns_size;
    std::size_t answers;
  };
  // 12 + 18 bytes of header and question, 28 per record, 11 for OPT.
  for (auto c : {Case{-1, 17}, Case{512, 16}, Case{1000, 34}, Case{1232, 42}, Case{65535, 42}}) {
    auto outcome = send(*snapshot, {.name = "big.internal", .edns_size = c.edns_size});
    auto reply = *parse_reply(outcome.reply);
    EXPECT_TRUE(reply.truncated && outcome.truncated);
    EXPECT_EQ(reply.answers.size(), c.answers) << c.edns_size;
    EXPECT_LE(outcome.reply.size(), outcome.query.udp_limit());
    EXPECT_EQ(reply.edns, c.edns_size >= 0);
  }
  auto whole = reply_to(*snapshot, {.name = "big.internal"}, Transport::kTcp);
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.answers.size(), 60U);
}

TEST(Resolve, TruncatedAnswersRotate) {
  auto snapshot = big_world(60);
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 64; ++seed)
    for (const auto& line :
         reply_to(*snapshot, {.name = "big.internal"}, Transport::kUdp, seed).answers)
      seen.insert(line);
  EXPECT_EQ(seen.size(), 60U);
}

TEST(Resolve, LongTextIsOneRecordOfStringsOf255) {
  auto snapshot = big_world(40);
  auto over_udp = reply_to(*snapshot, {.name = "_instances.internal", .type = kTypeTxt});
  EXPECT_TRUE(over_udp.truncated && over_udp.answers.empty());
  auto reply =
      reply_to(*snapshot, {.name = "_instances.internal", .type = kTypeTxt}, Transport::kTcp);
  ASSERT_EQ(reply.answers.size(), 1U);
  std::string glued;
  std::size_t at = reply.answers[0].find('"');
  while (at != std::string::npos) {
    auto end = reply.answers[0].find('"', at + 1);
    glued += reply.answers[0].substr(at + 1, end - at - 1);
    if (reply.answers[0].find('"', end + 1) != std::string::npos) {
      EXPECT_EQ(end - at - 1, 255U);
    }
    at = reply.answers[0].find('"', end + 1);
  }
  auto expected = std::get<Text>(ask(*snapshot, "_instances.internal", kTypeTxt).answers[0].rdata);
  EXPECT_EQ(glued, expected.value);
}

TEST(Resolve, TheLongestListFitsAMessage) {
  auto snapshot = big_world(1000);
  auto outcome =
      send(*snapshot, {.name = "_instances.internal", .type = kTypeTxt, .edns_size = 1232}, asker(),
           Transport::kTcp);
  EXPECT_LE(outcome.reply.size(), kMaxMessageBytes);
  EXPECT_FALSE(outcome.truncated);
  EXPECT_TRUE(outcome.list_cut);
  EXPECT_EQ(parse_reply(outcome.reply)->answers.size(), 1U);
}

TEST(Resolve, EmptyTextIsOneEmptyString) {
  auto reply = reply_to(*World().snapshot(), {.name = "vms.idle.internal", .type = kTypeTxt});
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_EQ(reply.answers[0], "vms.idle.internal. 5 IN TXT \"\"");
}

TEST(Resolve, UnknownSourcesAreRefused) {
  auto snapshot = World().snapshot();
  for (const auto& source :
       {address_of(kAcme, kHostA, 0xee), address_of(kUnknownNetwork, kHostA, 0xa1),
        peer_address(kUnknownNetwork, kHostB, 1), host_address(kHostA), kResolverAddress,
        flycast_address(kAcme, 2), proxy_address(kAcme, kHostA), *parse_ip("::1"),
        *parse_ip("192.0.2.1")}) {
    for (const char* name : {"web.internal", "example.org"}) {
      auto outcome = send(*snapshot, {.name = name, .edns_size = 1232}, source);
      EXPECT_TRUE(outcome.refused_source) << to_string(source);
      auto reply = *parse_reply(outcome.reply);
      EXPECT_EQ(reply.rcode, 5);
      EXPECT_FALSE(reply.authoritative);
      EXPECT_EQ(reply.edns_options.substr(0, 6), u16(15) + u16(16) + u16(18));  // prohibited
    }
  }
}

TEST(Resolve, TheViewFollowsTheSource) {
  auto snapshot = World().snapshot();
  auto with_loopback = audience();
  with_loopback.extra_views = {{*parse_prefix6("::1/128"), kGlobex},
                               {*parse_prefix6("::/8"), kAcme}};
  EXPECT_EQ(view_of(*snapshot, with_loopback, *parse_ip("::1")), kGlobex);
  EXPECT_EQ(view_of(*snapshot, with_loopback, *parse_ip("::2")), kAcme);
  EXPECT_EQ(view_of(*snapshot, with_loopback, asker()), kAcme);
  EXPECT_EQ(view_of(*snapshot, audience(), address_of(kGlobex, kHostA, 0xc1)), kGlobex);
  EXPECT_EQ(view_of(*snapshot, audience(), peer_address(kGlobex, kHostB, 1)), kGlobex);
  EXPECT_EQ(view_of(*snapshot, audience(), *parse_ip("::1")), std::nullopt);
}

// The host itself, at its own address, sees the network that it was given, as the operator.
TEST(Resolve, TheHostSeesTheNetworkThatItWasGiven) {
  World world;
  world.network(kAcme).network = {kAcme, "acme", "default"};
  auto snapshot = world.snapshot();
  auto given = audience();
  given.host_network = "acme/default";
  EXPECT_EQ(view_of(*snapshot, given, host_address(kHostA)), kAcme);
  EXPECT_EQ(view_of(*snapshot, given, host_address(kHostB)), std::nullopt);  // another host
  EXPECT_EQ(view_of(*snapshot, audience(), host_address(kHostA)), std::nullopt);
  given.host_network = "acme/other";
  EXPECT_EQ(view_of(*snapshot, given, host_address(kHostA)), std::nullopt);
  given.host_network = "acme/default";
  world.edit().synced = false;
  world.edit().networks.clear();
  auto both = ask_both_ways(world.snapshot().get(), given, encode({}), host_address(kHostA),
                            Transport::kUdp);
  EXPECT_EQ(both.difference, "");
  EXPECT_EQ(both.outcome.rcode, Rcode::kServFail);
}

TEST(Resolve, BeforeTheRegistryIsReadyItSaysSo) {
  World world;
  world.edit().synced = false;
  world.edit().networks.clear();
  auto empty = world.snapshot();
  for (const Snapshot* snapshot : {static_cast<const Snapshot*>(nullptr), empty.get()}) {
    auto ask = [&](const QueryBytes& query, const Ip6& source) {
      auto both = ask_both_ways(snapshot, audience(), encode(query), source, Transport::kUdp);
      EXPECT_EQ(both.difference, "");
      return both.outcome;
    };
    auto outcome = ask({.edns_size = 1232}, asker());
    auto reply = *parse_reply(outcome.reply);
    EXPECT_EQ(reply.rcode, 2);
    EXPECT_FALSE(reply.authoritative);
    EXPECT_EQ(reply.edns_options.substr(4, 2), u16(14));
    auto foreign = ask({.name = "example.org"}, asker());
    EXPECT_EQ(foreign.fate, Fate::kForward);
    auto stranger = ask({}, *parse_ip("::1"));
    EXPECT_TRUE(stranger.refused_source);
  }
}

TEST(Resolve, ForeignNamesAreHandedOver) {
  auto outcome = send(*World().snapshot(), {.name = "Example.org", .type = kTypeA});
  EXPECT_EQ(outcome.fate, Fate::kForward);
  EXPECT_EQ(to_string(outcome.query.question->name), "Example.org.");
  EXPECT_TRUE(outcome.reply.empty());
}

// No address of one network reaches another's answers, whatever is asked by whomever.
TEST(Resolve, NoAnswerCrossesNetworks) {
  auto snapshot = World().snapshot();
  Rng rng(7);
  std::vector<std::string> words = {"web",
                                    "idle",
                                    "secret",
                                    "empty",
                                    "k8s",
                                    "internal",
                                    "flycast",
                                    "_peer",
                                    "spy",
                                    "laptop",
                                    "vm",
                                    "vms",
                                    "all",
                                    "_instances",
                                    "of",
                                    "nearest",
                                    "top5",
                                    "iad",
                                    "fra",
                                    "role",
                                    "leader",
                                    "kv",
                                    "_metadata",
                                    "000000000000a1",
                                    "000000000000c2",
                                    "global",
                                    "process",
                                    "app"};
  const Ip6 globex = address_of(kGlobex, kHostA, 0xc1);
  for (int round = 0; round < 20000; ++round) {
    bool as_acme = rng.chance(0.5);
    std::string name = rng.chance(0.8) ? "internal" : "flycast";
    for (auto n = rng.below(5) + 1; n > 0; --n) name = words[rng.below(words.size())] + "." + name;
    auto answer = ask(*snapshot, name, kTypeAny, as_acme ? asker() : globex,
                      as_acme ? kAcme : kGlobex, round);
    for (const auto& record : answer.answers) {
      if (const auto* ip = std::get_if<Ip6>(&record.rdata)) {
        ASSERT_EQ(network_of(*ip), as_acme ? kAcme : kGlobex) << name;
      } else if (const auto* text = std::get_if<Text>(&record.rdata)) {
        ASSERT_EQ(text->value.find(as_acme ? "c2" : "a2"), std::string::npos) << name;
      }
    }
  }
}

}  // namespace
}  // namespace sixpn::dns::testing
