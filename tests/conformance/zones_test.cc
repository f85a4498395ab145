// What breaks applications when it is wrong: the answers of our own zones.
#include <algorithm>
#include <set>

#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

constexpr RrType kMx = 15, kSrv = 33, kCname = 5, kDs = 43, kDnskey = 48, kSvcb = 64, kHttps = 65,
                 kCaa = 257, kUnassigned = 666, kPrivateUse = 65280;

class Zones : public Conformance {
 protected:
  static SnapshotPtr big_world(std::uint64_t count) {
    World world;
    for (std::uint64_t id = 0; id < count; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
    return world.snapshot();
  }
};

// RFC 2308 section 2.2, RFC 4074 section 4: an existing name has no NXDOMAIN for any type.
TEST_F(Zones, AnotherTypeOfAnExistingNameIsNoData) {
  for (const char* name : {"web.internal", "iad.web.internal", "top2.nearest.of.web.internal",
                           "000000000000a1.vm.web.internal", "laptop._peer.internal"})
    for (RrType type : {kTypeA, kTypeNs, kTypeSoa, kTypePtr, kMx, kCname, kDs, kDnskey, kSvcb,
                        kHttps, kSrv, kCaa, kTypeTxt, kUnassigned, kPrivateUse})
      EXPECT_TRUE(is_nodata(udp({.name = name, .type = type}))) << name << " " << type;
}

// RFC 8020 section 2: a name above others exists, empty as it is.
TEST_F(Zones, EmptyNonTerminalsAreNoData) {
  for (const char* name :
       {"vm.web.internal", "process.web.internal", "nearest.of.web.internal", "of.web.internal",
        "kv._metadata.web.internal", "_metadata.web.internal", "idle.internal", "empty.internal"})
    for (RrType type : {kTypeAaaa, kTypeA, kTypeAny, kTypeTxt})
      EXPECT_TRUE(is_nodata(udp({.name = name, .type = type}))) << name << " " << type;
  for (const char* name : {"svc.k8s.flycast", "k8s.flycast"})
    EXPECT_TRUE(is_nodata(udp({.name = name}))) << name;
}

// RFC 2308 section 2.1 and 5: the SOA, and how long a client may believe it.
TEST_F(Zones, AMissingNameIsNxDomainForAsLongAsTheSoaSays) {
  for (const char* name : {"nothing.internal", "nothing.web.internal", "x.y.z.internal",
                           "nothing.flycast", "1.0.0.0.a.a.d.f.ip6.arpa"}) {
    for (RrType type : {kTypeAaaa, kTypeA, kHttps, kTypeAny}) {
      auto reply = udp({.name = name, .type = type});
      bool reverse = std::string(name).find("arpa") != std::string::npos;
      EXPECT_TRUE(is_nxdomain(reply) || (reverse && is_nodata(reply))) << name << " " << type;
      EXPECT_NE(reply.authority.at(0).find(" 5 IN SOA "), std::string::npos);
      EXPECT_TRUE(reply.authority.at(0).ends_with(" 5")) << reply.authority.at(0);
    }
  }
}

// RFC 1034 section 4.2.1, RFC 2181 section 6.1.
TEST_F(Zones, TheApexHasSoaAndNs) {
  for (const char* zone : {"internal", "flycast", "a.a.d.f.ip6.arpa"}) {
    auto soa = udp({.name = zone, .type = kTypeSoa});
    ASSERT_EQ(soa.answers.size(), 1U) << zone;
    EXPECT_TRUE(soa.authoritative);
    auto ns = udp({.name = zone, .type = kTypeNs});
    ASSERT_EQ(ns.answers.size(), 1U) << zone;
    EXPECT_TRUE(ns.answers[0].ends_with(" IN NS _dns.internal.")) << ns.answers[0];
    EXPECT_TRUE(is_nodata(udp({.name = zone}))) << zone;
  }
  EXPECT_EQ(udp({.name = "_dns.internal"}).answers.size(), 1U);
}

// RFC 6761, RFC 6762 section 22.1, RFC 6303 section 4, RFC 7686, RFC 7793, RFC 8375, RFC 9476: what
// never leaves. Nobody answers upstream, so what leaves becomes SERVFAIL.
TEST_F(Zones, NothingOfOursGoesUpstream) {
  for (const char* name :
       {"nothing.internal",
        "a.b.c.internal",
        "x.flycast",
        "localhost",
        "x.localhost",
        "x.invalid",
        "x.test",
        "x.local",
        "x.onion",
        "9.9.9.9.a.a.d.f.ip6.arpa",
        "bad.a.a.d.f.ip6.arpa",
        "b.a.d.f.ip6.arpa",
        "a.d.f.ip6.arpa",
        "d.f.ip6.arpa",
        "1.0.0.10.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "9.0.20.172.in-addr.arpa",
        "1.0.0.127.in-addr.arpa",
        "254.169.in-addr.arpa",
        "1.2.0.192.in-addr.arpa",
        "9.9.99.100.in-addr.arpa",
        "255.255.255.255.in-addr.arpa",
        "8.e.f.ip6.arpa",
        "1.8.b.d.0.1.0.0.2.ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        "printer.home.arpa",
        "x.alt"})
    for (RrType type : {kTypeAaaa, kTypeA, kTypePtr, kHttps, kTypeAny}) {
      auto reply = udp({.name = name, .type = type});
      EXPECT_TRUE(reply.rcode == kNoErrorCode || reply.rcode == kNxDomainCode)
          << name << " " << type << ": " << reply.rcode;
      EXPECT_TRUE(reply.authoritative) << name;
    }
  EXPECT_EQ(stats().forwarded, 0U);
}

// A view, as RFC 8499 section 6 has it: the tenant comes from the source address, over either
// transport.
TEST_F(Zones, EachSourceSeesItsOwnNetwork) {
  for (auto transport : {Transport::kUdp, Transport::kTcp}) {
    EXPECT_TRUE(is_nxdomain(over(transport, encode({.name = "secret.internal"}))));
    EXPECT_EQ(over(transport, encode({})).answers.size(), 4U);
  }
  auto globex = udp_ask(four(), encode({.name = "secret.internal"}));
  EXPECT_EQ(parse_reply(globex.value())->answers.size(), 1U);
  globex = udp_ask(four(), encode({.name = "laptop._peer.internal"}));
  EXPECT_TRUE(is_nxdomain(*parse_reply(globex.value())));
}

// RFC 1035 section 4.2.1, RFC 6891 section 6.2.3 to 6.2.5, RFC 2181 section 9: whole records up to
// what the client takes, and never above 1232 (RFC 9715).
TEST_F(Zones, ATruncatedAnswerHasAllThatFits) {
  on_loop([&] { service_->set_snapshot(big_world(200)); });
  struct Case {
    int edns_size;
    std::size_t limit;
  };
  for (const auto& c : {Case{-1, 512}, Case{0, 512}, Case{511, 512}, Case{512, 512},
                        Case{1000, 1000}, Case{1232, 1232}, Case{65535, 1232}}) {
    auto bytes = udp_ask(six(), encode({.name = "big.internal", .edns_size = c.edns_size})).value();
    auto reply = parse_reply(bytes).value();
    EXPECT_TRUE(reply.truncated) << c.edns_size;
    EXPECT_LE(bytes.size(), c.limit) << c.edns_size;
    EXPECT_GT(bytes.size() + 28, c.limit) << c.edns_size;
  }
  EXPECT_EQ(udp({.name = "big.internal"}).answers.size(), 17U);  // what musl without TCP gets
  auto whole = tcp({.name = "big.internal"});
  EXPECT_EQ(whole.answers.size(), 200U);
  EXPECT_FALSE(whole.truncated);
}

// RFC 1794: no machine gets all of the load.
TEST_F(Zones, AnswersAreTurned) {
  on_loop([&] { service_->set_snapshot(big_world(40)); });
  std::set<std::string> first;
  for (int i = 0; i < 100; ++i) first.insert(udp({.name = "big.internal"}).answers.at(0));
  EXPECT_GT(first.size(), 10U);
}

// RFC 4343 section 4.1; draft-vixie-dnsext-dns0x20: matched without regard to case, echoed as sent.
TEST_F(Zones, CaseIsIgnoredAndEchoed) {
  for (const char* name : {"WEB.internal", "wEb.InTeRnAl", "Web.INTERNAL"}) {
    auto query = encode({.name = name});
    auto reply = udp_ask(six(), query).value();
    EXPECT_EQ(reply.substr(12, query.size() - 12), query.substr(12)) << name;
    EXPECT_EQ(parse_reply(reply)->answers.size(), 4U) << name;
  }
  EXPECT_TRUE(is_nodata(udp({.name = "WEB.internal", .type = kTypeA})));
}

// RFC 1035 section 4.1.4: the owner is a pointer to the question.
TEST_F(Zones, TheOwnerPointsAtTheQuestion) {
  auto query = encode({});
  auto reply = udp_ask(six(), query).value();
  EXPECT_EQ(reply.substr(query.size(), 2), "\xc0\x0c");
}

// RFC 1035 section 3.3.14: strings of at most 255 bytes, in one record.
TEST_F(Zones, LongTextsAreOneRecordOfSeveralStrings) {
  on_loop([&] { service_->set_snapshot(big_world(200)); });
  auto reply = tcp({.name = "vms.big.internal", .type = kTypeTxt});
  ASSERT_EQ(reply.answers.size(), 1U);
  EXPECT_GT(std::count(reply.answers[0].begin(), reply.answers[0].end(), '"'), 20);
}

// RFC 8482 section 4.1: one RRset of those there are.
TEST_F(Zones, AnyIsOneSet) {
  auto reply = udp({.type = kTypeAny});
  EXPECT_EQ(reply.rcode, kNoErrorCode);
  EXPECT_EQ(reply.answers.size(), 4U);
  EXPECT_EQ(udp({.name = "internal", .type = kTypeAny}).answers.size(), 1U);
}

// RFC 3596 section 2.5; prefixes of names that exist are empty non-terminals (RFC 8020).
TEST_F(Zones, ReverseNamesAreWholeOrEmpty) {
  std::string name;
  auto ip = asker();
  for (std::size_t i = ip.bytes.size(); i > 0; --i) {
    static const char* digits = "0123456789abcdef";
    name += {digits[ip.bytes[i - 1] & 0xf], '.', digits[ip.bytes[i - 1] >> 4], '.'};
  }
  name += "ip6.arpa";
  EXPECT_EQ(udp({.name = name, .type = kTypePtr}).answers.size(), 1U);
  EXPECT_TRUE(is_nodata(udp({.name = name.substr(2), .type = kTypePtr})));
  EXPECT_TRUE(is_nxdomain(udp({.name = "0." + name, .type = kTypePtr})));
  EXPECT_TRUE(is_nxdomain(udp({.name = "x" + name.substr(1), .type = kTypePtr})));
}

// RFC 8914 section 4.15: before anything is known nobody is told a lie.
TEST_F(Zones, NotReadyIsServFailWithAReason) {
  on_loop([&] { service_->set_snapshot(nullptr); });
  auto reply = udp({.edns_size = 1232});
  EXPECT_EQ(reply.rcode, kServFailCode);
  EXPECT_EQ(extended_error_of(reply), 14);
}

}  // namespace
}  // namespace sixpn::dns::testing
