#include "flycast/core/retry.h"

#include <gtest/gtest.h>

#include "flycast/core/admission_queue.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

Candidate candidate(std::uint64_t machine, std::uint32_t host,
                    std::optional<Duration> round_trip = {}) {
  Candidate made;
  made.machine = MachineId{machine};
  made.host = HostId{host};
  made.here = round_trip == Duration::zero();
  made.round_trip = round_trip;
  return made;
}

TEST(Retry, ExcludesMachinesAndWholeHosts) {
  Retry retry({}, kStart);
  EXPECT_TRUE(retry.is_fresh());
  retry.exclude(MachineId{1});
  EXPECT_FALSE(retry.is_fresh());
  EXPECT_TRUE(retry.is_excluded(candidate(1, 7), true));
  EXPECT_FALSE(retry.is_excluded(candidate(2, 7), true));
  retry.exclude(HostId{7});
  EXPECT_TRUE(retry.is_excluded(candidate(2, 7), true));
  EXPECT_FALSE(retry.is_excluded(candidate(2, 8), true));
}

TEST(Retry, ThreeInTheRegionAndTwoElsewhereMakeARound) {
  Retry retry({}, kStart);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(retry.is_excluded(candidate(1, 1), true));
    ASSERT_TRUE(retry.begin_attempt(true, kStart));
  }
  EXPECT_TRUE(retry.is_excluded(candidate(1, 1), true));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(retry.is_excluded(candidate(2, 2), false));
    ASSERT_TRUE(retry.begin_attempt(false, kStart));
  }
  EXPECT_TRUE(retry.is_excluded(candidate(2, 2), false));
}

TEST(Retry, ANewRoundAdmitsAllAgainAfterAPause) {
  Retry retry({}, kStart);
  Rng rng(1);
  retry.exclude(MachineId{1});
  retry.exclude(HostId{7});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(retry.begin_attempt(true, kStart));
  auto wait = retry.next_round(kStart, rng);
  ASSERT_TRUE(wait);
  EXPECT_GE(*wait, milliseconds(20));
  EXPECT_LE(*wait, milliseconds(40));
  EXPECT_FALSE(retry.is_excluded(candidate(1, 7), true));
}

TEST(Retry, WhatIsFullFailsAfterFiveAttempts) {
  Retry retry({}, kStart);
  Rng rng(1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(retry.begin_attempt(i < 3, kStart)) << i;
    retry.on_trouble(Trouble::kFull, kStart);
  }
  EXPECT_FALSE(retry.begin_attempt(true, kStart));
  EXPECT_FALSE(retry.next_round(kStart, rng));
}

TEST(Retry, OrTwoSecondsAfterTheFirstRefusal) {
  Retry retry({}, kStart);
  Rng rng(1);
  ASSERT_TRUE(retry.begin_attempt(true, kStart));
  Instant refused = kStart + seconds(10);  // what was absent until then was waited for
  retry.on_trouble(Trouble::kFull, refused);
  EXPECT_TRUE(retry.next_round(refused + milliseconds(1900), rng));
  EXPECT_FALSE(retry.next_round(refused + seconds(2), rng));
  retry.on_trouble(Trouble::kAbsent, refused + seconds(2));
  EXPECT_TRUE(retry.next_round(refused + seconds(2), rng)) << "gone, not full: it may come back";
}

TEST(Retry, WhatIsAbsentIsWaitedForUntilTheDeadline) {
  Retry retry({}, kStart);
  Rng rng(1);
  Instant end = kStart + RetryOptions{}.deadline;
  EXPECT_TRUE(retry.begin_attempt(true, end - milliseconds(1)));
  EXPECT_FALSE(retry.begin_attempt(true, end));
  EXPECT_FALSE(retry.next_round(end, rng));
}

TEST(Retry, StopsAtTheNumberOfAttempts) {
  RetryOptions options;
  options.max_attempts = 3;
  Retry retry(options, kStart);
  Rng rng(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(retry.begin_attempt(true, kStart));
  EXPECT_FALSE(retry.begin_attempt(true, kStart));
  EXPECT_FALSE(retry.next_round(kStart, rng));
  EXPECT_EQ(retry.attempts(), 3);
}

// Whatever the machines do: the rounds end, in time, having waited no longer than the ceiling each.
TEST(Retry, RoundsAreBounded) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    Instant now = kStart;
    Retry retry({}, now);
    int rounds = 0;
    while (auto wait = retry.next_round(now, rng)) {
      ASSERT_GT(*wait, Duration::zero());
      ASSERT_LE(*wait, RetryOptions{}.max_pause);
      now += *wait;
      ++rounds;
      ASSERT_LE(now, kStart + RetryOptions{}.deadline);
    }
    EXPECT_EQ(now, kStart + RetryOptions{}.deadline);
    EXPECT_LT(rounds, 80);
  }
}

TEST(Retry, NobodyWaitsInLinePastTheDeadline) {
  Retry retry({}, kStart);
  Candidate limited = candidate(1, 2, milliseconds(1));
  EXPECT_FALSE(retry.may_wait(limited, false, kStart)) << "there is no limit to wait at";
  limited.hard_limit = 10;
  EXPECT_TRUE(retry.may_wait(limited, false, kStart));
  EXPECT_FALSE(retry.may_wait(limited, true, kStart)) << "another could be asked";
  Instant end = kStart + RetryOptions{}.deadline;
  EXPECT_TRUE(retry.may_wait(limited, false, end - milliseconds(2504)));
  EXPECT_FALSE(retry.may_wait(limited, false, end - milliseconds(2503)));
}

TEST(Retry, TheOwnerGivesUpConnectingBeforeItsAnswerIsAwaitedInVain) {
  Retry retry({}, kStart);
  Candidate near = candidate(1, 2, milliseconds(0));
  for (bool has_other : {false, true})
    EXPECT_LT(retry.connect_limit(has_other), retry.attempt_timeout(near, has_other, kStart));
  EXPECT_EQ(retry.connect_limit(true), milliseconds(225));
  EXPECT_EQ(retry.connect_limit(false), milliseconds(750));
}

TEST(Retry, AttemptTimeouts) {
  Retry retry({}, kStart);
  auto timeout = [&](const Candidate& c, bool has_other) {
    return retry.attempt_timeout(c, has_other, kStart);
  };
  EXPECT_EQ(timeout(candidate(1, 1, Duration::zero()), false), seconds(1));
  EXPECT_EQ(timeout(candidate(1, 2, milliseconds(90)), false), milliseconds(1860));
  EXPECT_EQ(timeout(candidate(1, 2), false), milliseconds(2700)) << "unmeasured";
  EXPECT_EQ(timeout(candidate(1, 1, Duration::zero()), true), milliseconds(300)) << "asks another";
  EXPECT_EQ(timeout(candidate(1, 2, milliseconds(1)), true), milliseconds(304));
  Candidate limited = candidate(1, 2, milliseconds(1));
  limited.hard_limit = 10;
  EXPECT_EQ(timeout(limited, false), milliseconds(1504) + AdmissionQueue::kLongestWait)
      << "it may let us wait";
  Instant late = kStart + RetryOptions{}.deadline - milliseconds(10);
  EXPECT_EQ(retry.attempt_timeout(candidate(1, 2, milliseconds(90)), false, late),
            milliseconds(10));
}

}  // namespace
}  // namespace sixpn::flycast
