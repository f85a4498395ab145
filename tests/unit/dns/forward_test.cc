#include "dns/core/forward.h"

#include <gtest/gtest.h>

#include "dns/core/query.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

Query client(const QueryBytes& query) {
  return parse_query(encode(query)).query;
}

std::string a_record(const std::string& owner, char last) {
  return owner + u16(kTypeA) + u16(kClassIn) + u16(0) + u16(60) + u16(4) + "\xc0\x00\x02"s + last;
}

struct UpstreamBytes {
  std::string name = "example.org";
  RrType type = kTypeA;
  std::uint16_t flags = 0x8580;  // QR AA RD RA
  std::vector<std::string> answers = {}, authority = {}, additional = {};
};

std::string upstream(const UpstreamBytes& reply) {
  auto bytes = u16(1) + u16(reply.flags) + u16(1) + u16(reply.answers.size()) +
               u16(reply.authority.size()) + u16(reply.additional.size()) +
               Name::from_text(reply.name)->wire() + u16(reply.type) + u16(kClassIn);
  for (const auto* section : {&reply.answers, &reply.authority, &reply.additional})
    for (const auto& record : *section) bytes += record;
  return bytes;
}

const std::string kOpt = "\0"s + u16(kTypeOpt) + u16(4096) + u16(0) + u16(0) + u16(0);
const std::string kOwner = "\xc0\x0c";

TEST(Forward, TheUpstreamQueryEndsInABareOpt) {
  auto query = client({.name = "Example.org",
                       .type = kTypeA,
                       .flags = 0x0110,
                       .edns_size = 4096,
                       .edns_ttl = 0x8000,
                       .edns_options = u16(10) + u16(8) + "clientck"});
  auto bytes = make_upstream_query(query, 0xabcd, UpstreamEdns::kWith);
  auto parsed = parse_query(bytes);
  ASSERT_EQ(parsed.verdict, Verdict::kAnswer);
  EXPECT_EQ(parsed.query.id, 0xabcd);
  EXPECT_TRUE(parsed.query.recursion_desired && parsed.query.checking_disabled);
  EXPECT_EQ(parsed.query.edns->payload_size, kMaxUdpBytes);
  EXPECT_TRUE(parsed.query.edns->dnssec_ok);
  EXPECT_EQ(bytes.find("clientck"), std::string::npos);
  auto bare = make_upstream_query(query, 0xabcd, UpstreamEdns::kWithout);
  EXPECT_EQ(bare.size() + 11, bytes.size());
  EXPECT_FALSE(parse_query(bare).query.edns);
}

TEST(Forward, TheReplyBecomesTheClients) {
  auto query = client({.name = "eXample.ORG", .type = kTypeA, .id = 77, .flags = 0x0100});
  auto adapted = adapt_upstream_reply(
      query, upstream({.flags = 0x85b0, .answers = {a_record(kOwner, 7)}, .additional = {kOpt}}),
      512);
  ASSERT_TRUE(adapted);
  EXPECT_TRUE(adapted->had_edns);
  auto reply = *parse_reply(adapted->message);
  EXPECT_EQ(reply.id, 77);
  EXPECT_EQ(reply.question, "eXample.ORG. IN A");
  EXPECT_EQ(reply.answers, (std::vector<std::string>{"eXample.ORG. 60 IN A 192.0.2.7"}));
  EXPECT_TRUE(reply.recursion_available && reply.recursion_desired);
  EXPECT_FALSE(reply.authoritative || reply.authentic || reply.checking_disabled || reply.edns);
}

