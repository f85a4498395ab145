// Messages that are not what they should be, and questions that are not for us.
#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

class Messages : public Conformance {
 protected:
  // A question in wire form behind a header with `flags`.
  static std::string asking(const std::string& question, std::uint16_t flags = 0x0100) {
    return u16(0x1234) + u16(flags) + u16(1) + u16(0) + u16(0) + u16(0) + question;
  }
  static std::string record(const std::string& owner, RrType type, const std::string& rdata) {
    return owner + u16(type) + u16(kClassIn) + u16(0) + u16(0) + u16(rdata.size()) + rdata;
  }
  static std::string opt(const std::string& rdata = "", const std::string& owner = "\0"s) {
    return owner + u16(kTypeOpt) + u16(1232) + u16(0) + u16(0) + u16(rdata.size()) + rdata;
  }
};

// RFC 1035 section 7.3: an answer to an answer would be a loop.
TEST_F(Messages, AnswersAreNotAnswered) {
  for (std::uint16_t flags : Words{0x8000, 0x8180, 0x8583, 0xa800})
    EXPECT_TRUE(is_silent(encode({.flags = flags}))) << flags;
}

// RFC 1035 section 4.1.1: whom to answer stands in the header.
TEST_F(Messages, LessThanAHeaderIsNotAnswered) {
  auto query = encode({});
  for (std::size_t size = 0; size < 12; ++size)
    EXPECT_TRUE(is_silent(query.substr(0, size))) << size;
}

// RFC 9619 section 3: exactly one question.
TEST_F(Messages, OtherCountsOfQuestionsAreFormErr) {
  auto query = encode({});
  auto question = query.substr(12);
  for (auto transport : {Transport::kUdp, Transport::kTcp}) {
    EXPECT_EQ(over(transport, with_counts(query.substr(0, 12), 0, 0, 0, 0)).rcode, kFormErrCode);
    EXPECT_EQ(over(transport, with_counts(query + question, 2, 0, 0, 0)).rcode, kFormErrCode);
    EXPECT_EQ(over(transport, with_counts(query, 65535, 0, 0, 0)).rcode, kFormErrCode);
  }
}

// RFC 8906 section 3.1.4: NOTIMP, the opcode echoed, no other flag.
TEST_F(Messages, UnknownOpcodesAreNotImp) {
  for (unsigned opcode = 1; opcode < 16; ++opcode)
    for (unsigned flags : {0U, 0x0100U, 0x07f0U}) {
      for (const auto& body : {encode({}).substr(12), ""s}) {
        auto query = u16(0x4321) + u16(opcode << 11 | flags) + u16(body.empty() ? 0 : 1) + u16(0) +
                     u16(0) + u16(0) + body;
        auto bytes = udp_ask(six(), query).value();
        EXPECT_EQ(bytes,
                  u16(0x4321) + u16(0x8000 | opcode << 11 | kNotImpCode) + std::string(8, '\0'))
            << opcode << " " << flags;
      }
    }
}

// RFC 1035 section 4.1.2, RFC 9267 section 2: a name in a question is whole and uncompressed.
TEST_F(Messages, BadNamesAreFormErr) {
  auto tail = u16(kTypeAaaa) + u16(kClassIn);
  std::string long_name;
  for (int i = 0; i < 4; ++i) long_name += "\x3f" + std::string(63, 'a');
  for (const auto& question :
       {"\xc0\x0c"s + tail, "\3web\xc0\x0c"s + tail, "\xc0\xff"s + tail, "\x40"s + tail,
        "\x80"s + tail, "\3we"s, "\3web"s, long_name + "\0"s + tail, "\3web\0"s, "\3web\0\0\1"s}) {
    auto reply = over_udp(asking(question));
    EXPECT_EQ(reply.rcode, kFormErrCode);
    EXPECT_TRUE(reply.answers.empty() && !reply.authoritative);
  }
}

// RFC 1035 section 4.1: a query has no answers, and ends where it ends.
TEST_F(Messages, RecordsWhereNoneBelongAreFormErr) {
  auto query = encode({});
  auto a = record("\xc0\x0c", kTypeA, "abcd");
  EXPECT_EQ(over_udp(with_counts(query + a, 1, 1, 0, 0)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query + a, 1, 0, 1, 0)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query, 1, 0, 0, 1)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(query + "x").rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query + a, 1, 0, 0, 1)).answers.size(), 4U);  // ignored
}

// RFC 6891 sections 6.1.1 and 6.1.2.
TEST_F(Messages, BadOptRecordsAreFormErr) {
  auto query = encode({});
  EXPECT_EQ(over_udp(with_counts(query + opt() + opt(), 1, 0, 0, 2)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query + opt("", "\1x\0"s), 1, 0, 0, 1)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query + opt("\0\3\0"s), 1, 0, 0, 1)).rcode, kFormErrCode);
  EXPECT_EQ(over_udp(with_counts(query + opt(u16(3) + u16(9) + "short"), 1, 0, 0, 1)).rcode,
            kFormErrCode);
  // A bad option leaves no doubt that the client speaks EDNS (section 7).
  EXPECT_TRUE(over_udp(with_counts(query + opt("\0\3\0"s), 1, 0, 0, 1)).edns);
}

