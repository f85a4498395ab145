#include <gmock/gmock.h>

#include "tests/unit/registry/membership_fixture.h"

namespace sixpn::registry {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(MembershipTest, EveryHostIsAskedOncePerRound) {
  add_hosts(9);
  std::set<HostId> all;
  for (unsigned i = 1; i <= 9; ++i) all.insert(host(i));
  run(3s, all);  // a first round, from its start
  auto sent = run(9s, all);
  for (HostId each : all) EXPECT_NEAR(static_cast<double>(count_pings(sent, each)), 3, 1);
  EXPECT_THAT(news_, IsEmpty());
  EXPECT_EQ(members_.round_trip(host(1)), Duration::zero());
}

TEST_F(MembershipTest, SilenceLeadsToQuestionsThroughOthersThenByTcpThenSuspicionThenDown) {
  add_hosts(4);
  std::set<HostId> answering = {host(1), host(2), host(3)};
  run(1s, {host(1), host(2), host(3), host(4)});
  auto sent = run(2500ms, answering);
  auto asked = std::count_if(sent.begin(), sent.end(), [](const auto& m) {
    return m.kind == Kind::kPingRequest && m.target == host(4);
  });
  EXPECT_GE(asked, 3);
  EXPECT_THAT(tcp_probes_, Contains(host(4)));
  EXPECT_EQ(members_.status(host(4)), HostStatus::kSuspected);
  confirm(host(4), kIncarnation, {1, 2});
  run(5s, answering);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kDown);
  EXPECT_EQ(members_.counters().downs, 1U);
  EXPECT_EQ(members_.counters().local_downs, 0U);
  // The dead are asked again, and come back by a greater incarnation.
  EXPECT_GE(count_pings(run(5s, answering), host(4)), 2U);
  EXPECT_TRUE(hear(host(4), kIncarnation + 1).changed);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kAlive);
}

TEST_F(MembershipTest, ConfirmationsShortenTheTimer) {
  Quorum quorum{3, 6};
  Suspicion suspicion({}, 1);
  suspicion.accuse({}, {host(1)});
  EXPECT_EQ(suspicion.deadline(quorum, 0), Instant(kSuspicionMost));
  Instant before = suspicion.deadline(quorum, 0);
  for (unsigned i = 2; i <= 6; ++i) {
    EXPECT_TRUE(suspicion.accuse(Instant(100ms), {host(i)}));
    EXPECT_FALSE(suspicion.accuse(Instant(100ms), {host(i)}));  // one accuser counts once
    EXPECT_LE(suspicion.deadline(quorum, 0), before);
    before = suspicion.deadline(quorum, 0);
    if (i == 3) {
      EXPECT_EQ(before, Instant(kSuspicionFew));
    }
  }
  // From the third on, which completed the proof.
  EXPECT_EQ(before, Instant(100ms + kSuspicionLeast));
  // A judge in ill health waits longer.
  EXPECT_EQ(suspicion.deadline(quorum, 2), Instant(100ms + 2 * kSuspicionLeast));
  for (unsigned i = 7; i <= 20; ++i) suspicion.accuse({}, {host(i)});
  EXPECT_EQ(suspicion.accusers().size(), kMaxAccusers);
  Suspicion of_two_hosts({}, 1);
  of_two_hosts.accuse({}, {host(1)});
  EXPECT_EQ(of_two_hosts.deadline({1, 1}, 0), Instant(2 * kSuspicionLeast));
}

// decisions/0017: what detection takes in the smallest clusters, from the last answer to down.
TEST_F(MembershipTest, TheSmallestClustersDetectInThreeAndAHalfSeconds) {
  add_hosts(2);
  run(2s, {host(1), host(2)});
  Instant died = now_;
  std::set<HostId> answering = {host(1)};
  while (members_.status(host(2)) == HostStatus::kAlive && now_ < died + 5s) run(10ms, answering);
  // The other survivor found the same; it needs both.
  confirm(host(2), kIncarnation, {1});
  while (members_.status(host(2)) != HostStatus::kDown && now_ < died + 30s) run(10ms, answering);
  EXPECT_LE(now_ - died, 3s);
  // Of two hosts, one is left to judge. The first death told on its health: it recovers first.
  update({host(1), HostStatus::kAlive, kIncarnation, host(1)});
  run(5s, {host(1)});
  ASSERT_EQ(members_.health(), 0);
  died = now_;
  while (members_.status(host(1)) != HostStatus::kDown && now_ < died + 30s) run(10ms, {});
  EXPECT_LE(now_ - died, kProbeInterval + 550ms + 2 * kSuspicionLeast + 10ms);
  EXPECT_EQ(members_.counters().local_downs, 0U);
}

