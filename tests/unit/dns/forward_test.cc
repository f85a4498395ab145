#include "dns/core/forward.h"

#include <gtest/gtest.h>

#include "dns/core/edns_options.h"
#include "dns/core/query.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

ForeignQuery client(const QueryBytes& query, Transport transport = Transport::kUdp) {
  ForeignQuery foreign;
  EXPECT_TRUE(read_foreign_query(encode(query), transport, foreign));
  return foreign;
}

// The way of a reply from upstream to the client: nothing when it is not used.
std::optional<std::string> adapt(const ForeignQuery& query, std::string_view message,
                                 const Telling& telling = {}) {
  auto read = read_upstream_reply(query.spelled(), query.type, message);
  if (read.mismatch != Mismatch::kNone) return std::nullopt;
  std::string out(reply_room(read.reply, query), '\0');
  out.resize(write_reply(read.reply, query, telling, out.data()));
  return out;
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
  auto bytes = make_upstream_query(query, query.spelled(), 0xabcd);
  auto parsed = parse_query(bytes);
  ASSERT_EQ(parsed.verdict, Verdict::kAnswer);
  EXPECT_EQ(parsed.query.id, 0xabcd);
  EXPECT_TRUE(parsed.query.recursion_desired && parsed.query.checking_disabled);
  EXPECT_EQ(parsed.query.edns->payload_size, kMaxUdpBytes);
  EXPECT_TRUE(parsed.query.edns->dnssec_ok);
  EXPECT_EQ(bytes.find("clientck"), std::string::npos);
  auto bare = without_opt(bytes);
  EXPECT_EQ(bare.size() + 11, bytes.size());
  EXPECT_FALSE(parse_query(bare).query.edns);
}

TEST(Forward, TheReplyBecomesTheClients) {
  auto query = client({.name = "eXample.ORG", .type = kTypeA, .id = 77, .flags = 0x0100});
  auto adapted = adapt(query, upstream({.name = "eXample.ORG",
                                        .flags = 0x85b0,
                                        .answers = {a_record(kOwner, 7)},
                                        .additional = {kOpt}}));
  ASSERT_TRUE(adapted);
  auto reply = *parse_reply(*adapted);
  EXPECT_EQ(reply.id, 77);
  EXPECT_EQ(reply.question, "eXample.ORG. IN A");
  EXPECT_EQ(reply.answers, (std::vector<std::string>{"eXample.ORG. 60 IN A 192.0.2.7"}));
  EXPECT_TRUE(reply.recursion_available && reply.recursion_desired);
  EXPECT_FALSE(reply.authoritative || reply.authentic || reply.checking_disabled || reply.edns);
}

TEST(Forward, EdnsIsBetweenEachPair) {
  auto query =
      client({.name = "example.org", .type = kTypeA, .edns_size = 1400, .edns_ttl = 0x8000});
  auto reply = *parse_reply(*adapt(query, upstream({.answers = {a_record(kOwner, 7)}})));
  EXPECT_TRUE(reply.edns && reply.dnssec_ok);
  EXPECT_EQ(reply.edns_size, 1232);
  // An extended code reaches a client that can read it; another is told that it failed.
  auto bad = "\0"s + u16(kTypeOpt) + u16(512) + u16(0x0100) + u16(0) + u16(0);
  auto extended = upstream({.answers = {a_record(kOwner, 7)}, .additional = {bad}});
  EXPECT_EQ(parse_reply(*adapt(query, extended))->rcode, 16);
  auto told = *parse_reply(*adapt(client({.name = "example.org", .type = kTypeA}), extended));
  EXPECT_EQ(told.rcode, 2);
  EXPECT_TRUE(told.answers.empty());
}

