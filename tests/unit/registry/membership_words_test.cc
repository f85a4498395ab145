// What others say to a Membership of themselves and of third ones: whose word counts.
#include <gmock/gmock.h>

#include "tests/unit/registry/membership_fixture.h"

namespace sixpn::registry {
namespace {

using ::testing::IsEmpty;

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

// Else anybody could keep a dead host alive: sequences are easy to guess.
TEST_F(MembershipTest, OnlyWhoWasAskedAnswersForAnother) {
  add_hosts(9);
  const HostId dead = host(1), liar = host(5);
  std::set<HostId> others;
  for (unsigned n = 2; n <= 9; ++n) others.insert(host(n));
  bool probed = false;
  for (int i = 0; i < 200; ++i) {
    auto sent = run(100ms, others);
    for (const auto& message : sent) {
      bool asked = std::any_of(sent.begin(), sent.end(), [&](const auto& one) {
        return one.kind == Kind::kPingRequest && one.to == liar;
      });
      if (message.kind != Kind::kPing || message.to != dead || asked) continue;
      probed = true;
      receive(liar, {Kind::kAck, kSelf, message.sequence, dead});
    }
  }
  EXPECT_TRUE(probed);
  EXPECT_NE(members_.status(dead), HostStatus::kAlive);
}

TEST_F(MembershipTest, AGoodbyeOfAnEarlierLifeIsOver) {
  auto life = [](std::uint64_t number) { return number << kLifeBits; };
  members_.start(now_);
  members_.add(now_, host(1), 0, 0, 3);
  members_.add(now_, host(2), 0, 0, 3);
  update({host(1), HostStatus::kAlive, life(2), host(1)});  // as it said then, by whomever
  update({host(1), HostStatus::kLeft, life(2) + 1, host(1)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kAlive);
  update({host(1), HostStatus::kLeft, life(3), host(1)});
  EXPECT_EQ(members_.status(host(1)), HostStatus::kLeft);
  // Its record is of a later life than what it says of itself: its state came from a backup.
  hear(host(2), life(2));
  update({host(2), HostStatus::kLeft, life(2), host(2)});
  EXPECT_EQ(members_.status(host(2)), HostStatus::kLeft);
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