TEST_F(MembershipTest, ALoneAccuserIsBelievedByItselfOnlyAndTellsNobody) {
  add_hosts(4);
  std::set<HostId> answering = {host(1), host(2), host(3)};
  run(1s, {host(1), host(2), host(3), host(4)});
  run(3s, answering);
  ASSERT_EQ(members_.status(host(4)), HostStatus::kSuspected);
  run(10s, answering);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kSuspected);
  news_.clear();
  run(12s, answering);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kDown);
  EXPECT_EQ(members_.counters().local_downs, 1U);
  EXPECT_THAT(news_, IsEmpty());
}

TEST_F(MembershipTest, FewerAccusersThanTheQuorumAreWorthNothing) {
  add_hosts(9);
  std::set<HostId> all;
  for (unsigned i = 1; i <= 9; ++i) all.insert(host(i));
  run(4s, all);
  // Two liars: the case lapses, for this host finds nothing wrong itself.
  confirm(host(9), kIncarnation, {1, 2});
  EXPECT_EQ(members_.status(host(9)), HostStatus::kSuspected);
  run(30s, all);
  EXPECT_EQ(members_.status(host(9)), HostStatus::kAlive);
  EXPECT_EQ(members_.counters().downs, 0U);
  // A whole proof counts, but whoever hears the accused goes on believing its own ears.
  confirm(host(9), kIncarnation, {1, 2, 3, 4, 5, 6});
  run(10s, all);
  EXPECT_EQ(members_.status(host(9)), HostStatus::kSuspected);
}

TEST_F(MembershipTest, AProofIsTakenAtAnyIncarnationAndLessIsNot) {
  add_hosts(9);
  MemberUpdate death{host(9), HostStatus::kDown, 77, {}, {}, {{host(1)}, {host(2)}}};
  EXPECT_FALSE(members_.wanted(now_, death));
  EXPECT_FALSE(members_.wanted(now_, {host(9), HostStatus::kSuspected, 77, host(1)}));
  death.accusers.push_back({host(2)});
  EXPECT_FALSE(members_.wanted(now_, death));  // twice the same
  death.accusers.push_back({host(3)});
  ASSERT_TRUE(members_.wanted(now_, death));
  update(death);
  EXPECT_EQ(members_.status(host(9)), HostStatus::kSuspected);
  EXPECT_FALSE(members_.wanted(now_, death));  // known by now: not verified again
  // The word of its former life does not save it, a later one does.
  update({host(9), HostStatus::kAlive, 77, host(9)});
  EXPECT_EQ(members_.status(host(9)), HostStatus::kSuspected);
  update({host(9), HostStatus::kAlive, 78, host(9)});
  EXPECT_EQ(members_.status(host(9)), HostStatus::kAlive);
}

TEST_F(MembershipTest, AbsurdIncarnationsAreIgnored) {
  add_hosts(3);
  for (std::uint64_t absurd : {std::uint64_t{1} << 63, ~std::uint64_t{0}, kMaxIncarnation + 1}) {
    hear(host(1), absurd);
    update({host(1), HostStatus::kSuspected, absurd, host(2)});
    update({host(1), HostStatus::kAlive, absurd, host(1)});
    update({kSelf, HostStatus::kSuspected, absurd, host(2)});
  }
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  EXPECT_EQ(members_.incarnation(), kIncarnation);
  update({host(1), HostStatus::kAlive, 5, host(1)});
  EXPECT_TRUE(members_.has_claim(host(1)));
}