// The client's options, in our OPT and nobody else's, before an extended error.
TEST(Forward, OptionsStandInTheOptBeforeTheError) {
  const auto cookie = u16(10) + u16(24) + "clientckserverserverserv";
  QueryBytes bytes{.name = "example.org", .type = kTypeA, .edns_size = 1232, .edns_ttl = 0x8000};
  auto query = client(bytes);
  auto message = upstream({.answers = {a_record(kOwner, 7)}, .additional = {kOpt}});
  auto told = *parse_reply(*adapt(query, message, {.options = cookie}));
  EXPECT_EQ(told.edns_options, cookie);
  EXPECT_TRUE(told.dnssec_ok);
  EXPECT_EQ(told.answers.size(), 1U);
  Telling is_stale = stale(read_upstream_reply(query.spelled(), kTypeA, message).reply);
  is_stale.text = "why";
  is_stale.options = cookie;
  EXPECT_EQ(parse_reply(*adapt(query, message, is_stale))->edns_options,
            cookie + u16(15) + u16(5) + u16(3) + "why");
  bytes.edns_size = -1;
  EXPECT_FALSE(parse_reply(*adapt(client(bytes), message, is_stale))->edns);
}

TEST(Forward, OptionsTakeTheRoomOfRecords) {
  const std::string options(ReplyOptions::kMostBytes, '\0');  // the most that there are
  UpstreamBytes large;
  for (int i = 0; i < 100; ++i) large.answers.push_back(a_record(kOwner, static_cast<char>(i)));
  auto query = client({.name = "example.org", .type = kTypeA, .edns_size = 512});
  constexpr std::size_t kAround = 12 + 17 + 11, kRecord = 16;
  for (std::size_t size : {std::size_t{0}, std::size_t{28}, options.size()}) {
    Telling telling{.options = std::string_view(options).substr(0, size)};
    auto adapted = adapt(query, upstream(large), telling);
    EXPECT_LE(adapted->size(), 512U);
    EXPECT_EQ(parse_reply(*adapted)->answers.size(), (512 - kAround - size) / kRecord) << size;
  }
}

TEST(Forward, LargeRepliesAreCutAtWholeRecords) {
  UpstreamBytes large;
  for (int i = 0; i < 100; ++i) large.answers.push_back(a_record(kOwner, static_cast<char>(i)));
  large.authority = {a_record(kOwner, 'n')};
  auto query = client({.name = "example.org", .type = kTypeA});
  auto adapted = adapt(query, upstream(large));
  auto reply = *parse_reply(*adapted);
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.answers.size(), (512U - 12 - 17) / 16);
  EXPECT_TRUE(reply.authority.empty());
  EXPECT_LE(adapted->size(), 512U);
  auto over_tcp = client({.name = "example.org", .type = kTypeA}, Transport::kTcp);
  auto whole = *parse_reply(*adapt(over_tcp, upstream(large)));
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.answers.size(), 100U);
  EXPECT_EQ(whole.authority.size(), 1U);
}

TEST(Forward, TcIsSetOnlyWhenSomethingNeededIsMissing) {
  std::vector<std::string> many(40, a_record(kOwner, 1));
  auto query = client({.name = "example.org", .type = kTypeA});
  auto tc = [&](const UpstreamBytes& reply) {
    return parse_reply(*adapt(query, upstream(reply)))->truncated;
  };
  EXPECT_FALSE(tc({.answers = {a_record(kOwner, 1)}, .authority = many}));
  EXPECT_FALSE(tc({.answers = {a_record(kOwner, 1)}, .additional = many}));
  EXPECT_TRUE(tc({.authority = many}));
  EXPECT_TRUE(tc({.flags = 0x8380}));  // the upstream's own TC stays
}

