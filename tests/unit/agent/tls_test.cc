// What the agent says of its own certificates for TLS, and what it writes of those it is given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/notices.h"
#include "agent/core/trust_writes.h"
#include "agent/core/writes.h"
#include "tests/unit/registry/tls_world.h"

namespace sixpn::agent {
namespace {

using std::chrono::hours;
using test::kHost;
using test::kNow;
using test::secret_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The host may serve acme and globex.
struct AgentTls : ::testing::Test {
  AgentTls() {
    for (const char* org : {"acme", "other"}) world.snapshot.orgs[org] = OrgRecord{org};
  }
  [[nodiscard]] std::vector<Notice> notices(WallTime now = kNow) const {
    return tls_notices(world.snapshot, trust.certificate(), world.key.public_key(),
                       world.root.public_key(), now);
  }
  [[nodiscard]] std::string why(const std::vector<std::string>& handlers,
                                WallTime now = kNow) const {
    AppRecord app{.name = "web", .org = "acme"};
    app.services.push_back({.ports = {{80, 80, {"http"}}, {443, 443, handlers}}});
    return why_no_tls(world.snapshot, app, world.key.public_key(), world.root.public_key(), now);
  }
  [[nodiscard]] auto plan(const std::vector<std::string>& statements) const {
    return plan_tls_grants(world.snapshot, trust.certificate(), world.root.public_key(),
                           statements);
  }

  test::TrustFixture trust;
  test::TlsWorld world;
};

TEST_F(AgentTls, ThatAnOrgHasNoAuthorityIsNoNotice) {
  EXPECT_THAT(notices(), IsEmpty());
  world.add_authority("other");  // not this host's
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(AgentTls, ACertificateThatIsMissingOrEndsIsANotice) {
  world.add_authority("acme", hours(10'000));
  auto missing = notices();
  ASSERT_THAT(missing, SizeIs(1));
  EXPECT_EQ(missing[0].about, "tls/acme");
  EXPECT_THAT(missing[0].sentence, HasSubstr("run `sixpn certs issue --org acme`"));
  world.add_issuer("acme", hours(24 * 40));
  EXPECT_THAT(notices(), IsEmpty());
  auto early = notices(kNow + hours(24 * 20));
  ASSERT_THAT(early, SizeIs(1));
  EXPECT_FALSE(early[0].urgent);
  EXPECT_THAT(early[0].sentence, HasSubstr("of org acme expires in 20 days"));
  auto late = notices(kNow + hours(24 * 38));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_TRUE(late[0].urgent);
  EXPECT_GT(late[0].level, early[0].level);
  auto over = notices(kNow + hours(24 * 41));
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_GT(over[0].level, late[0].level);
  EXPECT_THAT(over[0].sentence, HasSubstr("it has ended"));
}

TEST_F(AgentTls, WhyPortsAreClosedIsSaidOfThoseThatEndTls) {
  EXPECT_EQ(why({"http"}), "");
  EXPECT_THAT(why({"tls"}), HasSubstr("sixpn certs create-ca --org acme"));
  world.add_authority("acme");
  EXPECT_THAT(why({"tls", "http"}), HasSubstr("host b has no certificate"));
  world.add_issuer("acme", hours(10));
  EXPECT_EQ(why({"tls", "http"}), "");
  EXPECT_THAT(why({"tls"}, kNow + hours(11)), HasSubstr("it has ended"));
}

TEST_F(AgentTls, WhatTheRootSignedIsWritten) {
  const std::string authority = sign_tls_grant(world.authority(world.root, "acme"), world.root);
  world.put("acme", HostId{}, authority);
  const std::string issuer = sign_tls_grant(world.issuer("acme"), world.root);
  auto writes = plan({authority, issuer});
  ASSERT_TRUE(writes) << writes.error().message;
  ASSERT_THAT(*writes, SizeIs(2));
  for (const auto& write : *writes) EXPECT_EQ(write.org, "acme");
  EXPECT_EQ(std::get<TlsGrantRecord>((*writes)[0].value),
            (TlsGrantRecord{"acme", HostId{}, authority}));
  EXPECT_EQ(std::get<TlsGrantRecord>((*writes)[1].value), (TlsGrantRecord{"acme", kHost, issuer}));
}

TEST_F(AgentTls, WhatIsNotToBeWrittenIsRefusedWhole) {
  auto signed_for = [&](const std::string& org, const SigningKey& key) {
    return sign_tls_grant(world.authority(key, org), key);
  };
  const std::string good = signed_for("acme", world.root);
  auto none = plan({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, kInvalid);
  struct Case {
    std::string statement;
    int code;
    const char* says;
  };
  const Case cases[] = {
      {"garbage", kInvalid, "signed"},
      {signed_for("acme", SigningKey(secret_of('x'))), kInvalid, "not signed by the root key"},
      {signed_for("globex", world.root), kNotFound, "there is no org globex"},
      {signed_for("other", world.root), kForbidden, "this host may not serve org other"}};
  for (const Case& each : cases) {
    auto refused = plan({good, each.statement});
    ASSERT_FALSE(refused) << each.says;
    EXPECT_EQ(refused.error().code, each.code) << each.says;
    EXPECT_THAT(refused.error().message, HasSubstr(each.says));
  }
}

}  // namespace
}  // namespace sixpn::agent