TEST_F(MembershipTest, OneAccuserCannotKeepAHostRefutingNorSpoilItsHealth) {
  add_hosts(3);
  for (int i = 0; i < 1000; ++i) {
    update({kSelf, HostStatus::kSuspected, members_.incarnation(), host(1)});
    run(10ms, {host(1), host(2), host(3)});
  }
  EXPECT_LE(members_.incarnation(), kIncarnation + 6);  // ten seconds
  EXPECT_LE(members_.health(), 1);
}

TEST_F(MembershipTest, OneAccuserCannotKeepAnotherSuspected) {
  add_hosts(9);
  std::uint64_t incarnation = 1U << kLifeBits;
  std::size_t accepted = 0;
  for (int i = 0; i < 100; ++i) {
    update({host(9), HostStatus::kAlive, ++incarnation, host(9)});
    if (members_.wanted(now_, {host(9), HostStatus::kSuspected, incarnation, host(1)})) ++accepted;
    update({host(9), HostStatus::kSuspected, incarnation, host(1)});
  }
  EXPECT_EQ(accepted, static_cast<std::size_t>(kAccusationLimit.burst));
  // A new life begins without that history.
  incarnation = 2U << kLifeBits;
  update({host(9), HostStatus::kAlive, incarnation, host(9)});
  EXPECT_TRUE(members_.wanted(now_, {host(9), HostStatus::kSuspected, incarnation, host(1)}));
}

TEST_F(MembershipTest, InALargeClusterAFirstSuspicionGoesToTheObserversOnly) {
  add_hosts(30);
  std::set<HostId> answering;
  for (unsigned i = 1; i <= 29; ++i) answering.insert(host(i));
  while (direct_.empty() && now_ < Instant(60s)) run(100ms, answering);
  ASSERT_EQ(members_.status(host(30)), HostStatus::kSuspected);
  EXPECT_THAT(news_, IsEmpty());
  std::set<HostId> told;
  for (const auto& [to, update] : direct_) {
    EXPECT_EQ(update.host, host(30));
    told.insert(to);
  }
  EXPECT_TRUE(told.contains(host(30)));  // which may refute at once
  EXPECT_LE(told.size(), kObservers + 1);
  EXPECT_GE(told.size(), kObservers);
}

TEST_F(MembershipTest, AnAnswerByTcpIsALife) {
  add_hosts(3);
  std::set<HostId> answering = {host(1), host(2)};
  for (int i = 0; i < 400; ++i) {
    run(50ms, answering);
    for (HostId asked : std::exchange(tcp_probes_, {})) {
      Membership::Output out;
      members_.on_tcp_probe(now_, asked, true, out);
      members_.rearm(now_);
      EXPECT_EQ(out.tcp_only.size(),
                members_.counters().tcp_only_answers == kTcpOnlyAnswers ? 1U : 0U);
    }
  }
  EXPECT_EQ(members_.status(host(3)), HostStatus::kAlive);
  EXPECT_GT(members_.counters().tcp_only_answers, 5U);
  EXPECT_EQ(members_.counters().suspicions, 0U);
}

// Whose datagrams are lost hears by TCP only that it is accused, or counts as dead.
TEST_F(MembershipTest, TheAccusedAndTheDeadAreStillAskedByTcp) {
  add_hosts(3);
  const std::set<HostId> answering = {host(1), host(2)};
  auto asked = [&](Duration within) {
    tcp_probes_.clear();
    run(within, answering);
    return std::count(tcp_probes_.begin(), tcp_probes_.end(), host(3));
  };
  auto reach = [&](HostStatus status) {
    for (int i = 0; i < 600 && members_.status(host(3)) != status; ++i) run(50ms, answering);
    return members_.status(host(3)) == status;
  };
  ASSERT_TRUE(reach(HostStatus::kSuspected));
  EXPECT_GE(asked(4 * kDeadProbeInterval), 3);
  ASSERT_EQ(members_.status(host(3)), HostStatus::kSuspected);
  EXPECT_EQ(members_.counters().accusations, 1U);  // no answer is no news
  ASSERT_TRUE(reach(HostStatus::kDown));
  EXPECT_GE(asked(4 * kDeadProbeInterval), 3);
  // What it says then comes by TCP.
  hear(host(3), kIncarnation + 1);
  EXPECT_EQ(members_.status(host(3)), HostStatus::kAlive);
}