TEST(Forward, EdnsIsBetweenEachPair) {
  auto query =
      client({.name = "example.org", .type = kTypeA, .edns_size = 1400, .edns_ttl = 0x8000});
  auto reply = *parse_reply(
      adapt_upstream_reply(query, upstream({.answers = {a_record(kOwner, 7)}}), 1232)->message);
  EXPECT_TRUE(reply.edns && reply.dnssec_ok);
  EXPECT_EQ(reply.edns_size, 1232);
  // An extended code reaches a client that can read it; another gets none of it.
  auto bad = "\0"s + u16(kTypeOpt) + u16(512) + u16(0x0100) + u16(0) + u16(0);
  auto extended = upstream({.additional = {bad}});
  EXPECT_EQ(parse_reply(adapt_upstream_reply(query, extended, 1232)->message)->rcode, 16);
  EXPECT_FALSE(
      adapt_upstream_reply(client({.name = "example.org", .type = kTypeA}), extended, 512));
}

TEST(Forward, LargeRepliesAreCutAtWholeRecords) {
  UpstreamBytes large;
  for (int i = 0; i < 100; ++i) large.answers.push_back(a_record(kOwner, static_cast<char>(i)));
  large.authority = {a_record(kOwner, 'n')};
  auto query = client({.name = "example.org", .type = kTypeA});
  auto adapted = adapt_upstream_reply(query, upstream(large), 512);
  auto reply = *parse_reply(adapted->message);
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.answers.size(), (512U - 12 - 17) / 16);
  EXPECT_TRUE(reply.authority.empty());
  EXPECT_LE(adapted->message.size(), 512U);
  auto whole = *parse_reply(adapt_upstream_reply(query, upstream(large), 65535)->message);
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.answers.size(), 100U);
  EXPECT_EQ(whole.authority.size(), 1U);
}

TEST(Forward, TcIsSetOnlyWhenSomethingNeededIsMissing) {
  std::vector<std::string> many(40, a_record(kOwner, 1));
  auto query = client({.name = "example.org", .type = kTypeA});
  auto tc = [&](const UpstreamBytes& reply) {
    return parse_reply(adapt_upstream_reply(query, upstream(reply), 512)->message)->truncated;
  };
  EXPECT_FALSE(tc({.answers = {a_record(kOwner, 1)}, .authority = many}));
  EXPECT_FALSE(tc({.answers = {a_record(kOwner, 1)}, .additional = many}));
  EXPECT_TRUE(tc({.authority = many}));
  EXPECT_TRUE(tc({.flags = 0x8380}));  // the upstream's own TC stays
}

TEST(Forward, RepliesToSomethingElseAreNotUsed) {
  auto query = client({.name = "example.org", .type = kTypeA});
  auto good = upstream({.answers = {a_record(kOwner, 7)}});
  ASSERT_TRUE(adapt_upstream_reply(query, good, 512));
  EXPECT_FALSE(adapt_upstream_reply(query, upstream({.name = "example.net"}), 512));
  EXPECT_FALSE(adapt_upstream_reply(query, upstream({.type = kTypeAaaa}), 512));
  EXPECT_FALSE(adapt_upstream_reply(query, upstream({.flags = 0x0100}), 512));  // a query
  EXPECT_FALSE(adapt_upstream_reply(query, upstream({.flags = 0xa180}), 512));  // opcode UPDATE
  auto forward_pointer = upstream({.answers = {a_record("\xc0\xf0", 7)}});
  EXPECT_FALSE(adapt_upstream_reply(query, forward_pointer, 512));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(adapt_upstream_reply(query, good.substr(0, size), 512)) << size;
}

TEST(Forward, MutatedRepliesStayWithinTheLimit) {
  auto query = client({.name = "example.org", .type = kTypeA, .edns_size = 600});
  auto good = upstream(
      {.answers = std::vector<std::string>(60, a_record(kOwner, 7)), .additional = {kOpt}});
  Rng rng(3);
  int adapted = 0;
  for (int round = 0; round < 20000; ++round) {
    auto bytes = good;
    for (auto n = rng.below(3) + 1; n > 0; --n)
      bytes[rng.below(bytes.size())] = static_cast<char>(rng());
    auto reply = adapt_upstream_reply(query, bytes, 600);
    if (!reply) continue;
    ++adapted;
    ASSERT_LE(reply->message.size(), 600U) << round;
  }
  EXPECT_GT(adapted, 1000);
}

}  // namespace
}  // namespace sixpn::dns::testing
