#include "mesh/core/knock_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/encoding.h"
#include "base/rng.h"
#include "tests/unit/mesh/knock_fixture.h"

namespace sixpn::mesh {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Cluster;
using test::EnrolledHost;
using test::kNow;
using test::knowing;
using test::kWall;
using test::later;
using ::testing::AllOf;
using ::testing::HasSubstr;

const IpEndpoint kSource = *parse_endpoint("192.0.2.7:40000");

class KnockGateTest : public testing::Test {
 protected:
  void TearDown() override { gate_.check_invariants(); }

  GateOutput knock(const EnrolledHost& host, const Snapshot& snapshot, Now now = kNow,
                   const IpEndpoint& from = kSource) {
    return gate_.on_knock(now, from, cluster_.knock_of(host, ++nonce_, now.wall), snapshot,
                          a_.signed_record.get());
  }
  KnockReply reply_of(const GateOutput& output) {
    EXPECT_LE(output.reply.size(), kKnockBytes);
    return std::get<KnockReply>(decode_knock_datagram(output.reply, cluster_.cluster_key));
  }

  Cluster cluster_;
  EnrolledHost a_ = cluster_.host("a", 0x10001);
  EnrolledHost b_ = cluster_.host("b", 0x20003);
  KnockGate gate_{{cluster_.root.public_key(), cluster_.cluster_key, a_.record.id}};
  std::uint64_t nonce_ = 0;
};

TEST_F(KnockGateTest, AnInvitedHostIsAcceptedAndLearnsWhoAcceptedItAndWhereItWasSeen) {
  auto output = knock(b_, knowing({a_}));
  ASSERT_TRUE(output.admitted);
  EXPECT_EQ(output.admitted->record->wire(), b_.signed_record->wire());
  EXPECT_FALSE(output.refused);
  KnockReply reply = reply_of(output);
  EXPECT_TRUE(reply.accepted);
  EXPECT_EQ(reply.nonce, nonce_);
  EXPECT_EQ(reply.record, a_.signed_record->wire());
  EXPECT_EQ(reply.observed, kSource);
  EXPECT_EQ(gate_.counters().accepted, 1U);
}

TEST_F(KnockGateTest, AReceiverWithoutARecordOfItsOwnStillAnswers) {
  auto output = gate_.on_knock(kNow, kSource, cluster_.knock_of(b_, 1), knowing({}), nullptr);
  EXPECT_TRUE(output.admitted);
  EXPECT_EQ(reply_of(output).record, "");
}

struct RefusalRow {
  const char* what;
  RefusalReason reason;
  // The snapshot and time at which host b (00020003) is refused.
  std::function<Snapshot(const Cluster&, const EnrolledHost& a, const EnrolledHost& b)> snapshot;
  milliseconds after;
  const char* message;
};

TEST_F(KnockGateTest, RefusesForEachReasonAndTellsBothSides) {
  const std::vector<RefusalRow> table = {
      {"expired and unknown", RefusalReason::kExpired,
       [](const Cluster&, const EnrolledHost& a, const EnrolledHost&) { return knowing({a}); },
       hours(24) + milliseconds(1),
       "the invite of host b (00020003) expired at 2026-09-22 14:13:20 UTC, it is now"},
      {"token used by another", RefusalReason::kTokenUsed,
       [](const Cluster& cluster, const EnrolledHost& a, const EnrolledHost&) {
         return knowing({a, cluster.host("b", 0x20003)});
       },
       milliseconds(0), "the token was already used: host b (00020003)"},
      {"token used by another, long ago", RefusalReason::kTokenUsed,
       [](const Cluster& cluster, const EnrolledHost& a, const EnrolledHost&) {
         return knowing({a, cluster.host("b", 0x20003)});
       },
       hours(1000), "the token was already used"},
      {"name taken", RefusalReason::kNameTaken,
       [](const Cluster& cluster, const EnrolledHost& a, const EnrolledHost&) {
         return knowing({a, cluster.host("b", 0x30004)});
       },
       milliseconds(0), "the name of host b (00020003) is taken by host 00030004"},
      {"revoked and unknown", RefusalReason::kRevoked,
       [](const Cluster&, const EnrolledHost& a, const EnrolledHost& b) {
         Snapshot snapshot = knowing({a});
         snapshot.revocations[b.record.id] = {b.record.id, ""};
         return snapshot;
       },
       milliseconds(0), "host b (00020003) was revoked"},
      {"revoked though known", RefusalReason::kRevoked,
       [](const Cluster&, const EnrolledHost& a, const EnrolledHost& b) {
         Snapshot snapshot = knowing({a, b});
         snapshot.revocations[b.record.id] = {b.record.id, ""};
         return snapshot;
       },
       milliseconds(0), "host b (00020003) was revoked"},
  };
  for (const auto& row : table) {
    KnockGate gate{{cluster_.root.public_key(), cluster_.cluster_key, a_.record.id}};
    Now now = later(kNow, row.after);
    auto output = gate.on_knock(now, kSource, cluster_.knock_of(b_, 1, now.wall),
                                row.snapshot(cluster_, a_, b_), a_.signed_record.get());
    EXPECT_FALSE(output.admitted) << row.what;
    ASSERT_TRUE(output.refused) << row.what;
    EXPECT_EQ(output.refused->reason, row.reason) << row.what;
    EXPECT_THAT(output.refused->sentence, HasSubstr(row.message)) << row.what;
    KnockReply reply = reply_of(output);
    EXPECT_FALSE(reply.accepted) << row.what;
    EXPECT_EQ(reply.reason, output.refused->sentence) << row.what;
    EXPECT_EQ(reply.record, "") << row.what;
    EXPECT_EQ(gate.counters().refused, 1U) << row.what;
  }
}

TEST_F(KnockGateTest, AKnownHostComesBackLongAfterItsInviteExpiredWithWhateverIsNew) {
  auto snapshot = knowing({a_, b_});
  b_.record.wireguard_key = wireguard_public_key(generate_wireguard_key());
  b_.record.endpoints = {*parse_endpoint("[2001:db8::9]:51820")};
  b_.signed_record = test::sign_host(b_.record, b_.identity.signing_key, 2);
  auto output = knock(b_, snapshot, later(kNow, hours(10'000)));
  ASSERT_TRUE(output.admitted);
  EXPECT_EQ(output.admitted->host(), b_.record);
}

TEST_F(KnockGateTest, ABackdatedSecondEnrolmentDoesNotReplaceTheFirst) {
  Token token = cluster_.invite("b", HostId(0x20003), kWall + hours(24));
  auto first = cluster_.enrol_by(token, kWall);
  auto thief = cluster_.enrol_by(token, kWall - hours(1));
  ASSERT_TRUE(enrolment_wins(thief.identity.certificate, first.identity.certificate));
  auto output = knock(thief, knowing({a_, first}));
  ASSERT_TRUE(output.refused);
  EXPECT_EQ(output.refused->reason, RefusalReason::kTokenUsed);
}

TEST_F(KnockGateTest, ACertificateInItsGraceComesInAndIsRefusedBeyondIt) {
  Token token = cluster_.invite("c", HostId(0x50005), kWall + hours(24), kWall + hours(1));
  EnrolledHost c = cluster_.enrol_by(token);
  auto snapshot = knowing({a_});
  snapshot.certificate_grace = hours(2);
  auto at = [&](std::chrono::milliseconds after) { return knock(c, snapshot, later(kNow, after)); };
  EXPECT_TRUE(at(hours(3) - milliseconds(1)).admitted);
  auto refused = at(hours(3));
  ASSERT_TRUE(refused.refused);
  EXPECT_EQ(refused.refused->reason, RefusalReason::kShutOut);
  EXPECT_THAT(refused.refused->sentence,
              HasSubstr("the certificate of host c (00050005) expired at 2026-09-21 15:13:20 UTC "
                        "(renew it where the root key is: `sixpn host renew c`)"));
  // Renewed while it was away.
  auto renewal = std::make_shared<RenewalRecord>();
  renewal->certificate = certificate_digest(c.record.certificate);
  renewal->valid_until = kWall + hours(100);
  snapshot.renewals[c.record.id] = renewal;
  EXPECT_TRUE(at(hours(3) + milliseconds(1)).admitted);
}

TEST_F(KnockGateTest, AKnownHostIsShutOutWhenTheSnapshotSaysSo) {
  auto snapshot = knowing({a_});
  snapshot.shut_out[b_.record.id] = {b_.record, false, kWall - hours(1)};
  auto output = knock(b_, snapshot, kNow);
  ASSERT_TRUE(output.refused);
  EXPECT_EQ(output.refused->reason, RefusalReason::kShutOut);
  // Its name is still its own.
  EnrolledHost other = cluster_.host("b", 0x60006);
  auto taken = knock(other, snapshot, later(kNow, milliseconds(1)));
  ASSERT_TRUE(taken.refused);
  EXPECT_EQ(taken.refused->reason, RefusalReason::kNameTaken);
}

TEST_F(KnockGateTest, ASecondEnrolmentIsHandedOutToBeReported) {
  auto other = cluster_.host("b", 0x20003);
  auto output = knock(b_, knowing({a_, other}), kNow);
  ASSERT_TRUE(output.second_enrolment);
  EXPECT_EQ(output.second_enrolment->encoded, b_.record.certificate);
  // Whoever is refused learns of both from this alone.
  const std::string told = reply_of(output).reason;
  for (const auto& each : {other, b_}) {
    const auto& certificate = each.record.certificate;
    EXPECT_THAT(told, HasSubstr(to_hex(as_bytes(certificate_digest(certificate))).substr(0, 16) +
                                " of 20"));
  }
  EXPECT_FALSE(knock(b_, knowing({a_, b_}), later(kNow, milliseconds(1))).second_enrolment);
}

TEST_F(KnockGateTest, TheNameOfARevokedHostIsFree) {
  auto old = cluster_.host("b", 0x30004);
  auto snapshot = knowing({a_, old});
  snapshot.revocations[old.record.id] = {old.record.id, ""};
  EXPECT_TRUE(knock(b_, snapshot).admitted);
}

TEST_F(KnockGateTest, ACopyOfTheReceiversOwnIdentityIsRefusedButItsOwnEchoIsDropped) {
  auto echo = knock(a_, knowing({a_}));
  EXPECT_EQ(echo.reply, "");
  EXPECT_FALSE(echo.admitted || echo.refused);
  EXPECT_EQ(gate_.counters().own, 1U);
  auto claimed_twice = knock(cluster_.host("a", 0x10001), knowing({a_}));
  ASSERT_TRUE(claimed_twice.refused);
  EXPECT_EQ(claimed_twice.refused->reason, RefusalReason::kTokenUsed);
}

TEST_F(KnockGateTest, RecordsThatDoNotVerifyAreRefused) {
  Knock forged = cluster_.knock_of(b_, 1);
  forged.record[forged.record.size() - 1] = static_cast<char>(forged.record.back() ^ 1);
  auto output = gate_.on_knock(kNow, kSource, forged, knowing({a_}), nullptr);
  ASSERT_TRUE(output.refused);
  EXPECT_EQ(output.refused->reason, RefusalReason::kInvalid);
}

TEST_F(KnockGateTest, AnotherClusterUnderTheSameKeyIsToldSo) {
  Knock foreign = cluster_.knock_of(b_, 1);
  foreign.cluster = std::string(16, 'x');
  auto output = gate_.on_knock(kNow, kSource, foreign, knowing({a_}), nullptr);
  ASSERT_TRUE(output.refused);
  EXPECT_EQ(output.refused->reason, RefusalReason::kOtherCluster);
  EXPECT_THAT(output.refused->sentence, HasSubstr("the knock is for cluster 78787878"));
}

TEST_F(KnockGateTest, ClocksMayDifferByMinutesButNotMore) {
  struct Row {
    milliseconds ahead;
    bool accepted;
    const char* message;
  };
  for (const Row& row : {Row{minutes(5), true, ""}, Row{-minutes(5), true, ""},
                         Row{minutes(5) + milliseconds(1), false, "clock is 5 minutes ahead"},
                         Row{-hours(49), false, "clock is 2 days behind"}}) {
    auto output = gate_.on_knock(kNow, kSource, cluster_.knock_of(b_, ++nonce_, kWall + row.ahead),
                                 knowing({a_}), nullptr);
    EXPECT_EQ(output.admitted.has_value(), row.accepted) << row.ahead.count();
    if (row.accepted) continue;
    ASSERT_TRUE(output.refused);
    EXPECT_EQ(output.refused->reason, RefusalReason::kClock);
    EXPECT_THAT(output.refused->sentence,
                AllOf(HasSubstr(row.message), HasSubstr("here it is 2026-09-21 14:13:20 UTC")));
  }
}

TEST_F(KnockGateTest, AReplayIsDroppedForAsLongAsItsClockWouldPass) {
  Knock captured = cluster_.knock_of(b_, 99, kWall + kKnockClockTolerance);
  auto replay = [&](milliseconds after, const char* from) {
    return gate_.on_knock(later(kNow, after), *parse_endpoint(from), captured, knowing({a_}),
                          nullptr);
  };
  EXPECT_TRUE(replay(seconds(0), "192.0.2.7:1").admitted);
  for (int i = 1; i < 600; ++i)
    EXPECT_EQ(replay(seconds(i), "198.51.100.9:1").reply, "") << i << " s";
  EXPECT_EQ(gate_.counters().replayed, 599U);
  auto late = replay(minutes(10) + seconds(1), "198.51.100.9:1");
  ASSERT_TRUE(late.refused);
  EXPECT_EQ(late.refused->reason, RefusalReason::kClock);
}

TEST_F(KnockGateTest, OldKnocksPlayedAgainUseUpOnlyTheirOwnBudget) {
  Knock old = cluster_.knock_of(b_, 1, kWall - hours(24));
  int answered = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto output =
        gate_.on_knock(later(kNow, milliseconds(i)), kSource, old, knowing({a_}), nullptr);
    if (!output.reply.empty()) ++answered;
  }
  EXPECT_EQ(answered, kClockRefusalLimit.burst + 9);
  EXPECT_TRUE(knock(b_, knowing({a_}), later(kNow, seconds(10))).admitted);
}

TEST_F(KnockGateTest, OneSourceIsLimitedAndOthersAreNot) {
  auto snapshot = knowing({a_, b_});
  int accepted = 0;
  for (int i = 0; i < 60; ++i) accepted += knock(b_, snapshot).admitted ? 1 : 0;
  EXPECT_EQ(accepted, kKnockSourceLimit.burst);
  EXPECT_EQ(gate_.counters().over_limit, 60U - kKnockSourceLimit.burst);
  EXPECT_TRUE(knock(b_, snapshot, kNow, *parse_endpoint("192.0.2.8:40000")).admitted);
  EXPECT_TRUE(knock(b_, snapshot, later(kNow, milliseconds(250))).admitted);
}

TEST_F(KnockGateTest, AnIpv6SourceIsItsWhole64) {
  auto snapshot = knowing({a_, b_});
  int accepted = 0;
  for (int i = 1; i <= 60; ++i) {
    auto from = *parse_endpoint("[2001:db8::" + std::to_string(i) + "]:51821");
    accepted += knock(b_, snapshot, kNow, from).admitted ? 1 : 0;
  }
  EXPECT_EQ(accepted, kKnockSourceLimit.burst);
  EXPECT_TRUE(knock(b_, snapshot, kNow, *parse_endpoint("[2001:db8:0:1::1]:51821")).admitted);
}

TEST_F(KnockGateTest, FloodsFromManySourcesAreBoundedInRateAndMemory) {
  auto snapshot = knowing({a_});
  Rng rng(4);
  int answered = 0;
  const int per_second = 200;
  for (int i = 0; i < 20 * per_second; ++i) {
    IpEndpoint from{Ip6::from_words({0x2001, 0xdb8, static_cast<std::uint16_t>(rng()),
                                     static_cast<std::uint16_t>(rng()), 0, 0, 0, 1}),
                    1};
    Knock flood{cluster_id(cluster_.root.public_key()), ++nonce_, kWall, "garbage"};
    auto now = later(kNow, milliseconds(i * 1000 / per_second));
    if (!gate_.on_knock(now, from, flood, snapshot, nullptr).reply.empty()) ++answered;
    gate_.check_invariants();
  }
  EXPECT_EQ(answered, kKnockLimit.burst + 20 * 20 - 1);
}

TEST_F(KnockGateTest, KnocksOutOfTheMeshOrFromNowhereAreDropped) {
  for (const char* from : {"[fdaa:0:1::1]:51821", "[ff02::1]:51821", "[::]:51821"})
    EXPECT_EQ(knock(b_, knowing({a_}), kNow, *parse_endpoint(from)).reply, "") << from;
  EXPECT_EQ(gate_.counters().bad_source, 3U);
}

TEST_F(KnockGateTest, GarbageIsCountedByKind) {
  gate_.on_garbage(KnockGarbage::kMac);
  gate_.on_garbage(KnockGarbage::kMac);
  gate_.on_garbage(KnockGarbage::kSize);
  EXPECT_EQ(gate_.counters().wrong_mac, 2U);
  EXPECT_EQ(gate_.counters().wrong_size, 1U);
}

}  // namespace
}  // namespace sixpn::mesh
