#include "registry/core/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/encoding.h"
#include "registry/core/trust.pb.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn {
namespace {

using test::kExpires;
using test::kInvited;
using test::secret_of;
using test::TrustFixture;
using ::testing::HasSubstr;

std::string seal_by_hand(const std::string& tag, const std::string& body, const SigningKey& key) {
  trust::Signed statement;
  statement.set_body(body);
  statement.set_signature(std::string(as_bytes(key.sign(tag + '\0' + body))));
  return statement.SerializeAsString();
}

TEST(Certificate, EnrolledHostIsVerifiedByTheRootKeyAlone) {
  TrustFixture trust;
  HostCertificate made = trust.certificate();
  EXPECT_EQ(made.invite, trust.invite());
  EXPECT_EQ(made.signing_key, trust.host.public_key());
  EXPECT_EQ(made.enrolled, kInvited);
  auto verified = verify_certificate(made.encoded, trust.root.public_key());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(*verified, made);
}

TEST(Certificate, EveryFlippedBitIsRefused) {
  TrustFixture trust;
  const std::string encoded = trust.certificate().encoded;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    for (int bit : {0, 3, 7}) {
      std::string bad = encoded;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_FALSE(verify_certificate(bad, trust.root.public_key())) << "byte " << i;
    }
  }
}

TEST(Certificate, EveryTruncationAndExtensionIsRefused) {
  TrustFixture trust;
  const std::string encoded = trust.certificate().encoded;
  for (std::size_t size = 0; size < encoded.size(); ++size)
    EXPECT_FALSE(verify_certificate(encoded.substr(0, size), trust.root.public_key())) << size;
  // An unknown field in the envelope would make a second encoding of one enrolment.
  EXPECT_FALSE(verify_certificate(encoded + std::string("\x18\x01", 2), trust.root.public_key()));
  EXPECT_FALSE(verify_certificate(encoded + encoded, trust.root.public_key()));
  EXPECT_FALSE(verify_certificate(std::string(1'000'000, 'x'), trust.root.public_key()));
}

TEST(Certificate, FieldsOfALaterVersionPassInsideTheSignedBody) {
  TrustFixture trust;
  trust::Signed statement;
  ASSERT_TRUE(statement.ParseFromString(sign_invite(trust.invite(), trust.root)));
  std::string later = statement.body() + std::string("\xa2\x06\x02hi", 5);  // field 100
  auto invite =
      verify_invite(seal_by_hand("sixpn invite v1", later, trust.root), trust.root.public_key());
  ASSERT_TRUE(invite) << invite.error().message;
  EXPECT_EQ(*invite, trust.invite());
}

TEST(Certificate, ValidityAndIssueTravelAndOldInvitesHaveNeither) {
  TrustFixture trust;
  EXPECT_FALSE(trust.certificate().invite.valid_until);
  EXPECT_FALSE(trust.certificate().invite.issued);
  Invite invite = trust.invite();
  invite.valid_until = kInvited + std::chrono::hours(24 * 365);
  invite.issued = kInvited;
  auto read = verify_invite(sign_invite(invite, trust.root), trust.root.public_key());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, invite);
}

TEST(Certificate, ARenewalIsTheRootsAlone) {
  TrustFixture trust;
  Renewal renewal{HostId(0x20003), certificate_digest(trust.certificate().encoded),
                  kInvited + std::chrono::hours(1), kInvited};
  std::string statement = sign_renewal(renewal, trust.root);
  auto read = verify_renewal(statement, trust.root.public_key());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, renewal);
  EXPECT_FALSE(verify_renewal(sign_renewal(renewal, trust.host), trust.root.public_key()));
  EXPECT_FALSE(verify_renewal(statement, trust.host.public_key()));
  EXPECT_FALSE(verify_revocation(statement, trust.root.public_key()));  // another kind of statement
  for (std::size_t i = 0; i < statement.size(); ++i) {
    std::string bad = statement;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    EXPECT_FALSE(verify_renewal(bad, trust.root.public_key())) << i;
    EXPECT_FALSE(verify_renewal(statement.substr(0, i), trust.root.public_key())) << i;
  }
}

TEST(Certificate, AnotherRootIsRefused) {
  TrustFixture trust;
  SigningKey other(secret_of('o'));
  auto verified = verify_certificate(trust.certificate().encoded, other.public_key());
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, HasSubstr("not signed by the root key of cluster"));
}

TEST(Certificate, AnotherClustersInviteIsRefusedEvenWhenSigned) {
  TrustFixture trust;
  Invite invite = trust.invite();
  invite.cluster = std::string(16, 'x');
  auto verified = verify_invite(sign_invite(invite, trust.root), trust.root.public_key());
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, HasSubstr("is for cluster 78787878"));
}

