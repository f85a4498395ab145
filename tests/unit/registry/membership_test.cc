#include "registry/core/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeMessage::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr HostId kSelf{0x10000};
constexpr std::uint64_t kIncarnation = 5;

HostId host(unsigned index) {
  return HostId{0x10000 + index};
}

// One Membership and its clock; the other hosts are played by the test.
class MembershipTest : public testing::Test {
 protected:
  void add_hosts(unsigned others) {
    for (unsigned i = 1; i <= others; ++i) members_.add(now_, host(i));
    members_.start(now_);
    members_.rearm(now_);
  }

  // Advances to `until`, firing every timer on the way; hosts in `answering` answer pings at once.
  std::vector<ProbeMessage> run(Duration time, const std::set<HostId>& answering) {
    std::vector<ProbeMessage> sent;
    Instant until = now_ + time;
    while (members_.next_wake() <= until) {
      now_ = std::max(now_, members_.next_wake());
      Membership::Output out;
      members_.on_timer(now_, out);
      deliver(out, answering, sent);
    }
    now_ = until;
    return sent;
  }

  void deliver(Membership::Output& out, const std::set<HostId>& answering,
               std::vector<ProbeMessage>& sent) {
    collect(out);
    for (const auto& message : out.messages) {
      sent.push_back(message);
      if (message.kind != Kind::kPing || !answering.contains(message.to)) continue;
      Membership::Output answer;
      members_.on_heard(now_, message.to, kIncarnation, answer);
      members_.on_message(now_, message.to, {Kind::kAck, kSelf, message.sequence, message.to},
                          answer);
      collect(answer);
      members_.rearm(now_);
    }
    members_.rearm(now_);
    EXPECT_TRUE(members_.check_invariants());
  }

  void collect(const Membership::Output& out) {
    news_.insert(news_.end(), out.news.begin(), out.news.end());
  }

  Membership::Output update(MemberUpdate update) {
    Membership::Output out;
    members_.on_update(now_, update, out);
    members_.rearm(now_);
    collect(out);
    return out;
  }
  Membership::Output hear(HostId from, std::uint64_t incarnation) {
    Membership::Output out;
    members_.on_heard(now_, from, incarnation, out);
    members_.rearm(now_);
    return out;
  }
  Membership::Output receive(HostId from, ProbeMessage message) {
    Membership::Output out;
    members_.on_message(now_, from, message, out);
    members_.rearm(now_);
    return out;
  }

  Rng rng_{7};
  Instant now_{10s};
  Membership members_{kSelf, kIncarnation, rng_};
  std::vector<MemberUpdate> news_;
};

std::size_t count_pings(const std::vector<ProbeMessage>& sent, HostId to) {
  return static_cast<std::size_t>(std::count_if(sent.begin(), sent.end(), [to](const auto& m) {
    return m.kind == Kind::kPing && m.to == to;
  }));
}

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

TEST_F(MembershipTest, SilenceLeadsToQuestionsThroughOthersThenSuspicionThenDown) {
  add_hosts(4);
  std::set<HostId> answering = {host(1), host(2), host(3)};
  run(1s, {host(1), host(2), host(3), host(4)});
  auto sent = run(3s, answering);
  auto asked = std::count_if(sent.begin(), sent.end(), [](const auto& m) {
    return m.kind == Kind::kPingRequest && m.target == host(4);
  });
  EXPECT_GE(asked, 3);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kSuspected);
  run(15s, answering);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kDown);
  EXPECT_EQ(members_.counters().downs, 1U);
  // The dead are asked again, and come back by a greater incarnation.
  EXPECT_GE(count_pings(run(5s, answering), host(4)), 2U);
  EXPECT_TRUE(hear(host(4), kIncarnation + 1).changed);
  EXPECT_EQ(members_.status(host(4)), HostStatus::kAlive);
}

TEST_F(MembershipTest, ConfirmationsShortenTheTimer) {
  Suspicion lone({}, host(1), 3, 2s, 6s);
  EXPECT_EQ(lone.deadline(), Instant(6s));
  Suspicion confirmed({}, host(1), 3, 2s, 6s);
  Instant before = confirmed.deadline();
  for (unsigned i = 2; i <= 4; ++i) {
    EXPECT_TRUE(confirmed.confirm(host(i)));
    EXPECT_FALSE(confirmed.confirm(host(i)));
    EXPECT_LT(confirmed.deadline(), before);
    before = confirmed.deadline();
  }
  EXPECT_EQ(before, Instant(2s));
  EXPECT_FALSE(confirmed.confirm(host(7)));  // enough is enough
  Suspicion nobody_else({}, host(1), 0, 2s, 6s);
  EXPECT_EQ(nobody_else.deadline(), Instant(2s));
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
    auto out = update({kSelf, status, before, host(1)});
    EXPECT_EQ(members_.incarnation(), before + 1);
    ASSERT_EQ(out.news.size(), 1U);
    EXPECT_EQ(out.news[0], (MemberUpdate{kSelf, HostStatus::kAlive, before + 1, kSelf}));
    EXPECT_THAT(update({kSelf, status, before, host(1)}).news, IsEmpty());  // of an earlier life
  }
  EXPECT_GT(members_.health(), 0);
}

