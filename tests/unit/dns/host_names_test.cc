// What names say about hosts and the registry: proxies to everybody, the rest to the operator
// alone.
#include "dns/core/host_names.h"

#include <gtest/gtest.h>

#include "dns/core/responder.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

// The host's own: no machine and no peer.
const Ip6 kOperator = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

std::string say(const std::string& name, RrType type, const Ip6& source = asker()) {
  return brief(ask(*World().snapshot(), name, type, source));
}

TEST(HostNames, ProxiesAreNamedInEachNetworkByItsOwnAddresses) {
  auto name = to_string(kHostB) + "._proxy.internal";
  EXPECT_EQ(say(name, kTypeAaaa), to_string(proxy_address(kAcme, kHostB)));
  EXPECT_EQ(
      brief(ask(*World().snapshot(), name, kTypeAaaa, address_of(kGlobex, kHostA, 0xc1), kGlobex)),
      to_string(proxy_address(kGlobex, kHostB)));
  EXPECT_EQ(say(reverse_name(proxy_address(kAcme, kHostB)), kTypePtr), name + ".");
  EXPECT_EQ(say(reverse_name(proxy_address(kGlobex, kHostB)), kTypePtr), "NXDOMAIN");
  EXPECT_EQ(say(name, kTypeTxt), "NODATA");
  EXPECT_EQ(say("_proxy.internal", kTypeAaaa), "NODATA");
  EXPECT_EQ(say("x." + name, kTypeAaaa), "NXDOMAIN");
  // A host that is down dials nobody.
  EXPECT_EQ(say(to_string(kHostE) + "._proxy.internal", kTypeAaaa), "NXDOMAIN");
  EXPECT_EQ(say(reverse_name(proxy_address(kAcme, kHostE)), kTypePtr), "NXDOMAIN");
  EXPECT_EQ(say("0000000f._proxy.internal", kTypeAaaa), "NXDOMAIN");
}

TEST(HostNames, TheReverseOfAProxyExistsFromItsNetworkDown) {
  for (std::size_t nibbles = 5; nibbles < 32; ++nibbles)
    EXPECT_EQ(say(reverse_name(proxy_address(kAcme, kHostC), nibbles), kTypePtr), "NODATA")
        << nibbles;
  auto down = proxy_address(kAcme, kHostE);
  auto nobody = proxy_address(kAcme, HostId{0x00b00000});
  EXPECT_EQ(say(reverse_name(nobody, 16), kTypePtr), "NXDOMAIN");
  EXPECT_EQ(say(reverse_name(down, 20), kTypePtr), "NXDOMAIN");
}

TEST(HostNames, HostsAreTheOperatorsAlone) {
  EXPECT_EQ(say("_hosts.internal", kTypeTxt, kOperator),
            "\"host-00a10001 iad alive,host-00a10002 fra alive,host-00a10003 nrt suspected,"
            "host-00a10004 fra alive,host-00a10005 nrt down\"");
  EXPECT_EQ(say("_hosts.internal", kTypeAaaa, kOperator), "NODATA");
  EXPECT_EQ(say("host-00a10002._hosts.internal", kTypeAaaa, kOperator),
            to_string(host_address(kHostB)));
  EXPECT_EQ(say("nobody._hosts.internal", kTypeAaaa, kOperator), "NXDOMAIN");
  EXPECT_EQ(say(reverse_name(host_address(kHostB)), kTypePtr, kOperator),
            "host-00a10002._hosts.internal.");
  EXPECT_EQ(say(reverse_name(host_address(kHostB), 16), kTypePtr, kOperator), "NODATA");
  for (const auto& tenant : {asker(), peer_address(kAcme, kHostB, 1)}) {
    for (RrType type : {kTypeTxt, kTypeAaaa, kTypeAny})
      EXPECT_EQ(say("_hosts.internal", type, tenant), "NXDOMAIN");
    EXPECT_EQ(say("host-00a10002._hosts.internal", kTypeAaaa, tenant), "NXDOMAIN");
    EXPECT_EQ(say(reverse_name(host_address(kHostB)), kTypePtr, tenant), "NXDOMAIN");
    EXPECT_EQ(say(reverse_name(host_address(kHostB), 16), kTypePtr, tenant), "NXDOMAIN");
  }
}

TEST(HostNames, TheRegistrySaysHowCurrentItIs) {
  World world;
  world.network(kAcme).generation = 7;
  auto snapshot = world.snapshot();
  EXPECT_EQ(brief(ask(*snapshot, "_registry.internal", kTypeTxt)),
            "\"generation=7,machines=9,answered=4,unreachable=1\"");
  EXPECT_EQ(brief(ask(*snapshot, "_registry.internal", kTypeTxt, kOperator)),
            "\"generation=42,synced=yes,networks=2,hosts=5,suspected=1,down=1\"");
  EXPECT_EQ(brief(ask(*snapshot, "_registry.internal", kTypeAaaa)), "NODATA");
  EXPECT_EQ(brief(ask(*snapshot, "x._registry.internal", kTypeTxt)), "NXDOMAIN");
}

// What the operator was told is not kept for a machine of the same network, nor the other way
// round.
TEST(HostNames, AnswersToTheOperatorAreNotPassedOn) {
  Audience both = audience();
  both.extra_views.emplace_back(Prefix6{kOperator, 128}, kAcme);
  Responder responder(both, 1);
  responder.set_snapshot(World().snapshot());
  std::string out(kMaxMessageBytes, '\0');
  auto text = [&](const std::string& name, const Ip6& source) -> std::string {
    auto handled = responder.respond(encode({.name = name, .type = kTypeTxt}), source,
                                     Transport::kTcp, out.data());
    auto reply = parse_reply(out.substr(0, handled.size)).value_or(ParsedReply{});
    return reply.rcode == 3 ? "NXDOMAIN" : reply.answers.empty() ? "" : reply.answers.front();
  };
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_NE(text("_hosts.internal", kOperator).find("host-00a10001 iad alive"),
              std::string::npos);
    EXPECT_EQ(text("_hosts.internal", asker()), "NXDOMAIN");
    EXPECT_NE(text("_registry.internal", asker()).find("machines=9"), std::string::npos);
    EXPECT_NE(text("_registry.internal", kOperator).find("hosts=5"), std::string::npos);
  }
}

}  // namespace
}  // namespace sixpn::dns::testing
