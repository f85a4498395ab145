// Which certificates for TLS count for a host, of all that anybody may have written into records.
#include "registry/core/tls_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/registry/tls_world.h"

namespace sixpn {
namespace {

using std::chrono::hours;
using test::kHost;
using test::kNow;
using test::kOther;
using test::secret_of;
using World = test::TlsWorld;
using ::testing::HasSubstr;

TEST(TlsAuthority, AHostIssuesForAnOrgThatCertifiedIt) {
  World world;
  world.add_authority("acme");
  world.add_issuer("acme");
  auto issuer = world.find();
  ASSERT_TRUE(issuer) << issuer.error().message;
  EXPECT_EQ(issuer->authority.org, "acme");
  EXPECT_EQ(issuer->times.until, kNow + hours(100));
  EXPECT_TRUE(is_issued_by(issuer->certificate, issuer->authority.certificate));
  // Its key is the same each time, so that a longer one needs no new trust.
  EXPECT_EQ(read_certificate(world.authority(world.root, "acme").certificate)->public_key,
            issuer->authority.facts.public_key);
  EXPECT_NE(read_certificate(world.authority(world.root, "globex").certificate)->public_key,
            issuer->authority.facts.public_key);
}

TEST(TlsAuthority, AHostsCertificateEndsWithItsAuthority) {
  World world;
  world.add_authority("acme", hours(10));
  world.add_issuer("acme", hours(100));
  EXPECT_EQ(world.find()->times.until, kNow + hours(10));
}

TEST(TlsAuthority, WhatDoesNotCountAndWhatMendsIt) {
  struct Case {
    const char* name;
    std::function<void(World&)> change;
    WallTime now;
    const char* says;
  };
  const SigningKey stranger(secret_of('x'));
  const std::vector<Case> cases = {
      {"no authority", [](World& w) { w.snapshot.tls_grants = {}; }, kNow,
       "there is no authority for TLS of org acme: run `sixpn certs create-ca --org acme`"},
      {"an authority of another root",
       [&](World& w) {
         w.put("acme", HostId{}, sign_tls_grant(w.authority(stranger, "acme"), stranger));
       },
       kNow, "not signed by the root key of cluster"},
      {"an authority under another org's name",
       [](World& w) {
         w.put("acme", HostId{}, sign_tls_grant(w.authority(w.root, "globex"), w.root));
       },
       kNow, "the one there is for another"},
      {"a host's certificate in its place",
       [](World& w) { w.put("acme", HostId{}, sign_tls_grant(w.issuer("acme"), w.root)); }, kNow,
       "the one there is for another"},
      {"garbage", [](World& w) { w.put("acme", HostId{}, "garbage"); }, kNow, "create-ca"},
      {"an authority that has ended", [](World&) {}, kNow + hours(1001), "it has ended"},
      {"no certificate",
       [](World& w) {
         w.snapshot.tls_grants = {};
         w.add_authority("acme");
       },
       kNow,
       "host b has no certificate for TLS of org acme: run `sixpn certs issue --org acme` (or "
       "`sixpn host renew b`)"},
      {"another host's",
       [](World& w) {
         TlsGrant grant = w.issuer("acme");
         grant.host = kOther;
         w.put("acme", kHost, sign_tls_grant(grant, w.root));
       },
       kNow, "the one there is for another"},
      {"one for another key", [](World& w) { w.key = host_tls_key(secret_of('u')); }, kNow,
       "for another key"},
      {"one of another org's authority",
       [](World& w) {
         w.add_authority("globex");
         TlsGrant grant = w.issuer("globex");
         grant.org = "acme";
         w.put("acme", kHost, sign_tls_grant(grant, w.root));
       },
       kNow, "not of the org's authority"},
      {"a statement of another kind",
       [](World& w) { w.put("acme", kHost, sign_revocation(kHost, kNow, w.root)); }, kNow,
       "not signed by the root key"},
      {"one that has ended", [](World&) {}, kNow + hours(101), "it has ended"}};
  for (const Case& each : cases) {
    World world;
    world.add_authority("acme");
    world.add_issuer("acme");
    ASSERT_TRUE(world.find()) << each.name;
    each.change(world);
    auto found = world.find(each.now);
    ASSERT_FALSE(found) << each.name;
    EXPECT_THAT(found.error().message, HasSubstr(each.says)) << each.name;
  }
}

TEST(TlsGrant, IsTheRootsWordAndNobodyElses) {
  World world;
  TlsGrant grant = world.authority(world.root, "acme");
  std::string statement = sign_tls_grant(grant, world.root);
  EXPECT_LE(statement.size(), kMaxTlsGrantBytes);
  auto read = verify_tls_grant(statement, world.root.public_key());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, grant);
  EXPECT_FALSE(verify_tls_grant(statement, SigningKey(secret_of('x')).public_key()));
  for (std::size_t at = 0; at < statement.size(); ++at) {
    std::string damaged = statement;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(verify_tls_grant(damaged, world.root.public_key())) << at;
    EXPECT_FALSE(verify_tls_grant(statement.substr(0, at), world.root.public_key())) << at;
  }
  // The longest names fit.
  const std::string longest(63, 'a');
  auto long_authority = world.authority(world.root, longest);
  auto facts = read_certificate(long_authority.certificate);
  ASSERT_TRUE(facts);
  auto issuer = make_issuer_grant(world.root, {longest, long_authority.certificate, *facts},
                                  {kHost, longest, world.key.public_key(), kNow + hours(1)}, kNow);
  ASSERT_TRUE(issuer) << issuer.error().message;
  EXPECT_TRUE(verify_tls_grant(sign_tls_grant(*issuer, world.root), world.root.public_key()));
}

}  // namespace
}  // namespace sixpn
