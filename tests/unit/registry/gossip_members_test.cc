// Gossip and who its members are: claims, revocations, grace, second enrolments, clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/gossip.h"
#include "tests/unit/registry/gossip_fixture.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

TEST_F(GossipTest, StrangersGarbageAndRevokedHostsAreIgnored) {
  admit_others(2);
  EXPECT_THAT(receive(9, in_step()).datagrams, IsEmpty());
  EXPECT_EQ(gossip_.counters().dropped_stranger, 1U);
  Rng noise(5);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(noise.below(100), '\0');
    for (char& c : bytes) c = static_cast<char>(noise());
    gossip_.on_datagram(now_, sim::host_id(1), bytes);
  }
  auto counters = gossip_.counters();  // read at first, then dropped unread
  EXPECT_GE(counters.dropped_malformed, 150U);
  EXPECT_GT(counters.dropped_malformed + counters.dropped_flood, 1000U);
  EXPECT_TRUE(gossip_.check_invariants());

  RevocationRecord revocation{sim::host_id(1),
                              sign_revocation(sim::host_id(1), now_.wall, kCluster.root())};
  ASSERT_FALSE(own_write(revocation).refused);
  EXPECT_FALSE(gossip_.membership().status(sim::host_id(1)));
  auto ping = in_step();
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  EXPECT_THAT(receive(1, ping).datagrams, IsEmpty());
  EXPECT_THAT(receive(2, ping).datagrams, SizeIs(1));
}

TEST_F(GossipTest, ARevokedHostIsToldBeforeItIsAMemberNoMore) {
  admit_others(30);
  RevocationRecord revocation{sim::host_id(7),
                              sign_revocation(sim::host_id(7), now_.wall, kCluster.root())};
  auto out = own_write(revocation);
  ASSERT_FALSE(out.refused);
  EXPECT_FALSE(gossip_.membership().status(sim::host_id(7)));
  std::size_t told = 0;
  for (const auto& sent : out.datagrams)
    told += sent.to == sim::host_id(7) ? decoded(sent).records.size() : 0;
  EXPECT_EQ(told, 1U);
}

TEST_F(GossipTest, AHostPastItsGraceIsNoMemberUntilItIsRenewed) {
  admit_others(3);
  WallTime end = now_.wall + 1h;
  auto host = kCluster.enrol(9, {"*"}, 0, end);
  gossip_.admit(now_, host.signed_host());
  ASSERT_TRUE(gossip_.membership().status(host.id));
  pass(1h + kCertificateGrace - 1ms);
  gossip_.on_timer(now_);
  EXPECT_TRUE(gossip_.membership().status(host.id));
  pass(1ms);
  auto out = gossip_.on_timer(now_);
  EXPECT_FALSE(gossip_.membership().status(host.id));
  EXPECT_TRUE(out.snapshot_dirty);
  EXPECT_TRUE(gossip_.check_invariants());
  Renewal renewal{host.id, certificate_digest(host.record.certificate), now_.wall + 1h, now_.wall};
  own_write(RenewalRecord{renewal.host, renewal.certificate, renewal.valid_until, renewal.signed_at,
                          sign_renewal(renewal, kCluster.root())});
  EXPECT_TRUE(gossip_.membership().status(host.id));
}

TEST_F(GossipTest, ASecondEnrolmentIsRememberedWhicheverCameFirst) {
  admit_others(2);
  auto first = kCluster.enrol(7, {"*"}, 0);
  auto second = kCluster.enrol(7, {"*"}, 60);
  gossip_.admit(now_, second.signed_host());
  EXPECT_TRUE(gossip_.conflicts().all().empty());
  gossip_.admit(now_, first.signed_host());  // displaces it
  ASSERT_EQ(gossip_.conflicts().all().size(), 1U);
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).standing, first.certificate);
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).lost, second.certificate);
  pass(1h);
  gossip_.admit(now_, second.signed_host());  // refused
  const auto& conflict = gossip_.conflicts().all().at(first.id);
  EXPECT_EQ(conflict.standing, first.certificate);
  EXPECT_EQ(conflict.lost, second.certificate);
  EXPECT_EQ(conflict.seen, now_.wall);
  gossip_.note_second_enrolment(now_, first.certificate);  // the one that stands: no news
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).lost, second.certificate);
}

TEST_F(GossipTest, WhoLeftIsBackWhenItSignsARecordInALaterLife) {
  admit_others(3);
  auto host = kCluster.enrol(2);
  const HostId id = host.id;
  auto goodbye = in_step();
  goodbye.incarnation = (1 << kLifeBits) + 5;
  goodbye.updates = {claim(2, HostStatus::kLeft, 2, goodbye.incarnation)};
  receive(2, goodbye);
  ASSERT_EQ(gossip_.membership().status(id), HostStatus::kLeft);
  // A record of the life that left, however new, is an echo.
  gossip_.admit(now_, host.signed_host(1, 9));
  EXPECT_EQ(gossip_.membership().status(id), HostStatus::kLeft);
  gossip_.admit(now_, host.signed_host(2, 1));
  EXPECT_EQ(gossip_.membership().status(id), HostStatus::kAlive);
}