TEST_F(MembershipTest, WhoCannotSendAccusesNobodyForAWhile) {
  add_hosts(2);
  run(1s, {host(1), host(2)});
  members_.on_sent(now_, 0, 3);
  run(10s, {host(1)});  // one is still heard
  EXPECT_EQ(members_.status(host(2)), HostStatus::kAlive);
  members_.on_sent(now_, 1, 0);
  run(3s, {host(1)});
  EXPECT_EQ(members_.status(host(2)), HostStatus::kSuspected);
}

TEST_F(MembershipTest, WhoLeftIsSaidAgainWhenSomebodyReturns) {
  add_hosts(4);
  update({host(1), HostStatus::kLeft, 3, host(1), Signature{1}});
  confirm(host(2), 0, {3, 4});
  run(30s, {host(3), host(4)});
  ASSERT_EQ(members_.status(host(2)), HostStatus::kDown);
  news_.clear();
  hear(host(2), 9);
  EXPECT_THAT(news_,
              ElementsAre(MemberUpdate{host(1), HostStatus::kLeft, 3, host(1), Signature{1}}));
}

TEST_F(MembershipTest, OurOwnWordsFromElsewhereAreOvertakenAndATwinIsNoticed) {
  add_hosts(2);
  auto out = update({kSelf, HostStatus::kAlive, 90, kSelf});
  EXPECT_EQ(members_.incarnation(), 91U);
  EXPECT_FALSE(out.twin);  // a restored disk
  bool twin = false;
  for (int i = 0; i < 5; ++i)
    twin |= update({kSelf, HostStatus::kAlive, members_.incarnation() + 1, kSelf}).twin;
  EXPECT_TRUE(twin);
}

TEST_F(MembershipTest, WhoTalksOfThePastIsToldWhatItMissed) {
  add_hosts(4);
  update({host(1), HostStatus::kAlive, 6, host(1), Signature{1}});
  Membership::Output out;
  members_.on_stale(now_, host(2), {host(1), HostStatus::kSuspected, 0, host(2)}, out);
  ASSERT_EQ(out.direct.size(), 1U);
  EXPECT_EQ(out.direct[0].first, host(2));
  EXPECT_EQ(out.direct[0].second.incarnation, 6U);
  members_.on_stale(now_, host(2), {host(1), HostStatus::kSuspected, 0, host(2)}, out);
  EXPECT_EQ(out.direct.size(), 1U);  // not for every datagram
}

TEST_F(MembershipTest, AnotherEnrolmentBeginsAnew) {
  add_hosts(2);
  update({host(1), HostStatus::kAlive, 900, host(1)});
  members_.add(now_, host(1), 0, 42);
  EXPECT_FALSE(members_.has_claim(host(1)));
  update({host(1), HostStatus::kAlive, 7, host(1)});
  EXPECT_TRUE(members_.has_claim(host(1)));
}

TEST_F(MembershipTest, ObserversAreTheSameForAllAndStandInSeveralRegions) {
  std::vector<ObserverCandidate> hosts;
  for (unsigned i = 1; i <= 200; ++i) hosts.push_back({host(i), i % 50 == 0 ? 2U + i / 100 : 1U});
  auto chosen = choose_observers(host(7), hosts);
  EXPECT_EQ(chosen.size(), kObservers);
  EXPECT_EQ(std::count(chosen.begin(), chosen.end(), host(7)), 0);
  std::set<std::uint32_t> regions;
  for (const auto& each : hosts)
    if (std::count(chosen.begin(), chosen.end(), each.host) > 0) regions.insert(each.region);
  EXPECT_GE(regions.size(), kObserverRegions);
  rng_.shuffle(hosts);
  EXPECT_EQ(choose_observers(host(7), hosts), chosen);
  EXPECT_NE(choose_observers(host(8), hosts), chosen);
}

TEST_F(MembershipTest, WithoutLifeguardOneAccuserIsEnough) {
  Membership plain(kSelf, kIncarnation, rng_, {.lifeguard = false, .quorum = 1});
  for (unsigned i = 1; i <= 5; ++i) plain.add(now_, host(i));
  plain.start(now_);
  Membership::Output out;
  plain.on_update(now_, {host(1), HostStatus::kSuspected, 0, host(2)}, out);
  plain.on_timer(now_ + kSuspicionFew, out);
  EXPECT_EQ(plain.status(host(1)), HostStatus::kDown);
}

