#include "flycast/core/tls_offer.h"

#include <gtest/gtest.h>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::hours;

constexpr WallTime kNow = from_unix_ms(1'790'000'000'000);

TestCluster with_handlers(std::vector<std::string> handlers) {
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  cluster.app.services[0].ports[0].handlers = std::move(handlers);
  return cluster;
}

std::optional<TlsOffer> offer_of(const TestCluster& cluster, NetworkId client = kNetwork) {
  return tls_offer(ServiceTable(cluster.snapshot(1)), client, kDialled);
}

TEST(TlsOffer, IsOfTheAppBehindTheAddress) {
  auto offer = offer_of(with_handlers({"tls", "http"}));
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->org, "acme");
  EXPECT_EQ(offer->names, (LeafNames{{"web.flycast"}, {kFlycast}}));
  EXPECT_EQ(offer->alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_FALSE(offer->only_tls13);
  for (const char* name : {"", "web.flycast", "WEB.Flycast", "web.flycast."})
    EXPECT_TRUE(is_offered(*offer, name)) << name;
  for (const char* name : {"flycast", "db.flycast", "xweb.flycast", "web.flycast.x", ".",
                           "web.internal", "admin.svc.web.flycast"})
    EXPECT_FALSE(is_offered(*offer, name)) << name;
}

TEST(TlsOffer, NamesAServicesOwnAddress) {
  TestCluster cluster = with_handlers({"tls"});
  cluster.flycast[0].service_name = "admin";
  auto offer = offer_of(cluster);
  ASSERT_TRUE(offer);
  EXPECT_TRUE(is_offered(*offer, "admin.svc.web.flycast"));
  EXPECT_FALSE(is_offered(*offer, "web.flycast"));
  EXPECT_TRUE(offer->alpn.empty());
}

// Clients that begin with TLS agree on nothing less (libpq's sslnegotiation=direct).
TEST(TlsOffer, NamesTheProtocolOfPostgresql) {
  TestCluster cluster = with_handlers({"pg_tls"});
  auto offer = offer_of(cluster);
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->alpn, (std::vector<std::string>{"postgresql"}));
  cluster.app.services[0].ports[0].tls.alpn = {"other"};
  EXPECT_EQ(offer_of(cluster)->alpn, (std::vector<std::string>{"other"}));
}

TEST(TlsOffer, IsMadeOnlyWhereTlsEnds) {
  EXPECT_FALSE(offer_of(with_handlers({"http"})));
  EXPECT_FALSE(offer_of(with_handlers({"tls"}), kOtherNetwork));
  TestCluster early = with_handlers({"tls"});
  early.synced = false;
  EXPECT_FALSE(offer_of(early));
}

TEST(TlsOffer, TicketsOfOneAppAreNoneOfAnother) {
  TestCluster one = with_handlers({"tls"});
  TestCluster other = one;
  other.app.name = "web2";
  other.flycast[0].app = "web2";
  EXPECT_NE(offer_of(one)->id, "");
  EXPECT_FALSE(offer_of(other) && offer_of(other)->id == offer_of(one)->id);
}

TEST(TlsOffer, AgreesOnTheFirstOfOursThatTheClientLists) {
  TlsOffer offer;
  offer.alpn = {"h2", "http/1.1"};
  auto listed = [](const std::vector<std::string>& names) {
    std::string wire;
    for (const auto& name : names) wire += static_cast<char>(name.size()) + name;
    return wire;
  };
  EXPECT_EQ(choose_alpn(offer, listed({"http/1.1", "h2"})), "h2");
  EXPECT_EQ(choose_alpn(offer, listed({"spdy/3", "http/1.1"})), "http/1.1");
  EXPECT_EQ(choose_alpn(offer, listed({"http/1.0"})), std::nullopt);
  EXPECT_EQ(choose_alpn(offer, ""), std::nullopt);
  // Longer than what follows: cut, as it came.
  EXPECT_EQ(choose_alpn(offer, std::string("\xff") + "h2"), std::nullopt);
  EXPECT_EQ(choose_alpn(offer, std::string("\x02h2\xff", 4)), "h2");
}

TEST(TlsOffer, LeavesAreShortAndNeverOutliveTheirIssuer) {
  CertificateTimes week = leaf_times(kNow, kNow + hours(1000));
  EXPECT_EQ(week.until, kNow + hours(7 * 24));
  EXPECT_LT(week.from, kNow);
  EXPECT_EQ(leaf_times(kNow, kNow + hours(10)).until, kNow + hours(10));
  EXPECT_TRUE(is_leaf_fresh(week, kNow + hours(1000), kNow + hours(6 * 24 - 1)));
  EXPECT_FALSE(is_leaf_fresh(week, kNow + hours(1000), kNow + hours(6 * 24)));
  EXPECT_FALSE(is_leaf_fresh(week, kNow + hours(1000), kNow - hours(2)));
  // Of an issuer that ends soon, none is longer: it is used to its end.
  CertificateTimes last = leaf_times(kNow, kNow + hours(10));
  EXPECT_TRUE(is_leaf_fresh(last, kNow + hours(10), kNow + hours(9)));
  EXPECT_FALSE(is_leaf_fresh(last, kNow + hours(10), kNow + hours(10)));
}

}  // namespace
}  // namespace sixpn::flycast
