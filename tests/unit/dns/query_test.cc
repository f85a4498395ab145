#include "dns/core/query.h"

#include <gtest/gtest.h>

#include "world.h"

namespace sixpn::dns {
namespace {

using namespace std::string_literals;
using testing::encode;
using testing::QueryBytes;
using testing::u16;

TEST(Query, ReadsAPlainQuestion) {
  auto parsed = parse_query(encode({.name = "WeB.internal", .id = 7, .flags = 0x0110}));
  ASSERT_EQ(parsed.verdict, Verdict::kAnswer);
  EXPECT_EQ(parsed.query.id, 7);
  EXPECT_EQ(to_string(parsed.query.question->name), "WeB.internal.");  // 0x20 is kept
  EXPECT_EQ(parsed.query.question->type, kTypeAaaa);
  EXPECT_TRUE(parsed.query.recursion_desired);
  EXPECT_TRUE(parsed.query.checking_disabled);
  EXPECT_FALSE(parsed.query.edns);
}

TEST(Query, ReadsEdns) {
  auto parsed = parse_query(encode({.edns_size = 4096, .edns_ttl = 0x8000}));
  ASSERT_EQ(parsed.verdict, Verdict::kAnswer);
  EXPECT_EQ(parsed.query.edns->payload_size, 4096);
  EXPECT_TRUE(parsed.query.edns->dnssec_ok);
  // Unknown options are ignored; a cookie-like one here.
  EXPECT_EQ(
      parse_query(encode({.edns_size = 512, .edns_options = u16(65001) + u16(2) + "xx"})).verdict,
      Verdict::kAnswer);
}

TEST(Query, UdpLimitFollowsRfc6891) {
  struct Case {
    int edns_size;
    std::size_t limit;
  };
  for (auto c : {Case{-1, 512}, Case{0, 512}, Case{511, 512}, Case{513, 513}, Case{1232, 1232},
                 Case{4096, 1232}, Case{65535, 1232}})
    EXPECT_EQ(parse_query(encode({.edns_size = c.edns_size})).query.udp_limit(), c.limit);
}

TEST(Query, DropsWhatMustNotBeAnswered) {
  auto query = encode({});
  for (std::size_t size = 0; size < kHeaderBytes; ++size)
    EXPECT_EQ(parse_query(query.substr(0, size)).verdict, Verdict::kDrop);
  EXPECT_EQ(parse_query(encode({.flags = 0x8180})).verdict, Verdict::kDrop);  // QR=1
}

struct Rejected {
  std::string what;
  std::string bytes;
  Rcode rcode;
};

std::string with_counts(std::string bytes, unsigned questions, unsigned answers,
                        unsigned authorities, unsigned additionals) {
  return bytes.replace(4, 8, u16(questions) + u16(answers) + u16(authorities) + u16(additionals));
}

std::vector<Rejected> rejected() {
  auto plain = encode({});
  auto edns = encode({.edns_size = 1232});
  auto header = plain.substr(0, 12);
  auto opt = edns.substr(plain.size());
  std::string record = "\xc0\x0c"s + u16(1) + u16(1) + u16(0) + u16(5) + u16(4) + "abcd";
  std::vector<Rejected> cases = {
      {"no question", with_counts(header, 0, 0, 0, 0), Rcode::kFormErr},
      {"two questions (RFC 9619)", with_counts(plain + plain.substr(12), 2, 0, 0, 0),
       Rcode::kFormErr},
      {"question missing", header, Rcode::kFormErr},
      {"type cut", plain.substr(0, plain.size() - 3), Rcode::kFormErr},
      {"trailing byte", plain + "x", Rcode::kFormErr},
      {"pointer to itself", header + "\xc0\x0c"s + u16(28) + u16(1), Rcode::kFormErr},
      {"pointer after a label", header + "\1a\xc0\x0c"s + u16(28) + u16(1), Rcode::kFormErr},
      {"label type 01", header + "\x41x\0"s + u16(28) + u16(1), Rcode::kFormErr},
      {"label type 10", header + "\x81x\0"s + u16(28) + u16(1), Rcode::kFormErr},
      {"name over 255", header + std::string(128 * 2, '\1') + "\0"s + u16(28) + u16(1),
       Rcode::kFormErr},
      {"answer record", with_counts(plain + record, 1, 1, 0, 0), Rcode::kFormErr},
      {"authority record", with_counts(plain + record, 1, 0, 1, 0), Rcode::kFormErr},
      {"additional missing", with_counts(plain, 1, 0, 0, 1), Rcode::kFormErr},
      {"65535 additionals", with_counts(edns, 1, 0, 0, 65535), Rcode::kFormErr},
      {"two OPT", with_counts(plain + opt + opt, 1, 0, 0, 2), Rcode::kFormErr},
      {"OPT with an owner", with_counts(plain + "\1a"s + opt, 1, 0, 0, 1), Rcode::kFormErr},
      {"OPT owned by a pointer", with_counts(plain + "\xc0\x0c"s + opt.substr(1), 1, 0, 0, 1),
       Rcode::kFormErr},
      {"option cut", encode({.edns_size = 512, .edns_options = u16(10) + u16(9) + "short"}),
       Rcode::kFormErr},
      {"option header cut", encode({.edns_size = 512, .edns_options = "\0\1\0"s}), Rcode::kFormErr},
      {"asks for OPT", encode({.type = kTypeOpt}), Rcode::kFormErr},
      {"asks for TSIG", encode({.type = kTypeTsig}), Rcode::kFormErr},
      {"asks for TKEY", encode({.type = kTypeTkey}), Rcode::kFormErr},
      {"AXFR", encode({.type = kTypeAxfr}), Rcode::kRefused},
      {"IXFR", with_counts(encode({.type = kTypeIxfr}) + record, 1, 0, 1, 0), Rcode::kRefused},
      {"a cookie of 7 bytes",
       encode({.edns_size = 512, .edns_options = u16(10) + u16(7) + "1234567"}), Rcode::kFormErr},
      {"a cookie of 41 bytes",
       encode({.edns_size = 512, .edns_options = u16(10) + u16(41) + std::string(41, 'x')}),
       Rcode::kFormErr},
      {"no question, no cookie", with_counts(header + opt, 0, 0, 0, 1), Rcode::kFormErr},
      {"class CH", encode({.name = "web.internal", .type = kTypeTxt, .klass = 3}), Rcode::kRefused},
      {"version.bind AAAA", encode({.name = "version.bind", .klass = 3}), Rcode::kRefused},
      {"class ANY", encode({.klass = 255}), Rcode::kRefused},
      {"EDNS version 1", encode({.edns_size = 1232, .edns_ttl = 0x10000}), Rcode::kBadVers},
  };
  for (unsigned opcode = 1; opcode < 16; ++opcode)
    cases.push_back({"opcode " + std::to_string(opcode),
                     encode({.flags = static_cast<std::uint16_t>(opcode << 11)}), Rcode::kNotImp});
  return cases;
}

TEST(Query, RejectsWithTheRightCode) {
  for (const auto& c : rejected()) {
    auto parsed = parse_query(c.bytes);
    EXPECT_EQ(parsed.verdict, Verdict::kReject) << c.what;
    EXPECT_EQ(parsed.rcode, c.rcode) << c.what;
  }
}

TEST(Query, AcceptsAdditionalRecordsThatItDoesNotKnow) {
  auto plain = encode({});
  std::string record = "\xc0\x0c"s + u16(1) + u16(1) + u16(0) + u16(5) + u16(4) + "abcd";
  EXPECT_EQ(parse_query(with_counts(plain + record, 1, 0, 0, 1)).verdict, Verdict::kAnswer);
  std::string forward = "\xc0\xff"s + record.substr(2);  // a pointer past itself
  EXPECT_EQ(parse_query(with_counts(plain + forward, 1, 0, 0, 1)).rcode, Rcode::kFormErr);
}

// Every byte of a valid query cut off, or changed, ends in a verdict and never reads past the end.
TEST(Query, EveryPrefixAndEveryByteHasAVerdict) {
  auto query = encode({.edns_size = 1232, .edns_options = u16(3) + u16(0)});
  for (std::size_t size = 0; size < query.size(); ++size)
    EXPECT_NE(parse_query(std::string(query, 0, size)).verdict, Verdict::kAnswer) << size;
  for (std::size_t at = 0; at < query.size(); ++at)
    for (unsigned value = 0; value < 256; ++value) {
      auto changed = query;
      changed[at] = static_cast<char>(value);
      auto parsed = parse_query(changed);
      EXPECT_EQ(parsed.verdict == Verdict::kAnswer,
                parsed.query.question && parsed.rcode == Rcode::kNoError);
    }
}

}  // namespace
}  // namespace sixpn::dns
