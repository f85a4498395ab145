#include "flycast/core/retry.h"

#include <gtest/gtest.h>

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
  retry.exclude(MachineId{1});
  EXPECT_TRUE(retry.is_excluded(candidate(1, 7)));
  EXPECT_FALSE(retry.is_excluded(candidate(2, 7)));
  retry.exclude(HostId{7});
  EXPECT_TRUE(retry.is_excluded(candidate(2, 7)));
  EXPECT_FALSE(retry.is_excluded(candidate(2, 8)));
}

TEST(Retry, ANewRoundAdmitsAllAgainAfterABackoff) {
  Retry retry({}, kStart);
  Rng rng(1);
  retry.exclude(MachineId{1});
  retry.exclude(HostId{7});
  auto wait = retry.next_round(kStart, rng);
  ASSERT_TRUE(wait);
  EXPECT_GT(*wait, Duration::zero());
  EXPECT_LE(*wait, RetryOptions{}.first_backoff);
  EXPECT_FALSE(retry.is_excluded(candidate(1, 7)));
}

TEST(Retry, StopsAtTheNumberOfAttempts) {
  RetryOptions options;
  options.max_attempts = 3;
  Retry retry(options, kStart);
  Rng rng(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(retry.begin_attempt(kStart));
  EXPECT_FALSE(retry.begin_attempt(kStart));
  EXPECT_FALSE(retry.next_round(kStart, rng));
  EXPECT_EQ(retry.attempts(), 3);
}

TEST(Retry, StopsAtTheDeadline) {
  Retry retry({}, kStart);
  Rng rng(1);
  Instant end = kStart + RetryOptions{}.deadline;
  EXPECT_TRUE(retry.begin_attempt(end - milliseconds(1)));
  EXPECT_FALSE(retry.begin_attempt(end));
  EXPECT_FALSE(retry.next_round(end, rng));
}

// Whatever the machines do: the rounds end, in time, having waited no longer than the ceiling each.
TEST(Retry, RoundsAreBounded) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    Instant now = kStart;
    Retry retry({}, now);
    int rounds = 0;
    while (auto wait = retry.next_round(now, rng)) {
      ASSERT_LE(*wait, RetryOptions{}.max_backoff);
      now += *wait;
      ++rounds;
      ASSERT_LE(now, kStart + RetryOptions{}.deadline);
    }
    EXPECT_EQ(now, kStart + RetryOptions{}.deadline);
    EXPECT_LT(rounds, 200);
  }
}

TEST(Retry, AttemptTimeouts) {
  Retry retry({}, kStart);
  EXPECT_EQ(retry.attempt_timeout(candidate(1, 1, Duration::zero()), kStart), seconds(1));
  EXPECT_EQ(retry.attempt_timeout(candidate(1, 2, milliseconds(90)), kStart), milliseconds(1860));
  EXPECT_EQ(retry.attempt_timeout(candidate(1, 2), kStart), milliseconds(2700)) << "unmeasured";
  Instant late = kStart + RetryOptions{}.deadline - milliseconds(10);
  EXPECT_EQ(retry.attempt_timeout(candidate(1, 2, milliseconds(90)), late), milliseconds(10));
}

}  // namespace
}  // namespace sixpn::flycast