TEST_F(MembershipTest, AHeardSuspicionIsCheckedAtOnce) {
  add_hosts(3);
  auto out = update({host(2), HostStatus::kSuspected, 0, host(1)});
  ASSERT_EQ(out.messages.size(), 1U);
  EXPECT_EQ(out.messages[0].kind, Kind::kPing);
  EXPECT_EQ(out.messages[0].to, host(2));
  EXPECT_EQ(out.news.size(), 1U);
  EXPECT_THAT(update({host(2), HostStatus::kSuspected, 0, host(1)}).news, IsEmpty());  // no-op
}

TEST_F(MembershipTest, WhoIsAccusedRefutes) {
  add_hosts(2);
  for (auto status : {HostStatus::kSuspected, HostStatus::kDown, HostStatus::kLeft}) {
    auto before = members_.incarnation();
    MemberUpdate claim{kSelf, status, before, host(1), {}, {{host(1)}}};
    auto out = update(claim);
    EXPECT_EQ(members_.incarnation(), before + 1);
    ASSERT_EQ(out.news.size(), 1U);
    EXPECT_EQ(out.news[0], (MemberUpdate{kSelf, HostStatus::kAlive, before + 1, kSelf}));
    EXPECT_THAT(update(claim).news, IsEmpty());  // of an earlier life
  }
  EXPECT_GT(members_.health(), 0);
}