TEST_F(MembershipTest, TheSmallerIncarnationNeverWins) {
  add_hosts(3);
  hear(host(1), 9);
  update({host(1), HostStatus::kSuspected, 8, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  update({host(1), HostStatus::kDown, 8, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  now_ += 5s;
  update({host(1), HostStatus::kDown, 9, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kDown);
  update({host(1), HostStatus::kAlive, 9, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kDown);
  update({host(1), HostStatus::kAlive, 10, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  EXPECT_EQ(members_.counters().refuted, 1U);
}

TEST_F(MembershipTest, AnAccusationWithoutTheIncarnationIsSaidAgain) {
  add_hosts(3);
  update({host(1), HostStatus::kSuspected, 0, kSelf});
  news_.clear();
  update({host(1), HostStatus::kSuspected, 4, host(2)});
  EXPECT_THAT(news_, ElementsAre(MemberUpdate{host(1), HostStatus::kSuspected, 4, host(2)},
                                 MemberUpdate{host(1), HostStatus::kSuspected, 4, kSelf}));
}

TEST_F(MembershipTest, AnAccusationThatWasRefutedIsNotSaidAgain) {
  add_hosts(3);
  hear(host(1), 3);
  update({host(1), HostStatus::kSuspected, 3, kSelf});
  run(1s, {host(2), host(3)});
  news_.clear();
  update({host(1), HostStatus::kSuspected, 4, host(2)});
  EXPECT_THAT(news_, ElementsAre(MemberUpdate{host(1), HostStatus::kSuspected, 4, host(2)}));
  // Its timer starts anew, and until this host has asked for itself nobody has confirmed.
  run(1500ms, {host(2), host(3)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kSuspected);
}

TEST_F(MembershipTest, AVerdictAgainstWhoWasJustHeardIsOnlyASuspicion) {
  add_hosts(3);
  hear(host(1), 1);
  update({host(1), HostStatus::kDown, 1, host(2)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kSuspected);
  auto verdict = members_.verdict_on(host(1));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->status, HostStatus::kSuspected);
  EXPECT_FALSE(members_.verdict_on(host(2)));
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

TEST_F(MembershipTest, ARelayAnswersOrSaysThatItCannot) {
  add_hosts(3);
  auto asked = receive(host(1), {Kind::kPingRequest, kSelf, 77, host(2)});
  ASSERT_EQ(asked.messages.size(), 1U);
  auto ping = asked.messages[0];
  EXPECT_EQ(ping.to, host(2));
  // Somebody else cannot answer in its place.
  EXPECT_THAT(receive(host(3), {Kind::kAck, kSelf, ping.sequence, host(2)}).messages, IsEmpty());
  auto answered = receive(host(2), {Kind::kAck, kSelf, ping.sequence, host(2)});
  ASSERT_EQ(answered.messages.size(), 1U);
  EXPECT_EQ(answered.messages[0].kind, Kind::kAck);
  EXPECT_EQ(answered.messages[0].to, host(1));
  EXPECT_EQ(answered.messages[0].sequence, 77U);

  receive(host(1), {Kind::kPingRequest, kSelf, 78, host(2)});
  auto sent = run(400ms, {});
  EXPECT_TRUE(std::any_of(sent.begin(), sent.end(), [](const auto& m) {
    return m.kind == Kind::kNack && m.to == host(1) && m.sequence == 78;
  }));
}

TEST_F(MembershipTest, RelaysAreBounded) {
  add_hosts(2);
  for (std::uint64_t i = 0; i < 2 * kMaxRelays; ++i)
    receive(host(1), {Kind::kPingRequest, kSelf, i, host(2)});
  EXPECT_TRUE(members_.check_invariants());
  EXPECT_EQ(members_.counters().dropped_queue_full, kMaxRelays);
}

TEST_F(MembershipTest, LeavingIsSaidAndThenSilence) {
  add_hosts(2);
  Membership::Output out;
  members_.leave(out);
  ASSERT_EQ(out.news.size(), 1U);
  EXPECT_EQ(out.news[0].status, HostStatus::kLeft);
  EXPECT_EQ(members_.next_wake(), kNever);
  EXPECT_THAT(update({kSelf, HostStatus::kLeft, kIncarnation, host(1)}).news, IsEmpty());
}

TEST_F(MembershipTest, WhoLeftIsNotProbedUntilItReturns) {
  add_hosts(2);
  update({host(1), HostStatus::kLeft, 0, host(1)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kLeft);
  EXPECT_EQ(count_pings(run(10s, {host(2)}), host(1)), 0U);
  hear(host(1), 3);
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
}

TEST_F(MembershipTest, StrangersAndForeignAnswersChangeNothing) {
  add_hosts(2);
  EXPECT_THAT(receive(host(9), {Kind::kPing, kSelf, 1, kSelf}).messages, IsEmpty());
  update({host(9), HostStatus::kDown, 1, host(1)});
  EXPECT_FALSE(members_.status(host(9)));
  EXPECT_THAT(receive(host(1), {Kind::kAck, kSelf, 999, host(1)}).messages, IsEmpty());
  members_.remove(host(1));
  EXPECT_FALSE(members_.status(host(1)));
  EXPECT_TRUE(members_.check_invariants());
}

}  // namespace
}  // namespace sixpn::registry