TEST(Forward, RepliesToSomethingElseAreNotUsed) {
  auto query = client({.name = "example.org", .type = kTypeA});
  auto good = upstream({.answers = {a_record(kOwner, 7)}});
  ASSERT_TRUE(adapt(query, good));
  EXPECT_FALSE(adapt(query, upstream({.name = "example.net"})));
  EXPECT_FALSE(adapt(query, upstream({.type = kTypeAaaa})));
  EXPECT_FALSE(adapt(query, upstream({.flags = 0x0100})));  // a query
  EXPECT_FALSE(adapt(query, upstream({.flags = 0xa180})));  // opcode UPDATE
  auto forward_pointer = upstream({.answers = {a_record("\xc0\xf0", 7)}});
  EXPECT_FALSE(adapt(query, forward_pointer));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(adapt(query, good.substr(0, size))) << size;
}

TEST(Forward, AnotherSpellingIsToldFromAnotherQuestion) {
  auto query = client({.name = "eXample.org", .type = kTypeA});
  auto read = [&](const std::string& name) {
    return read_upstream_reply(query.spelled(), kTypeA, upstream({.name = name})).mismatch;
  };
  EXPECT_EQ(read("eXample.org"), Mismatch::kNone);
  EXPECT_EQ(read("example.org"), Mismatch::kSpelling);
  EXPECT_EQ(read("eXample.net"), Mismatch::kOther);
}

TEST(Forward, SpellingTakesOneBitForEachLetter) {
  auto name = Name::from_text("a-1.b.example")->wire();
  EXPECT_EQ(spell_randomly(name, 0), name);
  EXPECT_EQ(spell_randomly(name, 0b101), "\3A-1\1b\7Example"s + '\0');
}

std::string soa_record(std::uint32_t ttl, std::uint32_t minimum) {
  auto u32 = [](std::uint32_t value) { return u16(value >> 16) + u16(value & 0xffff); };
  return kOwner + u16(kTypeSoa) + u16(kClassIn) + u32(ttl) + u16(22) + "\0\0"s + u32(1) + u32(2) +
         u32(3) + u32(4) + u32(minimum);
}

TEST(Forward, HowLongAReplyMayBeKept) {
  auto query = client({.name = "example.org", .type = kTypeA});
  auto lifetime = [&](const UpstreamBytes& bytes) {
    return read_upstream_reply(query.spelled(), kTypeA, upstream(bytes)).reply.lifetime;
  };
  auto with_ttl = [](std::uint32_t ttl) {
    return kOwner + u16(kTypeA) + u16(kClassIn) + u16(ttl >> 16) + u16(ttl & 0xffff) + u16(4) +
           "\xc0\x00\x02\x01"s;
  };
  EXPECT_EQ(lifetime({.answers = {with_ttl(300), with_ttl(60)}}), 60U);
  EXPECT_EQ(lifetime({.answers = {with_ttl(300)}, .additional = {with_ttl(9), kOpt}}), 9U);
  EXPECT_EQ(lifetime({.answers = {with_ttl(0)}}), 0U);
  EXPECT_EQ(lifetime({.answers = {with_ttl(1000000)}}), kMaxTtl);
  // With the highest bit set a TTL is large, not nothing (RFC 8767 section 4).
  EXPECT_EQ(lifetime({.answers = {with_ttl(0x80000000)}}), kMaxTtl);
  // Negative answers live as long as their SOA says, twice (RFC 2308 section 5), or not at all.
  EXPECT_EQ(lifetime({.flags = 0x8183, .authority = {soa_record(600, 30)}}), 30U);
  EXPECT_EQ(lifetime({.authority = {soa_record(20, 300)}}), 20U);
  EXPECT_EQ(lifetime({.authority = {soa_record(86400, 86400)}}), kMaxNegativeTtl);
  EXPECT_EQ(lifetime({.flags = 0x8183}), 0U);
  EXPECT_EQ(lifetime({}), 0U);
  EXPECT_EQ(lifetime({.flags = 0x8182, .answers = {with_ttl(300)}}), 0U);  // SERVFAIL
  EXPECT_EQ(lifetime({.flags = 0x8380, .answers = {with_ttl(300)}}), 0U);  // cut
}