TEST_F(MembershipTest, TheSmallerIncarnationNeverWins) {
  add_hosts(3);
  hear(host(1), 9);
  confirm(host(1), 8, {2, 3});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  now_ += 5s;
  members_.rearm(now_);
  update({host(1), HostStatus::kDown, 9, {}, {}, {{host(2)}, {host(3)}, {kSelf}}});
  run(10s, {host(2), host(3)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kDown);
  update({host(1), HostStatus::kAlive, 9, host(1)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kDown);
  update({host(1), HostStatus::kAlive, 10, host(1)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  EXPECT_EQ(members_.counters().refuted, 1U);
}

TEST_F(MembershipTest, AnAccusationWithoutTheIncarnationIsSaidAgain) {
  add_hosts(3);
  run(1s, {host(2), host(3)});
  update({host(1), HostStatus::kSuspected, 0, kSelf});
  news_.clear();
  // Who knew better answers with the host's own word; that host was never heard here since.
  update({host(1), HostStatus::kAlive, 4, host(1)});
  EXPECT_THAT(news_, ElementsAre(MemberUpdate{host(1), HostStatus::kAlive, 4, host(1)},
                                 MemberUpdate{host(1), HostStatus::kSuspected, 4, kSelf}));
  EXPECT_EQ(members_.status(host(1)), HostStatus::kSuspected);
}

TEST_F(MembershipTest, AnAccusationThatWasRefutedIsNotSaidAgain) {
  add_hosts(3);
  hear(host(1), 3);
  update({host(1), HostStatus::kSuspected, 3, kSelf});
  news_.clear();
  update({host(1), HostStatus::kAlive, 4, host(1)});
  EXPECT_THAT(news_, ElementsAre(MemberUpdate{host(1), HostStatus::kAlive, 4, host(1)}));
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  // The next case starts anew: nobody has confirmed it yet.
  update({host(1), HostStatus::kSuspected, 4, host(2)});
  run(1500ms, {host(2), host(3)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kSuspected);
}

TEST_F(MembershipTest, WhoIsSuspectedIsToldByWhomAndOfWhat) {
  add_hosts(3);
  hear(host(1), 1);
  update({host(1), HostStatus::kSuspected, 1, host(2), Signature{9}});
  auto verdict = members_.verdict_on(host(1));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(*verdict, (MemberUpdate{host(1), HostStatus::kSuspected, 1, host(2), Signature{9}}));
  EXPECT_FALSE(members_.verdict_on(host(2)));
}

// The accused takes no word of a host that it does not know, as one that was revoked meanwhile.
TEST_F(MembershipTest, TheAccusedIsShownAnAccuserThatItKnows) {
  add_hosts(4);
  hear(host(1), 1);
  update({host(1), HostStatus::kSuspected, 1, host(2), Signature{9}});
  update({host(1), HostStatus::kSuspected, 1, host(3), Signature{8}});
  ASSERT_EQ(members_.verdict_on(host(1))->accuser, host(2));
  members_.remove(host(2));
  ASSERT_TRUE(members_.verdict_on(host(1)));
  EXPECT_EQ(members_.verdict_on(host(1))->accuser, host(3));
  EXPECT_EQ(members_.verdict_on(host(1))->signature, Signature{8});
  update({host(1), HostStatus::kSuspected, 1, kSelf, Signature{7}});
  EXPECT_EQ(members_.verdict_on(host(1))->accuser, kSelf);
}

TEST_F(MembershipTest, AStalledHostVoidsItsProbesAndAccusesNobody) {
  add_hosts(4);
  run(500ms, {});  // probes are in flight
  update({host(3), HostStatus::kSuspected, 0, host(1)});
  now_ += 30s;  // the loop did not run
  Membership::Output out;
  members_.on_timer(now_, out);
  members_.rearm(now_);
  EXPECT_EQ(members_.counters().stalls, 1U);
  EXPECT_NE(members_.status(host(3)), HostStatus::kDown);
  EXPECT_THAT(out.news, IsEmpty());
  EXPECT_GT(members_.health(), 0);
  // One stall is judged once, however many events were waiting.
  hear(host(1), 1);
  EXPECT_EQ(members_.counters().stalls, 1U);
}

// Two liars that left do not vote: two honest hosts remain, and what both must say, one with the
// liars' help must not.
TEST_F(MembershipTest, WhoLeftOrIsSilentHasNoVote) {
  add_hosts(4);
  for (unsigned i = 1; i <= 4; ++i) hear(host(i), 1);
  for (unsigned i : {3U, 4U}) update({host(i), HostStatus::kLeft, 1, host(i), Signature{9}});
  confirm(host(1), 1, {3, 4});
  run(15s, {host(2)});  // so this host accuses it, too
  EXPECT_EQ(members_.accusers_of(host(1)), 3U);
  EXPECT_EQ(members_.status(host(1)), HostStatus::kSuspected);
  confirm(host(1), 1, {2});
  run(8s, {host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kDown);
}

// Whatever event comes first after a stall, a datagram of a stranger or a write of this host's own:
// each ends with rearm(), which must not take the overdue timer for one that is due now.
TEST_F(MembershipTest, AStallIsNoticedWhateverEventEndsIt) {
  add_hosts(4);
  run(500ms, {host(4)});  // probes are in flight
  now_ += 4s;
  members_.rearm(now_);
  EXPECT_EQ(members_.counters().stalls, 1U);
  run(1s, {host(1), host(2), host(3), host(4)});
  EXPECT_EQ(members_.counters().accusations, 0U);
  EXPECT_EQ(members_.counters().stalls, 1U);
}

TEST_F(MembershipTest, WhoHearsNobodyAccusesNobodyForAWhile) {
  add_hosts(4);
  run(1s, {host(1), host(2), host(3), host(4)});
  run(10s, {});
  for (unsigned i = 1; i <= 4; ++i) EXPECT_EQ(members_.status(host(i)), HostStatus::kAlive);
  run(60s, {});
  for (unsigned i = 1; i <= 4; ++i) EXPECT_EQ(members_.status(host(i)), HostStatus::kDown);
}

TEST_F(MembershipTest, WhenManyFallAtOnceJudgementWaits) {
  add_hosts(9);
  std::set<HostId> half = {host(1), host(2), host(3), host(4)};
  run(1s, {half.begin(), half.end()});
  for (unsigned i = 5; i <= 9; ++i)
    for (unsigned accuser = 1; accuser <= 4; ++accuser)
      update({host(i), HostStatus::kSuspected, 0, host(accuser)});
  run(8s, half);
  EXPECT_EQ(members_.counters().downs, 0U);
  run(20s, half);
  EXPECT_EQ(members_.counters().downs, 5U);
}

}  // namespace
}  // namespace sixpn::registry
