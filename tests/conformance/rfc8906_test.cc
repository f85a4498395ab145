// What RFC 8906 section 8 has a server tested with, and the combinations that ISC's compliance
// tester makes of it. Each is a question for the SOA of a zone of ours, from raw flags and options.
#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

constexpr std::uint16_t kAa = 0x0400, kTc = 0x0200, kRd = 0x0100, kRa = 0x0080, kZ = 0x0040,
                        kAd = 0x0020, kCd = 0x0010;

class Rfc8906 : public Conformance {
 protected:
  static QueryBytes soa(std::uint16_t flags = 0) {
    return {.name = "internal", .type = kTypeSoa, .flags = flags};
  }
  static QueryBytes soa_with(int edns_size, std::uint32_t version, std::uint32_t flags,
                             const std::string& options) {
    auto query = soa();
    query.edns_size = edns_size;
    query.edns_ttl = version << 16 | flags;
    query.edns_options = options;
    return query;
  }
  static bool is_soa(const ParsedReply& reply) {
    return reply.rcode == kNoErrorCode && reply.authoritative && reply.answers.size() == 1 &&
           reply.answers[0].find(" IN SOA ") != std::string::npos && !reply.authentic;
  }
};

// Section 8.1.1.
TEST_F(Rfc8906, AnswersItsZones) {
  for (const char* zone : {"internal", "flycast", "a.a.d.f.ip6.arpa"}) {
    auto query = soa();
    query.name = zone;
    auto reply = udp(query);
    EXPECT_TRUE(is_soa(reply)) << zone;
    EXPECT_FALSE(reply.recursion_desired || reply.edns) << zone;
  }
}

// Section 8.1.2, and every type that the tester knows: an empty answer, not an error.
TEST_F(Rfc8906, UnknownAndKnownTypesAreNoError) {
  for (unsigned type = 1; type < 300; ++type) {
    bool meta = type == kTypeOpt || (type >= kTypeTkey && type <= 254);
    if (meta || type == kTypeNs || type == kTypeSoa || type == kTypeAny) continue;
    auto query = soa();
    query.type = static_cast<RrType>(type);
    auto reply = udp(query);
    EXPECT_TRUE(is_nodata(reply)) << type;
  }
  for (RrType type : Words{666, 32768, 32769, 65280, 65534}) {
    auto query = soa();
    query.type = type;
    EXPECT_TRUE(is_nodata(udp(query))) << type;
  }
}

// Section 8.1.3: each flag alone, and all.
TEST_F(Rfc8906, FlagsOfTheHeader) {
  for (std::uint16_t flags :
       {kAa, kTc, kRd, kRa, kZ, kAd, kCd, std::uint16_t{kAa | kTc | kRd | kRa | kZ | kAd | kCd}})
    for (auto transport : {Transport::kUdp, Transport::kTcp}) {
      auto reply = over(transport, encode(soa(flags)));
      EXPECT_TRUE(is_soa(reply)) << flags;
      EXPECT_FALSE(reply.truncated || reply.edns) << flags;
      EXPECT_EQ(reply.recursion_desired, (flags & kRd) != 0) << flags;
      EXPECT_EQ(reply.checking_disabled, (flags & kCd) != 0) << flags;
    }
  auto bytes = udp_ask(six(), encode(soa(kZ))).value();
  EXPECT_EQ(bytes[3] & kZ, 0);
}

// Section 8.1.4: a header of opcode 15 alone; also with each flag set, and reset.
TEST_F(Rfc8906, UnknownOpcode) {
  for (std::uint16_t flags : Words{0, 0x07f0, 0x0100, 0x0010, 0x0020, 0x0080, 0x0200, 0x0400}) {
    auto query = u16(7) + u16(15U << 11 | flags) + std::string(8, '\0');
    EXPECT_EQ(udp_ask(six(), query), u16(7) + u16(0x8000 | 15U << 11 | 4) + std::string(8, '\0'))
        << flags;
  }
}

// Section 8.1.5.
TEST_F(Rfc8906, Tcp) {
  EXPECT_TRUE(is_soa(tcp(soa())));
  EXPECT_TRUE(is_soa(over_tcp(encode(soa_with(512, 0, 0, "")))));
}

// Section 8.2.1.
TEST_F(Rfc8906, MinimalEdns) {
  auto reply = udp(soa_with(4096, 0, 0, ""));
  EXPECT_TRUE(is_soa(reply));
  EXPECT_TRUE(reply.edns);
  EXPECT_EQ(reply.edns_version, 0);
}

// Sections 8.2.2, 8.2.5, 8.2.6 and 8.2.9: version 1, bare, with unknown flags, options and DO.
TEST_F(Rfc8906, EdnsVersionNegotiation) {
  for (std::uint32_t flags : {0U, 0x40U, 0x7fffU, 0x8000U})
    for (const auto& options :
         {""s, option(100, ""), option(kNsidOption, ""), option(kCookieOption, "12345678"),
          option(9, ""), option(8, std::string(4, '\0'))}) {
      auto reply = udp(soa_with(4096, 1, flags, options));
      EXPECT_EQ(reply.rcode, kBadVersCode);
      EXPECT_TRUE(reply.edns && reply.answers.empty() && !reply.authoritative);
      EXPECT_EQ(reply.edns_version, 0);
      EXPECT_EQ(reply.dnssec_ok, (flags & 0x8000) != 0);
      EXPECT_EQ(reply.edns_options, "");
    }
}

// Section 8.2.3.
TEST_F(Rfc8906, UnknownEdnsOptions) {
  auto reply = udp(soa_with(4096, 0, 0, option(100, "")));
  EXPECT_TRUE(is_soa(reply) && reply.edns);
  EXPECT_FALSE(option_of(reply, 100));
}

// Section 8.2.4.
TEST_F(Rfc8906, UnknownEdnsFlags) {
  auto bytes = udp_ask(six(), encode(soa_with(4096, 0, 0x40, ""))).value();
  EXPECT_TRUE(is_soa(*parse_reply(bytes)));
  EXPECT_EQ(bytes.substr(bytes.size() - 4), u16(0) + u16(0));
}

// Section 8.2.7: OPT is there in a truncated answer too.
TEST_F(Rfc8906, TruncatedAnswersKeepTheOpt) {
  World world;
  for (std::uint64_t id = 0; id < 100; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  on_loop([&] { service_->set_snapshot(world.snapshot()); });
  auto reply = udp({.name = "big.internal", .edns_size = 512, .edns_ttl = 0x8000});
  EXPECT_TRUE(reply.truncated && reply.edns && reply.dnssec_ok);
}

// Section 8.2.8.
TEST_F(Rfc8906, DoIsSet) {
  auto reply = udp(soa_with(4096, 0, 0x8000, ""));
  EXPECT_TRUE(is_soa(reply) && reply.edns && reply.dnssec_ok);
}

// Section 8.2.10: several defined options at once.
TEST_F(Rfc8906, SeveralDefinedOptions) {
  auto reply = udp(soa_with(4096, 0, 0,
                            option(8, std::string(4, '\0')) + option(kNsidOption, "") +
                                option(kCookieOption, "12345678") + option(9, "")));
  EXPECT_TRUE(is_soa(reply) && reply.edns);
  EXPECT_TRUE(option_of(reply, kNsidOption) && option_of(reply, kCookieOption));
  EXPECT_FALSE(option_of(reply, 8) || option_of(reply, 9));
}

}  // namespace
}  // namespace sixpn::dns::testing
