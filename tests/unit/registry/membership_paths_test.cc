// How long Membership waits for an answer: by what it knows of the path, or of the region.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "registry/core/membership.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeMessage::Kind;

constexpr HostId kSelf{1};
constexpr HostId kNear{2};   // answers
constexpr HostId kOther{3};  // the one looked at
constexpr HostId kRelay{4};  // answers, stands elsewhere
constexpr std::uint32_t kRegion = 7;

// One Membership; the others answer each ping after their own round trip.
class MembershipPathsTest : public testing::Test {
 protected:
  void add(HostId host, std::uint32_t region, std::optional<Duration> answers_after) {
    members_.add(now_, host, region);
    if (answers_after) round_trips_[host] = *answers_after;
  }

  void run(Duration time) {
    Instant until = now_ + time;
    while (true) {
      Instant next = members_.next_wake();
      if (!answers_.empty()) next = std::min(next, answers_.begin()->first);
      if (next > until) break;
      now_ = std::max(now_, next);
      Membership::Output out;
      if (!answers_.empty() && answers_.begin()->first <= now_) {
        answer(answers_.begin()->second, out);
        answers_.erase(answers_.begin());
      } else {
        members_.on_timer(now_, out);
      }
      members_.rearm(now_);
      note(out);
    }
    now_ = until;
  }

  void answer(const ProbeMessage& ping, Membership::Output& out) {
    members_.on_heard(now_, ping.to, 1, out);
    members_.on_message(now_, ping.to, {Kind::kAck, kSelf, ping.sequence, ping.to}, out);
  }

  // Remembers when kOther was first asked and when others were first asked for it, of each probe.
  void note(const Membership::Output& out) {
    for (const auto& message : out.messages) {
      if (message.kind == Kind::kPing && round_trips_.contains(message.to))
        answers_.emplace(now_ + round_trips_[message.to], message);
      if (message.kind == Kind::kPing && message.to == kOther)
        asked_.try_emplace(message.sequence, now_);
      if (message.kind == Kind::kPingRequest && message.target == kOther)
        patience_.try_emplace(message.sequence, now_ - asked_.at(message.sequence));
    }
    for (const auto& ping : out.tcp_probes)
      if (ping.to == kOther) ++tcp_probes_;
  }

  Rng rng_{7};
  Instant now_{10s};
  Membership members_{kSelf, 1, rng_};
  std::map<HostId, Duration> round_trips_;
  std::multimap<Instant, ProbeMessage> answers_;
  std::map<std::uint64_t, Instant> asked_;      // by sequence
  std::map<std::uint64_t, Duration> patience_;  // with a direct answer, by sequence
  int tcp_probes_ = 0;
};

TEST_F(MembershipPathsTest, AnUnmeasuredHostIsTakenToBeLikeItsRegion) {
  add(kNear, kRegion, 40ms);
  add(kRelay, kRegion + 1, 20ms);
  members_.start(now_);
  run(20s);
  add(kOther, kRegion, {});
  run(5s);
  ASSERT_FALSE(patience_.empty());
  EXPECT_EQ(patience_.begin()->second, kDirectTimeoutLeast);
  EXPECT_EQ(members_.round_trip(kOther), std::nullopt);  // a guess is not told
}

TEST_F(MembershipPathsTest, OfAnUnknownRegionNothingIsGuessed) {
  add(kNear, kRegion, 40ms);
  add(kRelay, 0, 20ms);
  members_.start(now_);
  run(20s);
  add(kOther, 0, {});
  run(5s);
  ASSERT_FALSE(patience_.empty());
  EXPECT_EQ(patience_.begin()->second, kDirectTimeoutMost);
}

// The guess is too short for this one: the answer to a repeated question measures nothing, so
// without more patience the next time its path would stay unknown for ever.
TEST_F(MembershipPathsTest, WhoAnswersLateIsWaitedForLongerAndThenMeasured) {
  add(kNear, kRegion, 40ms);
  add(kRelay, kRegion + 1, 20ms);
  members_.start(now_);
  run(20s);
  add(kOther, kRegion, 300ms);
  run(10s);
  EXPECT_EQ(patience_.size(), 1U);  // others were asked for it once
  EXPECT_EQ(members_.round_trip(kOther), 300ms);
  EXPECT_EQ(tcp_probes_, 0);
  EXPECT_EQ(members_.counters().accusations, 0U);
}

// An observer asks in both ways at once: somebody has waited before it.
TEST_F(MembershipPathsTest, AnObserverAsksByTcpAtOnce) {
  add(kNear, kRegion, 40ms);
  add(kRelay, kRegion + 1, 20ms);
  add(kOther, kRegion, 40ms);
  members_.start(now_);
  run(5s);
  ASSERT_EQ(tcp_probes_, 0);
  round_trips_.erase(kOther);
  asked_.clear();
  patience_.clear();
  Membership::Output out;
  members_.on_update(now_, {kOther, HostStatus::kSuspected, 1, kNear}, out);
  ASSERT_EQ(out.tcp_probes.size(), 1U);
  EXPECT_EQ(out.tcp_probes.front().to, kOther);
  Instant began = now_;
  note(out);
  while (members_.counters().accusations == 0 && now_ < began + 5s) run(10ms);
  // Two questions' time, and no question through others.
  EXPECT_LE(now_ - began, 2 * kDirectTimeoutLeast + 10ms);
  EXPECT_TRUE(patience_.empty());
}

// Questions fail sooner than that, once others have answered: then it asks once more.
TEST_F(MembershipPathsTest, NobodyIsAccusedInTheSecondAfterAStall) {
  add(kNear, kRegion, 5ms);
  add(kRelay, kRegion, 5ms);
  add(kOther, kRegion, 5ms);
  members_.start(now_);
  members_.rearm(now_);
  run(10s);
  round_trips_.erase(kOther);  // it is silent from now on
  answers_.clear();
  now_ += 4s;
  members_.rearm(now_);
  ASSERT_EQ(members_.counters().stalls, 1U);
  run(100ms);
  ASSERT_LT(members_.health(), kStallHealth);
  // Another accuses it, so that this host asks it at once, as an observer does.
  Membership::Output out;
  members_.on_update(now_, {kOther, HostStatus::kSuspected, 1, kNear}, out);
  members_.rearm(now_);
  note(out);
  run(880ms);
  EXPECT_EQ(members_.counters().accusations, 0U);
  run(5s);
  EXPECT_GE(members_.counters().accusations, 1U);
}

}  // namespace
}  // namespace sixpn::registry