TEST(Forward, TtlsCountDownAndStaleOnesAreThirty) {
  auto query = client({.name = "example.org", .type = kTypeA, .edns_size = 1232});
  auto message = upstream({.answers = {a_record(kOwner, 7)}, .authority = {soa_record(600, 40)}});
  auto fresh = *parse_reply(*adapt(query, message));
  EXPECT_EQ(fresh.answers[0], "example.org. 60 IN A 192.0.2.7");
  EXPECT_EQ(fresh.authority[0], "example.org. 40 IN SOA . . 1 2 3 4 40");
  auto later = *parse_reply(*adapt(query, message, {.age = 45}));
  EXPECT_EQ(later.answers[0], "example.org. 15 IN A 192.0.2.7");
  EXPECT_EQ(later.authority[0], "example.org. 0 IN SOA . . 1 2 3 4 40");
  Telling is_stale = stale(read_upstream_reply(query.spelled(), kTypeA, message).reply);
  auto old = *parse_reply(*adapt(query, message, is_stale));
  EXPECT_EQ(old.answers[0], "example.org. 30 IN A 192.0.2.7");
  EXPECT_EQ(old.edns_options, u16(15) + u16(2) + u16(3));
  auto gone = read_upstream_reply(query.spelled(), kTypeA, upstream({.flags = 0x8183})).reply;
  EXPECT_EQ(stale(gone).why, ExtendedErrorCode::kStaleNxDomain);
}

TEST(Forward, WhatDecidesAReplyIsInItsKey) {
  QueryBytes plain{.name = "Example.org", .type = kTypeA};
  auto hash = [](const QueryBytes& bytes, std::uint16_t group = 0) {
    return hash_of(key_of(client(bytes), group));
  };
  auto same = plain;
  same.name = "eXAMPLE.ORG";
  same.id = 7;
  same.edns_size = 1400;
  EXPECT_EQ(hash(plain), hash(same));
  auto other = [&](auto change) {
    auto changed = plain;
    change(changed);
    return hash(changed);
  };
  EXPECT_NE(hash(plain), hash(plain, 1));
  EXPECT_NE(hash(plain), other([](auto& q) { q.name = "example.net"; }));
  EXPECT_NE(hash(plain), other([](auto& q) { q.type = kTypeAaaa; }));
  EXPECT_NE(hash(plain), other([](auto& q) { q.flags = 0; }));
  EXPECT_NE(hash(plain), other([](auto& q) { q.flags = 0x0110; }));
  EXPECT_NE(hash(plain), other([](auto& q) { q.edns_size = 1232, q.edns_ttl = 0x8000; }));
}

TEST(Forward, ClientsQueriesAreReadAsTheyAreJudged) {
  ForeignQuery out;
  auto good = encode({.name = "Example.org",
                      .type = kTypeA,
                      .edns_size = 4096,
                      .edns_options = u16(10) + u16(8) + "clientck"});
  ASSERT_TRUE(read_foreign_query(good, Transport::kUdp, out));
  EXPECT_EQ(out.spelled(), Name::from_text("Example.org")->wire());
  EXPECT_EQ(out.name(), Name::from_text("example.org")->wire());
  EXPECT_EQ(out.limit, 1232);
  EXPECT_TRUE(out.edns);
  ASSERT_TRUE(read_foreign_query(good, Transport::kTcp, out));
  EXPECT_EQ(out.limit, 65535);
  ASSERT_TRUE(read_foreign_query(encode({.name = "a.b", .edns_size = 100}), Transport::kUdp, out));
  EXPECT_EQ(out.limit, 512);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(read_foreign_query(good.substr(0, size), Transport::kUdp, out)) << size;
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
    auto reply = adapt(query, bytes);
    if (!reply) continue;
    ++adapted;
    ASSERT_LE(reply->size(), 600U) << round;
  }
  EXPECT_GT(adapted, 1000);
}

}  // namespace
}  // namespace sixpn::dns::testing
