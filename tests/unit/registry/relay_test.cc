#include "registry/core/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

HostId host(std::uint32_t i) {
  return HostId{0x10000 + i};
}

// Each one different.
std::shared_ptr<SignedRecord> record(std::size_t bytes) {
  static std::uint32_t number = 0;
  ++number;
  auto out = std::make_shared<SignedRecord>();
  out->wire_size = static_cast<std::uint32_t>(bytes);
  for (std::size_t i = 0; i < 4; ++i) out->digest[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return out;
}

// Host 0's Relay; the test plays the network.
class RelayTest : public testing::Test {
 protected:
  void join(std::uint32_t hosts, std::uint32_t regions) {
    std::vector<RelayMember> members;
    for (std::uint32_t i = 0; i < hosts; ++i)
      members.push_back({host(i), "r" + std::to_string(i % regions)});
    relay_.set_members(members, "r0");
  }
  Relay::Output send_due() {
    Relay::Output out;
    relay_.send_due(now_, out);
    EXPECT_TRUE(relay_.check_invariants());
    return out;
  }
  Relay::Output at(Duration later) {
    now_.mono += later;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(later);
    return send_due();
  }
  Relay::Output at_wake() { return at(relay_.next_wake() - now_.mono); }
  void acknowledge(const Relay::Sending& sending, HostId from) {
    relay_.on_acks(now_.mono, from, {sending.header.sequence});
    EXPECT_TRUE(relay_.check_invariants());
  }
  void acknowledge_all(const Relay::Output& out) {
    for (const auto& sending : out.sendings)
      for (HostId to : sending.to) acknowledge(sending, to);
  }

  Rng rng_{1};
  Relay relay_{host(0), rng_};
  Now now_{Instant(100s), from_unix_ms(1'800'000'000'000)};
};

TEST_F(RelayTest, WhatComesAloneGoesAtOnceAndWhatFollowsCloselyGoesTogether) {
  join(5, 1);
  relay_.originate(now_.mono, record(300), false);
  auto first = send_due();
  ASSERT_THAT(first.sendings, SizeIs(1));
  acknowledge_all(first);
  for (int i = 0; i < 5; ++i) {
    now_.mono += 1ms;
    relay_.originate(now_.mono, record(300), false);
    EXPECT_THAT(send_due().sendings, IsEmpty());
  }
  EXPECT_EQ(relay_.next_wake(), Instant(100s) + kNormalWindow);
  auto together = at_wake();
  ASSERT_THAT(together.sendings, SizeIs(2));  // three records of 300 bytes fit a datagram
  EXPECT_THAT(together.sendings[0].content->records, SizeIs(3));
  EXPECT_THAT(together.sendings[1].content->records, SizeIs(2));
}

TEST_F(RelayTest, UrgentNewsWaitsLessAndTakesTheRestAlong) {
  join(5, 1);
  relay_.originate(now_.mono, record(300), true);
  acknowledge_all(send_due());
  relay_.originate(now_.mono, record(300), false);
  relay_.originate(now_.mono, MemberUpdate{host(3), HostStatus::kDown, 1, host(0)});
  EXPECT_EQ(relay_.next_wake(), now_.mono + kUrgentWindow);
  auto out = at_wake();
  ASSERT_THAT(out.sendings, SizeIs(1));
  EXPECT_THAT(out.sendings[0].content->updates, SizeIs(1));
  EXPECT_THAT(out.sendings[0].content->records, SizeIs(1));
}

TEST_F(RelayTest, RepeatsAfterTheMeasuredRoundTripToThoseWhoAreSilent) {
  join(4, 1);
  relay_.originate(now_.mono, record(100), true);
  auto first = send_due();
  ASSERT_THAT(first.sendings[0].to, SizeIs(3));
  now_.mono += 40ms;
  acknowledge_all(first);  // 40 ms: so much is a round trip
  now_.mono += 1s;
  relay_.originate(now_.mono, record(100), true);
  auto second = send_due();
  acknowledge(second.sendings[0], host(1));
  acknowledge(second.sendings[0], host(2));
  EXPECT_LE(relay_.next_wake() - now_.mono, 62ms);
  EXPECT_GE(relay_.next_wake() - now_.mono, 48ms);
  auto again = at_wake();
  ASSERT_THAT(again.sendings, SizeIs(1));
  EXPECT_THAT(again.sendings[0].to, ElementsAre(host(3)));
  EXPECT_EQ(again.sendings[0].header.sequence, second.sendings[0].header.sequence);
  acknowledge(again.sendings[0], host(3));
  EXPECT_EQ(relay_.next_wake(), kNever);
  EXPECT_EQ(relay_.counters().retried, 1U);
}

TEST_F(RelayTest, BeforeAnyAcknowledgementProbesTellThePath) {
  join(100, 2);
  EXPECT_FALSE(relay_.knows_all_paths());
  relay_.suggest_path(host(1), 100ms);
  relay_.suggest_path(host(3), 300ms);  // the first counts
  relay_.suggest_path(host(9999), 1ms);
  relay_.originate(now_.mono, record(100), true);
  for (const auto& sending : send_due().sendings)
    if (sending.header.level == RelayLevel::kInner)
      for (HostId to : sending.to) acknowledge(sending, to);
  EXPECT_TRUE(relay_.knows_all_paths());
  EXPECT_EQ(relay_.next_wake() - now_.mono, Duration(100ms + kAckDelay) * 13 / 10 + kRepeatSlack);
  // Nothing known of the own region: near enough to ask soon.
  Relay other(host(0), rng_);
  other.set_members({{host(1), "r0"}, {host(2), "r0"}}, "r0");
  other.originate(now_.mono, record(100), true);
  Relay::Output out;
  other.send_due(now_, out);
  EXPECT_EQ(other.next_wake() - now_.mono, kRepeatNear);
}

TEST_F(RelayTest, TheDutyOfASilentInnerHostIsTakenOver) {
  join(100, 1);
  relay_.originate(now_.mono, record(100), true);
  auto out = send_due();
  ASSERT_THAT(out.sendings, SizeIs(2));  // two trees
  auto first = out.sendings[0];
  ASSERT_EQ(first.header.level, RelayLevel::kInner);
  HostId silent = first.to[3];
  for (const auto& sending : out.sendings)
    for (HostId to : sending.to)
      if (to != silent) acknowledge(sending, to);
  auto orphans = relay_.tree().leaves_of(silent, first.header.tree, first.header.inner);
  ASSERT_FALSE(orphans.empty());
  for (unsigned i = 0; i < kReminders; ++i)
    EXPECT_THAT(at_wake().sendings[0].to, ElementsAre(silent));
  auto adopted = at_wake();
  ASSERT_THAT(adopted.sendings, SizeIs(1));
  EXPECT_EQ(adopted.sendings[0].to, orphans);
  EXPECT_EQ(adopted.sendings[0].header.level, RelayLevel::kLeaf);
  EXPECT_EQ(relay_.counters().adopted, orphans.size());
  // The other tree has served most of them: they are asked first.
  EXPECT_THAT(adopted.sendings[0].header.heads, SizeIs(1));
  Relay::Output again;
  relay_.on_again(now_.mono, orphans[0], {adopted.sendings[0].header.sequence}, again);
  ASSERT_THAT(again.sendings, SizeIs(1));
  EXPECT_THAT(again.sendings[0].to, ElementsAre(orphans[0]));
  EXPECT_THAT(again.sendings[0].header.heads, IsEmpty());
  acknowledge_all(adopted);
  EXPECT_EQ(relay_.next_wake(), kNever);
}

TEST_F(RelayTest, InsideTheRegionARepetitionIsAReminderAndWhoLacksItAsks) {
  join(40, 1);
  auto news = record(100);
  relay_.originate(now_.mono, news, true);
  auto out = send_due();
  auto sent = out.sendings[0];
  EXPECT_THAT(sent.header.heads, IsEmpty());
  acknowledge_all({{out.sendings[1]}, {}});
  HostId late = sent.to[0];
  for (std::size_t i = 1; i < sent.to.size(); ++i) acknowledge(sent, sent.to[i]);
  auto reminder = at_wake();
  ASSERT_THAT(reminder.sendings, SizeIs(1));
  EXPECT_THAT(reminder.sendings[0].to, ElementsAre(late));
  EXPECT_THAT(reminder.sendings[0].header.heads, ElementsAre(Relay::item_of(*news)));
  EXPECT_EQ(reminder.sendings[0].header.sequence, sent.header.sequence);
  // Asked for: the same packet, a bounded number of times, and to nobody else.
  Relay::Output again;
  relay_.on_again(now_.mono, sent.to[1], {sent.header.sequence}, again);
  relay_.on_again(now_.mono, late, {sent.header.sequence + 1000}, again);
  EXPECT_THAT(again.sendings, IsEmpty());
  for (unsigned i = 0; i < 2 * kReminders; ++i)
    relay_.on_again(now_.mono, late, {sent.header.sequence}, again);
  EXPECT_TRUE(relay_.check_invariants());
  ASSERT_THAT(again.sendings, SizeIs(kReminders));
  EXPECT_THAT(again.sendings[0].header, testing::Eq(sent.header));
  EXPECT_EQ(again.sendings[0].content, sent.content);
  acknowledge(again.sendings[0], late);
  EXPECT_EQ(relay_.next_wake(), kNever);
  EXPECT_EQ(relay_.counters().reminded, 1U);
  EXPECT_EQ(relay_.counters().asked_again, kReminders);
}

TEST_F(RelayTest, FarAwayAndWithUpdatesOfMembersARepetitionIsWhole) {
  join(100, 2);
  relay_.originate(now_.mono, record(100), true);
  for (const auto& sending : send_due().sendings)
    if (sending.header.level == RelayLevel::kInner)
      for (HostId to : sending.to) acknowledge(sending, to);
  EXPECT_THAT(at_wake().sendings[0].header.heads, IsEmpty());  // an entry of the other region
  Relay near(host(0), rng_);
  std::vector<RelayMember> members;
  for (std::uint32_t i = 1; i < 40; ++i) members.push_back({host(i), "r0"});
  near.set_members(members, "r0");
  near.originate(now_.mono, MemberUpdate{host(1), HostStatus::kAlive, 1, {}, {}, {}});
  Relay::Output out;
  near.send_due(now_, out);
  now_.mono = near.next_wake();
  out = {};
  near.send_due(now_, out);
  ASSERT_THAT(out.sendings, testing::Not(IsEmpty()));
  EXPECT_THAT(out.sendings[0].header.heads, IsEmpty());
  EXPECT_EQ(near.counters().reminded, 0U);
}

// Else nobody would ever measure a round trip that became longer than the patience.
TEST(PathTime, RemindersWaitLongerWhereAcknowledgementsComeAfterThem) {
  PathTime path;
  path.sample(5ms);
  Duration first = path.remind_after();
  EXPECT_LT(first, path.repeat_after());
  for (int i = 0; i < 1000; ++i) path.late();
  EXPECT_EQ(path.remind_after(), first + kRemindSlackMost - kRemindSlack);
  for (int i = 0; i < 1000; ++i) path.sample(5ms);
  EXPECT_LE(path.remind_after(), first);
}

TEST_F(RelayTest, TheDutyOfASilentSiblingIsTakenOverByTheOneBefore) {
  join(60, 4);  // host 0's region has 15
  auto siblings = std::vector{host(0), host(4), host(8), host(12)};
  PushHeader order{RelayLevel::kSibling, 2, 1, siblings};
  relay_.pass_on(now_.mono, host(1), order, record(100), true);
  auto out = send_due();
  ASSERT_THAT(out.sendings, SizeIs(2));  // leaves, and the next sibling
  acknowledge_all({{out.sendings[0]}, {}});
  auto next = out.sendings[1];
  ASSERT_EQ(next.header.level, RelayLevel::kSibling);
  EXPECT_EQ(next.header.inner, siblings);
  ASSERT_THAT(next.to, ElementsAre(host(4)));
  for (unsigned i = 0; i < kReminders; ++i) EXPECT_THAT(at_wake().sendings[0].to, SizeIs(1));
  auto adopted = at_wake();
  std::map<RelayLevel, std::vector<HostId>> told;
  for (const auto& sending : adopted.sendings) told[sending.header.level] = sending.to;
  EXPECT_THAT(told[RelayLevel::kSibling], ElementsAre(host(8)));
  EXPECT_EQ(told[RelayLevel::kLeaf], relay_.tree().from_sibling(host(4), 2, siblings)[0].to);
  EXPECT_FALSE(told[RelayLevel::kLeaf].empty());
}

TEST_F(RelayTest, AnotherEntryStandsInABoundedNumberOfTimes) {
  join(100, 2);
  relay_.originate(now_.mono, record(100), true);
  auto out = send_due();
  std::set<HostId> asked;
  for (const auto& sending : out.sendings)
    if (sending.header.level == RelayLevel::kInner) {
      for (HostId to : sending.to) acknowledge(sending, to);
    } else {
      asked.insert(sending.to.begin(), sending.to.end());
    }
  EXPECT_THAT(asked, SizeIs(kTreesPerRotation * kEntriesPerTree));
  std::size_t sent = 0;
  while (relay_.next_wake() != kNever) {
    for (const auto& sending : at_wake().sendings) {
      EXPECT_EQ(sending.header.level, RelayLevel::kEntry);
      asked.insert(sending.to.begin(), sending.to.end());
      sent += sending.to.size();
    }
    ASSERT_LE(sent, 100U);
  }
  EXPECT_GT(asked.size(), kTreesPerRotation * kEntriesPerTree);
  EXPECT_LE(asked.size(), kTreesPerRotation * (kEntriesPerTree + kMaxAdoptions));
}

TEST_F(RelayTest, ReceiversDoWhatThePacketAsks) {
  join(100, 2);
  PushHeader entry{RelayLevel::kEntry, 4, 1, {}};
  relay_.pass_on(now_.mono, host(1), entry, record(100), true);
  auto inside = send_due();
  ASSERT_THAT(inside.sendings, SizeIs(1));
  EXPECT_EQ(inside.sendings[0].header.level, RelayLevel::kInner);
  EXPECT_EQ(inside.sendings[0].to, relay_.tree().from_entry(4).to);
  acknowledge_all(inside);

  auto siblings = inside.sendings[0].header.inner;
  siblings.push_back(host(0));
  PushHeader inner{RelayLevel::kInner, 4, 2, siblings};
  now_.mono += 1s;
  relay_.pass_on(now_.mono, host(2), inner, record(100), true);
  auto leaves = send_due();
  ASSERT_THAT(leaves.sendings, SizeIs(1));
  EXPECT_EQ(leaves.sendings[0].header.level, RelayLevel::kLeaf);
  EXPECT_THAT(leaves.sendings[0].to, testing::Not(testing::Contains(host(2))));

  PushHeader leaf{RelayLevel::kLeaf, 4, 3, {}};
  now_.mono += 1s;
  acknowledge_all(leaves);
  relay_.pass_on(now_.mono, host(2), leaf, record(100), true);
  EXPECT_THAT(send_due().sendings, IsEmpty());
}

TEST_F(RelayTest, EachTreesDutyIsDoneOnceWhicheverComesFirst) {
  join(100, 1);
  auto news = record(100);
  auto item = Relay::item_of(*news);
  EXPECT_FALSE(relay_.pass_on_again(now_.mono, host(2), {RelayLevel::kInner, 4, 1, {}}, item));
  relay_.pass_on(now_.mono, host(2), {RelayLevel::kLeaf, 5, 1, {}}, news, true);
  EXPECT_THAT(send_due().sendings, IsEmpty());
  auto asked = [&](RelayLevel level, std::uint8_t tree) {
    EXPECT_TRUE(relay_.pass_on_again(now_.mono, host(3), {level, tree, 2, {}}, item));
    auto out = at(kUrgentWindow);
    acknowledge_all(out);
    return out.sendings.size();
  };
  EXPECT_EQ(asked(RelayLevel::kInner, 4), 1U);
  EXPECT_EQ(asked(RelayLevel::kInner, 4), 0U);
  EXPECT_EQ(asked(RelayLevel::kInner, 6), 0U);  // whatever the rotation
  EXPECT_EQ(asked(RelayLevel::kEntry, 5), 1U);
  EXPECT_EQ(asked(RelayLevel::kEntry, 5), 0U);
}

TEST_F(RelayTest, ARecordThatLeavesNoRoomForNamesGoesWithoutThem) {
  join(400, 1);
  relay_.originate(now_.mono, record(kMaxGossipedRecordBytes), true);
  relay_.originate(now_.mono, record(100), true);
  auto out = send_due();
  ASSERT_THAT(out.sendings, SizeIs(4));
  for (const auto& sending : out.sendings)
    EXPECT_EQ(sending.header.inner.empty(), sending.content->bytes > 1000);
}

TEST_F(RelayTest, AcknowledgementsWaitABitAndRideAlong) {
  join(5, 1);
  relay_.on_push(now_.mono, host(1), 11);
  relay_.on_push(now_.mono, host(1), 12);
  relay_.on_push(now_.mono, host(2), 21);
  EXPECT_EQ(relay_.next_wake(), now_.mono + kAckDelay);
  EXPECT_THAT(relay_.take_acks(host(2), 9), ElementsAre(21));  // on some other datagram
  auto out = at_wake();
  EXPECT_THAT(out.acks, ElementsAre(host(1)));
  EXPECT_THAT(relay_.take_acks(host(1), 1), ElementsAre(11));
  EXPECT_THAT(relay_.take_acks(host(1), 9), ElementsAre(12));
  EXPECT_THAT(relay_.take_acks(host(1), 9), IsEmpty());
  for (std::uint32_t i = 0; i < 2 * kMaxOwedAcks; ++i) relay_.on_push(now_.mono, host(3), i);
  EXPECT_TRUE(relay_.check_invariants());
  EXPECT_EQ(relay_.counters().dropped_full, kMaxOwedAcks);
}

TEST_F(RelayTest, StrangeAcknowledgementsAreIgnored) {
  join(5, 1);
  relay_.originate(now_.mono, record(100), true);
  auto out = send_due();
  relay_.on_acks(now_.mono, host(9), {out.sendings[0].header.sequence});
  relay_.on_acks(now_.mono, host(1), {1, 2, 3});
  EXPECT_THAT(at_wake().sendings[0].to, SizeIs(4));
}

TEST_F(RelayTest, ABusyClusterTakesOneTreeForWhatIsNotUrgent) {
  join(100, 1);
  auto trees_of = [this](bool urgent) {
    relay_.originate(now_.mono, record(10), urgent);
    std::set<std::uint8_t> trees;
    auto out = at(kNormalWindow);
    acknowledge_all(out);
    for (const auto& sending : out.sendings) trees.insert(sending.header.tree);
    return trees.size();
  };
  EXPECT_EQ(trees_of(false), 2U);
  PushHeader leaf{RelayLevel::kLeaf, 0, 3, {}};
  for (std::size_t i = 0; i < 2 * kBusyRate; ++i)
    relay_.pass_on(now_.mono, host(2), leaf, record(10), false);
  now_.mono += 1s;
  relay_.pass_on(now_.mono, host(2), leaf, record(10), false);
  EXPECT_EQ(trees_of(false), 1U);
  EXPECT_EQ(trees_of(true), 2U);
  now_.mono += 3s;
  EXPECT_EQ(trees_of(false), 2U);
}

TEST_F(RelayTest, TablesAreBounded) {
  join(300, 1);
  std::vector<HostId> siblings;
  for (std::uint32_t i = 0; i < 2 * kMaxBundles; ++i) {
    PushHeader inner{RelayLevel::kInner, 4, i, {host(0), host(500 + i)}};
    relay_.pass_on(now_.mono, host(2), inner, record(1000), true);
  }
  for (std::size_t i = 0; i < kMaxBundled + 9; ++i) relay_.originate(now_.mono, record(1000), true);
  EXPECT_TRUE(relay_.check_invariants());
  EXPECT_GT(relay_.counters().dropped_full, 0U);
  send_due();
}

// Of forty hosts, five want the network: they are told directly, nobody else is, and what everybody
// holds takes the trees of all.
TEST_F(RelayTest, NewsOfAMachineGoesToThoseWhoWantItsNetwork) {
  constexpr NetworkId kNetwork{7};
  Store::Interests interests;
  std::set<HostId> wanting;
  for (std::uint32_t i = 1; i < 40; ++i) {
    auto said = std::make_shared<SignedRecord>();
    bool wants = i % 8 == 0;
    said->record.value = wants ? InterestRecord{host(i), false, {kNetwork}, {}}
                               : InterestRecord{host(i), false, {}, {}};
    if (wants) wanting.insert(host(i));
    interests[host(i)] = said;
  }
  wanting.insert(host(40));  // has said nothing
  relay_.set_interests(&interests);
  join(41, 3);
  EXPECT_EQ(relay_.audience(kNetwork), kNetwork);
  EXPECT_EQ(relay_.audience({}), NetworkId{});
  auto machine = record(300);
  machine->record.value = MachineRecord{.id = {}, .host = host(0), .network = kNetwork};
  relay_.originate(now_.mono, machine, true);
  std::set<HostId> told;
  for (const auto& sending : send_due().sendings) told.insert(sending.to.begin(), sending.to.end());
  EXPECT_EQ(told, wanting);

  interests.clear();  // now all hold all
  relay_.set_interests(&interests);
  EXPECT_EQ(relay_.audience(kNetwork), NetworkId{});
}

}  // namespace
}  // namespace sixpn::registry
