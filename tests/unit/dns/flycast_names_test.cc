// HTTPS records of .flycast: when there is one, and what it says. Its other names: answer_test.cc.
#include "dns/core/flycast_names.h"

#include <gtest/gtest.h>

#include "both_ways.h"
#include "dns/core/render.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

std::string https(const World& world, const char* name = "web.flycast", const Ip6& source = asker(),
                  NetworkId network = kAcme) {
  auto said = ask(*world.snapshot(), name, kTypeHttps, source, network);
  if (said.answers.size() != 1) return brief(said);
  auto text = to_string(said.answers.front());
  return text.substr(text.find("HTTPS\t") + 6);
}

void grant_tls(World& world, HostId host) {
  auto& grants = world.edit().tls_grants;
  grants = SharedMap<std::map<std::string, TlsGrantPtr>>();
  grants[tls_grant_key("acme", host).id] = std::make_shared<const TlsGrantRecord>();
}

// RFC 9460 section 9: where TLS ends on this host for the client's org, and only there.
TEST(FlycastNames, HttpsOfFlycast) {
  World world;
  grant_tls(world, kHostB);
  EXPECT_EQ(https(world), "NODATA");
  grant_tls(world, kHostA);
  auto ip = [](std::uint16_t counter) { return to_string(flycast_address(kAcme, counter)); };
  auto hints = " ipv6hint=" + ip(2) + "," + ip(3);
  EXPECT_EQ(https(world), "1 . alpn=\"h2,http/1.1\"" + hints);
  EXPECT_EQ(https(world, "api.flycast"), "NODATA");
  EXPECT_EQ(https(world, "nothing.flycast"), "NXDOMAIN");
  EXPECT_EQ(https(world, "web.flycast", address_of(kGlobex, kHostA, 0xc1), kGlobex), "NODATA");

  auto& services = edit_app(world.network(kAcme), "web").app.services;
  auto set = [&](std::vector<Service> chosen) { services = std::move(chosen); };
  ServicePort on_8443{8443, 8443, {"tls", "http"}};
  on_8443.tls.alpn = {"h2"};
  set({service(ServiceProtocol::kTcp, 1, {{80, 80, {"http"}}, on_8443}, {})});
  EXPECT_EQ(https(world), "1 . alpn=\"h2\" no-default-alpn port=8443" + hints);
  on_8443.tls.alpn = {"http/1.1"};
  set({service(ServiceProtocol::kTcp, 1, {on_8443, {443, 443, {"tls", "http"}}}, {})});
  EXPECT_EQ(https(world), "1 . alpn=\"h2,http/1.1\"" + hints);
  // Whoever asks for http://web.flycast must not come to another service.
  set({service(ServiceProtocol::kTcp, 1, {{80, 80, {"http"}}}, {}),
       service(ServiceProtocol::kTcp, 2, {on_8443}, {})});
  EXPECT_EQ(https(world), "NODATA");
  for (const ServicePort& port : {ServicePort{443, 443, {"tls"}},
                                  {443, 443, {"http"}},
                                  {443, 444, {"tls", "http"}},
                                  {443, 443, {"pg_tls", "http"}}}) {
    set({service(ServiceProtocol::kTcp, 1, {port}, {})});
    EXPECT_EQ(https(world), "NODATA");
  }
}

TEST(FlycastNames, HttpsInBytes) {
  World world;
  grant_tls(world, kHostA);
  auto both =
      ask_both_ways(world.snapshot().get(), audience(),
                    encode({.name = "web.flycast", .type = kTypeHttps}), asker(), Transport::kUdp);
  EXPECT_EQ(both.difference, "");
  std::string ips;
  for (std::uint16_t counter = 2; counter <= 3; ++counter) {
    auto ip = flycast_address(kAcme, counter);
    ips.append(ip.bytes.begin(), ip.bytes.end());
  }
  std::string rdata =
      u16(1) + std::string(1, 0) + u16(1) + u16(12) + "\x02h2\x08http/1.1" + u16(6) + u16(32) + ips;
  EXPECT_NE(both.outcome.reply.find(u16(rdata.size()) + rdata), std::string::npos);
}

// That the org has no certificate any more is no change of the network.
TEST(FlycastNames, HttpsIsNotKeptBeyondItsCertificate) {
  World world;
  grant_tls(world, kHostA);
  Responder responder(audience(), 1);
  std::string out(kMaxMessageBytes, '\0');
  auto answers = [&](const SnapshotPtr& snapshot) {
    responder.set_snapshot(snapshot);
    auto handled = responder.respond(encode({.name = "web.flycast", .type = kTypeHttps}), asker(),
                                     Transport::kUdp, out.data());
    return static_cast<int>(out.substr(0, handled.size)[7]);
  };
  EXPECT_EQ(answers(world.snapshot()), 1);
  world.edit().tls_grants = SharedMap<std::map<std::string, TlsGrantPtr>>();
  ++world.edit().generation;
  EXPECT_EQ(answers(world.snapshot()), 0);
}

}  // namespace
}  // namespace sixpn::dns::testing