TEST(Certificate, AStatementOfOneKindNeverPassesForAnother) {
  TrustFixture trust;
  trust::Signed statement;
  ASSERT_TRUE(statement.ParseFromString(sign_invite(trust.invite(), trust.root)));
  for (const char* tag : {"sixpn certificate v1", "sixpn revocation v1", "sixpn invite v2", ""}) {
    auto verified =
        verify_invite(seal_by_hand(tag, statement.body(), trust.root), trust.root.public_key());
    EXPECT_FALSE(verified) << tag;
  }
  EXPECT_FALSE(verify_revocation(sign_invite(trust.invite(), trust.root), trust.root.public_key()));
}

struct BadInvite {
  const char* what;
  std::function<void(Invite&)> spoil;
  const char* message;
};

TEST(Certificate, InvitesWithBadContentAreRefusedThoughTheRootSignedThem) {
  const std::vector<BadInvite> table = {
      {"reserved id", [](Invite& i) { i.host = HostId(0xffff); }, "0000ffff is reserved"},
      {"no name", [](Invite& i) { i.name = ""; }, "the host name \"\""},
      {"upper case", [](Invite& i) { i.name = "Host"; }, "the host name \"Host\""},
      {"dots", [](Invite& i) { i.name = "a.b"; }, "the host name \"a.b\""},
      {"control characters", [](Invite& i) { i.name = "a\n\x1b[2J"; }, "\"a??[2J\""},
      {"not UTF-8", [](Invite& i) { i.name = "\xff\xfe"; }, "the host name \"??\""},
      {"long name", [](Invite& i) { i.name = std::string(64, 'a'); }, "the host name \"aaaa"},
      {"region", [](Invite& i) { i.region = "fr"; }, "the region \"fr\""},
      {"region case", [](Invite& i) { i.region = "FRA"; }, "the region \"FRA\""},
      {"region that is a name", [](Invite& i) { i.region = "vms"; },
       "the region \"vms\": expected a name other than vms, which is a name of every app "
       "(vms.<app>.internal)"},
      {"no org", [](Invite& i) { i.orgs = {}; }, "names no organisation"},
      {"bad org",
       [](Invite& i) {
         i.orgs = {"acme", "b c"};
       },
       "the organisation \"b c\""},
      {"star among others",
       [](Invite& i) {
         i.orgs = {"acme", "*"};
       },
       "stands alone"},
      {"org twice",
       [](Invite& i) {
         i.orgs = {"a", "b", "a"};
       },
       "\"a\" is named twice"},
      {"orgs too long",
       [](Invite& i) {
         i.orgs = {std::string(63, 'a'), std::string(63, 'b'), std::string(63, 'c'),
                   std::string(63, 'd')};
       },
       "too many organisations"},
      {"no expiry", [](Invite& i) { i.expires = WallTime{}; }, "the invite's expiry (0 ms)"},
      {"expiry before time", [](Invite& i) { i.expires = from_unix_ms(-5); }, "(-5 ms)"},
      {"expiry beyond time", [](Invite& i) { i.expires = WallTime::max(); }, "is not a date"},
      {"giant", [](Invite& i) { i.name = std::string(100'000, 'a'); }, "at most 512 are allowed"},
  };
  for (const auto& row : table) {
    TrustFixture trust;
    Invite invite = trust.invite();
    row.spoil(invite);
    auto verified = verify_invite(sign_invite(invite, trust.root), trust.root.public_key());
    ASSERT_FALSE(verified) << row.what;
    EXPECT_THAT(verified.error().message, HasSubstr(row.message)) << row.what;
    EXPECT_FALSE(enrol(trust.token_of(invite), trust.host.public_key(), kInvited)) << row.what;
  }
}

TEST(Certificate, TheLargestAllowedInviteStillFits) {
  TrustFixture trust;
  Invite invite = trust.invite();
  invite.serial = ~0ULL;
  invite.host = HostId(~0U);
  invite.name = std::string(63, 'a');
  invite.orgs = {std::string(63, 'a'), std::string(63, 'b'), std::string(63, 'c'),
                 std::string(59, 'd')};
  auto certificate = enrol(trust.token_of(invite), trust.host.public_key(), kInvited);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_LE(certificate->encoded.size(), kMaxCertificateBytes);
}

struct BadCertificate {
  const char* what;
  std::function<void(trust::Certificate&)> spoil;
  const char* message;
};

TEST(Certificate, CertificatesWithBadContentAreRefusedThoughTheEnrolmentKeySignedThem) {
  const std::vector<BadCertificate> table = {
      {"no invite", [](trust::Certificate& c) { c.clear_signed_invite(); }, "not a signed invite"},
      {"short key", [](trust::Certificate& c) { c.set_signing_key("short"); }, "not 32 bytes"},
      {"no time", [](trust::Certificate& c) { c.set_enrolled_ms(0); }, "is not a date"},
      {"late", [](trust::Certificate& c) { c.set_enrolled_ms(unix_ms(kExpires) + 1); },
       "enrolled 1 ms after its invite had expired"},
  };
  for (const auto& row : table) {
    TrustFixture trust;
    trust::Certificate body;
    body.set_signed_invite(sign_invite(trust.invite(), trust.root));
    body.set_signing_key(std::string(as_bytes(trust.host.public_key())));
    body.set_enrolled_ms(unix_ms(kInvited));
    row.spoil(body);
    auto encoded = seal_by_hand("sixpn certificate v1", body.SerializeAsString(), trust.enrolment);
    auto verified = verify_certificate(encoded, trust.root.public_key());
    ASSERT_FALSE(verified) << row.what;
    EXPECT_THAT(verified.error().message, HasSubstr(row.message)) << row.what;
  }
}

TEST(Certificate, OnlyTheEnrolmentKeyOfTheInviteMayEnrol) {
  TrustFixture trust;
  Token token = trust.token();
  token.enrolment_seed = secret_of('x');
  auto made = enrol(token, trust.host.public_key(), kInvited);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("does not belong to its invite"));

  trust::Certificate body;
  body.set_signed_invite(token.signed_invite);
  body.set_signing_key(std::string(as_bytes(trust.host.public_key())));
  body.set_enrolled_ms(unix_ms(kInvited));
  auto forged = seal_by_hand("sixpn certificate v1", body.SerializeAsString(), trust.host);
  auto verified = verify_certificate(forged, trust.root.public_key());
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message, HasSubstr("not signed by the enrolment key"));
}

TEST(Certificate, EnrollingAfterTheExpiryFails) {
  TrustFixture trust;
  EXPECT_TRUE(enrol(trust.token(), trust.host.public_key(), kExpires));
  EXPECT_FALSE(
      enrol(trust.token(), trust.host.public_key(), kExpires + std::chrono::milliseconds(1)));
}

TEST(Certificate, TheEarlierEnrolmentWinsAndATieIsBrokenByBytes) {
  TrustFixture trust;
  auto at = [&](char host, WallTime when) {
    return enrol(trust.token(), SigningKey(secret_of(host)).public_key(), when).value();
  };
  auto first = at('1', kInvited);
  auto later = at('2', kInvited + std::chrono::milliseconds(1));
  EXPECT_TRUE(enrolment_wins(first, later));
  EXPECT_FALSE(enrolment_wins(later, first));
  auto tied = at('3', kInvited);
  EXPECT_NE(enrolment_wins(first, tied), enrolment_wins(tied, first));
  EXPECT_FALSE(enrolment_wins(first, first));
}

TEST(Certificate, OrgsOfTheInviteBoundWhatTheHostMayServe) {
  Invite invite = TrustFixture().invite();
  EXPECT_TRUE(invite.allows_org("acme"));
  EXPECT_FALSE(invite.allows_org("acm"));
  EXPECT_FALSE(invite.allows_org(""));
  EXPECT_FALSE(invite.allows_org("*"));
  invite.orgs = {"*"};
  EXPECT_TRUE(invite.allows_org("anything"));
}

TEST(Certificate, RevocationIsTheRootsWordOnly) {
  TrustFixture trust;
  std::string statement = sign_revocation(HostId(0x20003), kInvited, trust.root);
  EXPECT_EQ(verify_revocation(statement, trust.root.public_key()).value(), HostId(0x20003));
  EXPECT_FALSE(verify_revocation(statement, trust.host.public_key()));
  EXPECT_FALSE(
      verify_revocation(sign_revocation(HostId(1), kInvited, trust.root), trust.root.public_key()));
  for (std::size_t i = 0; i < statement.size(); ++i) {
    std::string bad = statement;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(verify_revocation(bad, trust.root.public_key())) << "byte " << i;
    EXPECT_FALSE(verify_revocation(statement.substr(0, i), trust.root.public_key())) << i;
  }
}

TEST(Certificate, ClusterIdIsTheHashOfTheRootKey) {
  TrustFixture trust;
  EXPECT_EQ(cluster_id(trust.root.public_key()).size(), 16U);
  EXPECT_NE(cluster_id(trust.root.public_key()), cluster_id(trust.host.public_key()));
}

}  // namespace
}  // namespace sixpn