// RFC 6895 section 3.1: types that are no data.
TEST_F(Messages, MetaTypesCannotBeAskedFor) {
  for (RrType type : {kTypeOpt, kTypeTsig, kTypeTkey})
    EXPECT_EQ(udp({.type = type}).rcode, kFormErrCode) << type;
}

// RFC 5936 section 2.2.1, RFC 1995 section 2: no transfers, over neither transport.
TEST_F(Messages, ZonesAreNotTransferred) {
  auto soa = record("\xc0\x0c", kTypeSoa, "\0\0"s + std::string(20, '\1'));
  for (auto transport : {Transport::kUdp, Transport::kTcp})
    for (const char* zone : {"internal", "flycast", "example.org"}) {
      auto reply = over(transport, encode({.name = zone, .type = kTypeAxfr, .edns_size = 1232}));
      EXPECT_EQ(reply.rcode, kRefusedCode) << zone;
      EXPECT_EQ(extended_error_of(reply), 21) << zone;
      EXPECT_TRUE(reply.answers.empty());
      EXPECT_EQ(over(transport, encode({.name = zone, .type = kTypeIxfr})).rcode, kRefusedCode);
      EXPECT_EQ(
          over(transport, with_counts(encode({.name = zone, .type = kTypeIxfr}) + soa, 1, 0, 1, 0))
              .rcode,
          kRefusedCode);
    }
}

// RFC 4892 section 2, and the names that BIND made common.
TEST_F(Messages, TheServerSaysWhoItIsInClassChaos) {
  for (const char* name : {"version.bind", "version.server", "VERSION.Bind"}) {
    auto reply = udp({.name = name, .type = kTypeTxt, .klass = kClassChaos});
    ASSERT_EQ(reply.answers.size(), 1U) << name;
    EXPECT_TRUE(reply.answers[0].ends_with(" 0 CH TXT \"sixpn\"")) << reply.answers[0];
    EXPECT_TRUE(reply.authoritative);
  }
  for (const char* name : {"id.server", "hostname.bind"}) {
    auto reply = tcp({.name = name, .type = kTypeAny, .klass = kClassChaos});
    ASSERT_EQ(reply.answers.size(), 1U) << name;
    EXPECT_TRUE(reply.answers[0].ends_with(" 0 CH TXT \"host-a\"")) << reply.answers[0];
  }
}

// RFC 1035 section 3.2.4; only one class is served.
TEST_F(Messages, OtherClassesAreRefused) {
  for (std::uint16_t klass : Words{0, 2, 3, 4, 254, 255}) {
    auto reply = udp({.klass = klass, .edns_size = 1232});
    EXPECT_EQ(reply.rcode, kRefusedCode) << klass;
    EXPECT_EQ(extended_error_of(reply), 21) << klass;
  }
  EXPECT_EQ(udp({.name = "version.bind", .type = kTypeA, .klass = kClassChaos}).rcode,
            kRefusedCode);
}

// RFC 1035 section 4.1.1, RFC 4035 section 3.1.6, RFC 6895 section 2.1.
TEST_F(Messages, FlagsAreWhatTheyShouldBe) {
  auto reply = udp({.flags = 0});
  EXPECT_TRUE(reply.authoritative && reply.recursion_available);
  EXPECT_FALSE(reply.recursion_desired || reply.authentic || reply.checking_disabled);
  // AA, TC, RA, Z and AD of a query mean nothing; RD and CD are copied.
  auto bytes = udp_ask(six(), encode({.flags = 0x07f0})).value();
  EXPECT_EQ(bytes.substr(2, 2), u16(0x8000 | 0x0400 | 0x0100 | 0x0080 | 0x0010));
  auto refused = udp({.flags = 0x07f0, .klass = 4});
  EXPECT_FALSE(refused.authoritative || refused.truncated || refused.authentic);
  EXPECT_TRUE(refused.recursion_desired && refused.checking_disabled);
}

// RFC 1035 section 4.1.1: the id comes back, whatever happens.
TEST_F(Messages, TheIdIsEchoed) {
  for (std::uint16_t id : Words{0x0000, 0x0001, 0x8000, 0xffff}) {
    EXPECT_EQ(udp({.id = id}).id, id);
    EXPECT_EQ(udp({.id = id, .klass = 4}).id, id);
    EXPECT_EQ(over_udp(encode({.id = id}) + "x").id, id);
  }
}

// RFC 8945 section 5.2: who knows no keys passes over a signature's record.
TEST_F(Messages, SignaturesAreIgnored) {
  auto tsig = record("\3key\0"s, kTypeTsig, std::string(30, '\0'));
  EXPECT_EQ(over_udp(with_counts(encode({}) + tsig, 1, 0, 0, 1)).answers.size(), 4U);
}

}  // namespace
}  // namespace sixpn::dns::testing
