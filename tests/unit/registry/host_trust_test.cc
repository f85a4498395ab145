// Who is shut out, and until when a certificate is good.
#include "registry/core/host_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using sim::EnrolledHost;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);
const WallTime kEnd = kNow + 1h;
constexpr std::chrono::milliseconds kGrace = 10min;
const HostId kSelf = sim::host_id(1);

class HostTrustTest : public testing::Test {
 protected:
  HostTrustTest() {
    for (const auto& host : {self_, ends_, other_}) merge(host.signed_host());
  }
  void merge(const SignedRecordPtr& record) {
    EXPECT_EQ(store_.merge(record, kNow), Verdict::kAccepted);
  }
  void renew(const EnrolledHost& host, WallTime until, WallTime signed_at,
             std::optional<Hash> certificate = {}) {
    merge(test::sign_renewal_record(kCluster, self_, host, until, signed_at, certificate));
  }
  void revoke(const EnrolledHost& host) {
    RevocationRecord revocation{host.id, sign_revocation(host.id, kNow, kCluster.root())};
    merge(self_.sign(test::make_shared_record(self_, revocation, "", 1)));
  }
  [[nodiscard]] HostTrust at(WallTime now, HostId self = kSelf) const {
    return judge_hosts(store_, self, now, kGrace);
  }

  EnrolledHost self_ = kCluster.enrol(1);
  EnrolledHost ends_ = kCluster.enrol(2, {"*"}, 0, kEnd);
  EnrolledHost other_ = kCluster.enrol(3);
  Store store_{kCluster.root().public_key()};
};

TEST_F(HostTrustTest, ACertificateEndsInTwoStepsAndNothingIsCutBeforeTheSecond) {
  EXPECT_EQ(standing_at(kEnd, kEnd - 1ms, kGrace), Standing::kGood);
  EXPECT_EQ(standing_at(kEnd, kEnd, kGrace), Standing::kExpired);
  EXPECT_EQ(standing_at(kEnd, kEnd + kGrace - 1ms, kGrace), Standing::kExpired);
  EXPECT_EQ(standing_at(kEnd, kEnd + kGrace, kGrace), Standing::kShutOut);
  EXPECT_EQ(standing_at(std::nullopt, WallTime::max(), kGrace), Standing::kGood);

  EXPECT_THAT(at(kEnd + kGrace - 1ms).shut_out, IsEmpty());
  EXPECT_THAT(at(kEnd + kGrace).shut_out, ElementsAre(ends_.id));
  EXPECT_EQ(at(kNow).valid_until, (std::map<HostId, WallTime>{{ends_.id, kEnd}}));
}

TEST_F(HostTrustTest, TheNextTurnIsKnownBefore) {
  EXPECT_EQ(at(kNow).next_turn, kEnd);
  EXPECT_EQ(at(kEnd).next_turn, kEnd + kGrace);
  EXPECT_EQ(at(kEnd + kGrace).next_turn, std::nullopt);
}

TEST_F(HostTrustTest, ARenewalCountsForItsCertificateAndTheLatestSignedWins) {
  renew(ends_, kEnd + 100h, kNow);
  EXPECT_EQ(at(kNow).valid_until.at(ends_.id), kEnd + 100h);
  // Signed later, it may also shorten.
  renew(ends_, kEnd + 50h, kNow + 1ms);
  EXPECT_EQ(at(kNow).valid_until.at(ends_.id), kEnd + 50h);
  // Of another certificate of this id: says nothing about this one.
  renew(ends_, kEnd + 200h, kNow + 2ms, Hash{1, 2, 3});
  EXPECT_EQ(at(kNow).valid_until.at(ends_.id), kEnd);
}

TEST_F(HostTrustTest, AfterTheGraceARenewalBringsTheHostBack) {
  ASSERT_THAT(at(kEnd + kGrace).shut_out, ElementsAre(ends_.id));
  renew(ends_, kEnd + kGrace + 1h, kEnd + kGrace);
  EXPECT_THAT(at(kEnd + kGrace).shut_out, IsEmpty());
}

TEST_F(HostTrustTest, NoRenewalUndoesARevocation) {
  revoke(ends_);
  renew(ends_, kEnd + 100h, kNow + 1h);
  EXPECT_THAT(at(kNow).shut_out, ElementsAre(ends_.id));
}

TEST_F(HostTrustTest, AHostIsNeverShutOutByItsOwnClockButByARevocation) {
  EXPECT_THAT(at(kEnd + kGrace, ends_.id).shut_out, IsEmpty());
  revoke(ends_);
  EXPECT_THAT(at(kNow, ends_.id).shut_out, ElementsAre(ends_.id));
}

TEST_F(HostTrustTest, WhenMostAreExpiredNobodyIsShutOut) {
  auto fourth = kCluster.enrol(4, {"*"}, 0, kEnd);
  merge(fourth.signed_host());
  EXPECT_EQ(at(kEnd + kGrace).shut_out.size(), 2U);  // half
  auto fifth = kCluster.enrol(5, {"*"}, 0, kEnd);
  merge(fifth.signed_host());
  EXPECT_THAT(at(kEnd + kGrace).shut_out, IsEmpty());  // 3 of 5
  EXPECT_TRUE(at(kEnd + kGrace).withheld);
  // Revoked hosts count on neither side, and stay out.
  revoke(fifth);
  EXPECT_THAT(at(kEnd + kGrace).shut_out, ElementsAre(ends_.id, fourth.id, fifth.id));
}

}  // namespace
}  // namespace sixpn::registry