TEST_F(GossipTest, TheClocksOfOthersAreMeasuredByTheirProbes) {
  admit_others(2);
  auto ping = in_step();
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  EXPECT_FALSE(gossip_.clock_ahead(sim::host_id(1)));
  for (auto delay : {0ms, 40ms, 3000ms}) {  // late datagrams make a clock look behind
    ping.wall = now_.wall + 90s - delay;
    auto out = receive(1, ping);
    ASSERT_THAT(out.datagrams, SizeIs(1));
    EXPECT_EQ(decoded(out.datagrams[0]).wall, now_.wall);  // the answer carries ours
  }
  EXPECT_EQ(gossip_.clock_ahead(sim::host_id(1)), 90s);
  EXPECT_FALSE(gossip_.clock_ahead(sim::host_id(2)));
  auto out = own_write(OrgRecord{"acme"}, "acme");
  ASSERT_FALSE(out.datagrams.empty());
  EXPECT_FALSE(decoded(out.datagrams[0]).wall);  // only probes pay for it
}

TEST(ClockOffset, NeedsTwoSamplesAndForgetsOldOnes) {
  ClockOffset offset;
  offset.add(100s);
  EXPECT_FALSE(offset.ahead());
  offset.add(-7s);
  EXPECT_EQ(offset.ahead(), 100s);
  for (int i = 0; i < 4; ++i) offset.add(-6s);  // the clock was set
  EXPECT_EQ(offset.ahead(), -6s);
}

TEST_F(GossipTest, TheEndOfAGraceWakesTheTimer) {
  admit_others(1);
  auto host = kCluster.enrol(9, {"*"}, 0, now_.wall + 10s);
  auto host2 = kCluster.enrol(10);
  Rng rng(1);
  Gossip gossip(
      {.self = host_.id, .root_key = kCluster.root().public_key(), .certificate_grace = 5s}, rng);
  for (const auto& each : {host_, host, host2, kCluster.enrol(11)})
    gossip.admit(now_, each.signed_host());
  auto out = gossip.start(now_);
  while (gossip.membership().status(host.id)) {
    ASSERT_LE(out.wake, Instant(100s) + 20s);
    pass(out.wake - now_.mono);
    out = gossip.on_timer(now_);
  }
  EXPECT_GE(now_.mono, Instant(100s) + 15s);
  EXPECT_LE(now_.mono, Instant(100s) + 15s + 200ms);
}

TEST_F(GossipTest, WhoIsAccusedIsToldSoInTheAnswer) {
  admit_others(3);
  auto accusation = in_step();
  accusation.updates = {claim(1, HostStatus::kSuspected, 2, 0)};
  receive(1, accusation);
  ASSERT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
  auto ping = in_step();
  ping.incarnation = 0;
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  auto out = receive(2, ping);
  ASSERT_FALSE(out.datagrams.empty());
  EXPECT_THAT(decoded(out.datagrams[0]).updates, Contains(accusation.updates[0]));
}

TEST_F(GossipTest, OnlyClaimsThatVerifyChangeAnything) {
  admit_others(3);
  auto good = claim(1, HostStatus::kSuspected, 2, 0);
  std::vector<MemberUpdate> forged(6, good);
  forged[0].signature = {};                        // of a version that does not sign
  forged[1].signature[5] ^= 1;                     // damaged
  forged[2].accuser = sim::host_id(3);             // another's name under it
  forged[3].host = sim::host_id(3);                // another victim
  forged[4] = claim(1, HostStatus::kAlive, 2, 1);  // for another host
  forged[5] = claim(1, HostStatus::kLeft, 2, std::uint64_t{1} << kLifeBits);
  for (const auto& each : forged) {
    auto datagram = in_step();
    datagram.updates = {each};
    receive(1, datagram);
  }
  EXPECT_EQ(gossip_.counters().dropped_unsigned_claim, 1U);
  EXPECT_EQ(gossip_.counters().dropped_bad_claim, forged.size() - 1);
  for (unsigned i : {2U, 3U})
    EXPECT_EQ(gossip_.membership().status(sim::host_id(i)), HostStatus::kAlive);
  auto datagram = in_step();
  datagram.updates = {good};
  receive(1, datagram);
  EXPECT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
  // What is known is not verified again.
  auto verified = gossip_.counters().claims_verified;
  receive(3, datagram);
  EXPECT_EQ(gossip_.counters().claims_verified, verified);
}

