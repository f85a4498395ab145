// EDNS (RFC 6891) and its options: what is answered when asked, and nothing else.
#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

class EdnsConformance : public Conformance {
 protected:
  ParsedReply with_options(const std::string& options, Transport transport = Transport::kUdp) {
    return over(transport, encode({.edns_size = 1232, .edns_options = options}));
  }
};

// RFC 6891 sections 6.1.1 and 7: an OPT for an OPT.
TEST_F(EdnsConformance, OptOnlyToThoseWhoSentOne) {
  for (auto transport : {Transport::kUdp, Transport::kTcp}) {
    EXPECT_FALSE(over(transport, encode({})).edns);
    auto reply = over(transport, encode({.edns_size = 4096}));
    EXPECT_TRUE(reply.edns);
    EXPECT_EQ(reply.edns_version, 0);
    EXPECT_EQ(reply.edns_size, 1232);
    EXPECT_EQ(reply.edns_options, "");
  }
  EXPECT_TRUE(udp({.name = "nothing.internal", .edns_size = 512}).edns);
  EXPECT_TRUE(udp({.klass = 4, .edns_size = 512}).edns);
}

// RFC 6891 section 6.1.3.
TEST_F(EdnsConformance, OtherVersionsAreBadVers) {
  for (std::uint32_t version : {1U, 2U, 100U, 255U})
    for (const auto& options : {""s, option(kNsidOption, ""), option(kCookieOption, "12345678"),
                                option(100, ""), "\1"s}) {
      auto reply = udp({.edns_size = 1232, .edns_ttl = version << 16, .edns_options = options});
      EXPECT_EQ(reply.rcode, kBadVersCode) << version;
      EXPECT_EQ(reply.edns_version, 0);
      EXPECT_TRUE(reply.answers.empty() && reply.authority.empty());
      EXPECT_EQ(reply.edns_options, "");
    }
}

// RFC 3225 section 3: DO is copied. Section 6.1.4: what we do not know is zero.
TEST_F(EdnsConformance, DoIsCopiedAndTheOtherFlagsAreZero) {
  for (std::uint32_t flags : {0U, 0x8000U, 0x7fffU, 0xffffU}) {
    auto bytes = udp_ask(six(), encode({.edns_size = 1232, .edns_ttl = flags})).value();
    auto reply = parse_reply(bytes).value();
    EXPECT_EQ(reply.dnssec_ok, (flags & 0x8000) != 0);
    EXPECT_EQ(bytes.substr(bytes.size() - 4, 2), u16(flags & 0x8000));
    auto badvers = udp_ask(six(), encode({.edns_size = 1232, .edns_ttl = 0x10000 | flags})).value();
    EXPECT_EQ(badvers.substr(badvers.size() - 4, 2), u16(flags & 0x8000));
  }
}

// Section 6.1.2: unknown options are ignored and not echoed; RFC 7871 (client subnet), RFC 7314
// (expire) and RFC 7830 (padding, meant for encrypted transports) among them.
TEST_F(EdnsConformance, UnknownOptionsAreIgnored) {
  for (const auto& options :
       {option(100, ""), option(65535, std::string(1000, 'x')), option(0, "zero"),
        option(8, u16(1) + "\x18\0\x0a\0\0"s), option(9, ""), option(kPaddingOption, ""),
        option(kPaddingOption, std::string(400, '\0')), option(13, "\3web\0"s)}) {
    auto reply = with_options(options);
    EXPECT_EQ(reply.rcode, kNoErrorCode);
    EXPECT_EQ(reply.answers.size(), 4U);
    EXPECT_EQ(reply.edns_options, "");
  }
}

// RFC 5001 section 2.
TEST_F(EdnsConformance, NsidWhenAsked) {
  for (auto transport : {Transport::kUdp, Transport::kTcp})
    EXPECT_EQ(option_of(with_options(option(kNsidOption, ""), transport), kNsidOption), kServerId);
  EXPECT_EQ(option_of(with_options(option(kNsidOption, "junk")), kNsidOption), kServerId);
  auto missing =
      udp({.name = "nothing.internal", .edns_size = 512, .edns_options = option(kNsidOption, "")});
  EXPECT_EQ(option_of(missing, kNsidOption), kServerId);
  auto refused = udp({.klass = 4, .edns_size = 512, .edns_options = option(kNsidOption, "")});
  EXPECT_EQ(option_of(refused, kNsidOption), kServerId);
}

// RFC 7828 sections 3.2.1 and 3.3.2: over TCP, when asked, in units of 100 ms; over UDP it is
// ignored.
TEST_F(EdnsConformance, KeepaliveOverTcpOnly) {
  auto ask = option(kKeepaliveOption, "");
  EXPECT_EQ(option_of(with_options(ask, Transport::kTcp), kKeepaliveOption), u16(100));
  EXPECT_FALSE(option_of(with_options(ask), kKeepaliveOption));
  EXPECT_FALSE(option_of(with_options("", Transport::kTcp), kKeepaliveOption));
}

// RFC 6891 section 6.2.3: options take room that records do not have then.
TEST_F(EdnsConformance, OptionsAreWithinTheLimit) {
  World world;
  for (std::uint64_t id = 0; id < 200; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  on_loop([&] { service_->set_snapshot(world.snapshot()); });
  auto all = option(kNsidOption, "") + option(kCookieOption, "12345678");
  for (int size : {512, 600, 1232}) {
    auto bytes =
        udp_ask(six(), encode({.name = "big.internal", .edns_size = size, .edns_options = all}));
    EXPECT_LE(bytes->size(), static_cast<std::size_t>(size));
    EXPECT_TRUE(parse_reply(*bytes)->truncated);
    EXPECT_EQ(option_of(*parse_reply(*bytes), kNsidOption), kServerId);
  }
}

// RFC 8914: a refusal says why, to those who can read it.
TEST_F(EdnsConformance, ExtendedErrorsHaveTheRightCode) {
  EXPECT_EQ(extended_error_of(udp({.type = kTypeAxfr, .edns_size = 512})), 21);  // not supported
  EXPECT_EQ(extended_error_of(udp({.klass = 4, .edns_size = 512})), 21);
  EXPECT_EQ(extended_error_of(udp({.type = kTypeTsig, .edns_size = 512})), 0);  // other, with text
  EXPECT_EQ(extended_error_of(udp({.edns_size = 512})), -1);
  EXPECT_EQ(extended_error_of(udp({.name = "nothing.internal", .edns_size = 512})), -1);
  EXPECT_EQ(udp({.klass = 4}).edns, false);
  on_loop([&] { service_->set_snapshot(nullptr); });
  EXPECT_EQ(extended_error_of(udp({.edns_size = 512})), 14);  // not ready
}

class Strangers : public Conformance {
 protected:
  void SetUp() override {
    auto chosen = conforming_options();
    chosen.extra_views.clear();
    start(chosen);
  }
};

// RFC 8914 section 4.19.
TEST_F(Strangers, AreToldThatTheyAreProhibited) {
  for (const char* name : {"web.internal", "example.org"}) {
    auto reply = udp({.name = name, .edns_size = 512});
    EXPECT_EQ(reply.rcode, kRefusedCode);
    EXPECT_EQ(extended_error_of(reply), 18);
  }
  EXPECT_EQ(tcp({.name = "version.bind", .type = kTypeTxt, .klass = kClassChaos}).rcode,
            kRefusedCode);
}

}  // namespace
}  // namespace sixpn::dns::testing
