#include "agent/core/trust_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/writes.h"
#include "registry/core/certificate.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);
const WallTime kUntil = kNow + std::chrono::hours(24 * 365);

class TrustWrites : public ::testing::Test {
 protected:
  TrustWrites() {
    for (const auto& host : {a_, b_}) snapshot_.hosts[host.id] = HostView{.record = host.record};
  }
  [[nodiscard]] auto revoke(HostId host, const SigningKey& key) const {
    return plan_revocation(snapshot_, root_, sign_revocation(host, kNow, key));
  }
  [[nodiscard]] auto renew(Renewal renewal) const {
    return plan_renewals(snapshot_, root_, {sign_renewal(renewal, kCluster.root())});
  }
  [[nodiscard]] Renewal of(const sim::EnrolledHost& host) const {
    return {host.id, certificate_digest(host.record.certificate), kUntil, kNow};
  }

  sim::EnrolledHost a_ = kCluster.enrol(1);
  sim::EnrolledHost b_ = kCluster.enrol(2);
  PublicKey root_ = kCluster.root().public_key();
  Snapshot snapshot_;
};

TEST_F(TrustWrites, ARevocationIsOfARootAndOnce) {
  auto write = revoke(b_.id, kCluster.root());
  ASSERT_TRUE(write) << write.error().message;
  const auto& record = std::get<RevocationRecord>(write->value);
  EXPECT_EQ(record.host, b_.id);
  EXPECT_EQ(*verify_revocation(record.statement, root_), b_.id);

  auto forged = revoke(b_.id, a_.key);
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().code, kInvalid);
  EXPECT_THAT(forged.error().message, HasSubstr("not signed by the root key"));

  snapshot_.revocations[b_.id] = record;
  auto again = revoke(b_.id, kCluster.root());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, kTaken);
  // A token that is out, of a host that never came.
  EXPECT_TRUE(revoke(HostId{0x70007}, kCluster.root()));
}

TEST_F(TrustWrites, ARenewalIsForTheCertificateThatStands) {
  auto writes = renew(of(b_));
  ASSERT_TRUE(writes) << writes.error().message;
  ASSERT_EQ(writes->size(), 1U);
  const auto& record = std::get<RenewalRecord>((*writes)[0].value);
  EXPECT_EQ(record.host, b_.id);
  EXPECT_EQ(record.valid_until, kUntil);
  EXPECT_EQ(record.signed_at, kNow);
  EXPECT_EQ((*writes)[0].org, "");

  Renewal other = of(b_);
  other.certificate[0] ^= 1;
  auto refused = renew(other);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("another certificate than the one that stands"));
  other = of(b_);
  other.host = HostId{0x70007};
  EXPECT_EQ(renew(other).error().code, kNotFound);
}

TEST_F(TrustWrites, AHostThatIsShutOutIsRenewedAndARevokedOneIsNot) {
  snapshot_.hosts.erase(b_.id);
  snapshot_.shut_out[b_.id] = {b_.record, false, kNow};
  EXPECT_TRUE(renew(of(b_)));
  snapshot_.revocations[b_.id] = {b_.id, "statement"};
  auto refused = renew(of(b_));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot be undone"));
}

TEST_F(TrustWrites, AllRenewalsOrNone) {
  Renewal bad = of(b_);
  bad.host = HostId{0x70007};
  auto mixed =
      plan_renewals(snapshot_, root_,
                    {sign_renewal(of(a_), kCluster.root()), sign_renewal(bad, kCluster.root())});
  EXPECT_FALSE(mixed);
  EXPECT_FALSE(plan_renewals(snapshot_, root_, {}));
  EXPECT_FALSE(plan_renewals(snapshot_, root_, std::vector<std::string>(kMaxRenewals + 1)));
}

}  // namespace
}  // namespace sixpn::agent