TEST_F(GossipTest, ALiarsGarbageIsVerifiedOnItsOwnBudget) {
  admit_others(3);
  auto datagram = in_step();
  auto garbage = claim(1, HostStatus::kSuspected, 2, 0);
  garbage.signature[0] ^= 1;
  datagram.updates.assign(10, garbage);
  for (int i = 0; i < 100; ++i) receive(1, datagram);
  EXPECT_LE(gossip_.counters().claims_verified, 20U);
  EXPECT_GT(gossip_.counters().dropped_claim_limit, 900U);
  // Others are heard.
  datagram.updates = {claim(3, HostStatus::kSuspected, 2, 0)};
  receive(3, datagram);
  EXPECT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
}

TEST_F(GossipTest, ARefutationIsSignedAndToldToEverybody) {
  admit_others(3);
  auto datagram = in_step();
  datagram.updates = {claim(1, HostStatus::kSuspected, 0, 1)};
  auto out = receive(1, datagram);
  MemberUpdate expected{host_.id, HostStatus::kAlive, 2, host_.id};
  expected.signature = sign_claim({HostStatus::kAlive, host_.id, 2, host_.id}, host_.key);
  std::set<HostId> told;
  for (const auto& sent : out.datagrams)
    for (const auto& update : decoded(sent).updates)
      if (update == expected) told.insert(sent.to);
  EXPECT_EQ(told.size(), 3U);
}

TEST_F(GossipTest, InASmallClusterWordsAreExchangedAtFirstSight) {
  auto met = gossip_.admit(now_, kCluster.enrol(1).signed_host());
  auto introduction = std::find_if(met.datagrams.begin(), met.datagrams.end(),
                                   [](const auto& sent) { return decoded(sent).wants_claim; });
  ASSERT_NE(introduction, met.datagrams.end());
  EXPECT_EQ(introduction->to, sim::host_id(1));
  auto said = decoded(*introduction);
  ASSERT_THAT(said.updates, SizeIs(1));
  EXPECT_EQ(said.updates[0].host, host_.id);
  EXPECT_TRUE(is_signed(said.updates[0].signature));

  // Its answer ends the exchange.
  auto answer = in_step();
  answer.probe = ProbeMessage{ProbeMessage::Kind::kAck, host_.id, 0, sim::host_id(1)};
  answer.updates = {claim(1, HostStatus::kAlive, 1, 7)};
  answer.incarnation = 7;
  for (const auto& sent : receive(1, answer).datagrams) EXPECT_FALSE(decoded(sent).wants_claim);
  auto again = gossip_.admit(now_, kCluster.enrol(1).signed_host());
  for (const auto& sent : again.datagrams) EXPECT_FALSE(decoded(sent).wants_claim);
}

TEST_F(GossipTest, WhoAsksForItIsGivenOurOwnWord) {
  admit_others(3);
  auto ping = in_step();
  ping.wants_claim = true;
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  auto out = receive(1, ping);
  ASSERT_FALSE(out.datagrams.empty());
  auto answer = decoded(out.datagrams[0]);
  ASSERT_FALSE(answer.updates.empty());
  EXPECT_EQ(answer.updates[0].host, host_.id);
  EXPECT_TRUE(verify_claim({HostStatus::kAlive, host_.id, 1, host_.id}, answer.updates[0].signature,
                           host_.key.public_key()));
  EXPECT_TRUE(answer.wants_claim);  // nor is the asker's word here
}

TEST_F(GossipTest, ASecondEnrolmentIsReported) {
  admit_others(2);
  auto datagram = in_step();
  datagram.records = {kCluster.enrol(2, {"*"}, 60).signed_host(9, 9)->wire()};
  receive(1, datagram);
  EXPECT_THAT(gossip_.conflicts().all(), ElementsAre(Key(sim::host_id(2))));
  EXPECT_EQ(gossip_.counters().enrolment_conflicts, 1U);
}

TEST_F(GossipTest, AnOwnRecordOfALaterLifeIsNoticed) {
  admit_others(1);
  auto datagram = in_step();
  datagram.records = {host_.signed_host(42, 1)->wire()};
  EXPECT_EQ(receive(1, datagram).own_incarnation_seen, 42U);
  writer_.raise_incarnation(43);
  auto again = own_write(host_.record);
  EXPECT_FALSE(again.refused);
}

TEST_F(GossipTest, LeavingIsToldToEverybodyTwice) {
  admit_others(4);
  auto out = gossip_.leave(now_);
  EXPECT_EQ(out.datagrams.size(), 8U);
  EXPECT_EQ(decoded(out.datagrams[0]).updates.at(0).status, HostStatus::kLeft);
  EXPECT_EQ(out.wake, kNever);
}

}  // namespace
}  // namespace sixpn::registry
