#include "base/stall_detector.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

using namespace std::chrono_literals;

// Rounds of a detector over two loops; loop 0 answers everything, loop 1 while `answers` says so.
class StallDetectorTest : public testing::Test {
 protected:
  StallDetector::Round round(bool answers, Duration later = kWatchRound) {
    now_ += later;
    auto result = detector_.on_round(now_, {detector_.question(0), last_});
    if (answers) last_ = detector_.question(1);
    return result;
  }

  StallDetector detector_{2, 30s};
  Instant now_{1h};
  std::uint64_t last_ = 0;
};

TEST_F(StallDetectorTest, WhoAnswersIsWell) {
  for (int i = 0; i < 100; ++i) {
    auto outcome = round(true);
    EXPECT_TRUE(outcome.well);
    EXPECT_TRUE(outcome.noticed.empty());
    EXPECT_FALSE(outcome.fatal);
    EXPECT_EQ(outcome.ask.size(), 2U);
  }
}

TEST_F(StallDetectorTest, AStallIsNoticedOnceAndEndsFatal) {
  round(true);
  round(false);
  int noticed = 0;
  int seconds = 0;
  for (StallDetector::Round outcome; !outcome.fatal; ++seconds) {
    ASSERT_LT(seconds, 40);
    outcome = round(false);
    noticed += static_cast<int>(outcome.noticed.size());
    EXPECT_EQ(outcome.well, seconds + 1 < 5) << seconds;
    if (outcome.fatal) {
      EXPECT_EQ(outcome.fatal->loop, 1U);
      EXPECT_EQ(outcome.fatal->owed, 30s);
    }
  }
  EXPECT_EQ(noticed, 1);
}

TEST_F(StallDetectorTest, WhoComesBackIsToldAndForgiven) {
  round(true);
  round(false);
  for (int i = 0; i < 20; ++i) round(false);
  round(true);  // answers after this round
  auto outcome = round(true);
  ASSERT_EQ(outcome.recovered.size(), 1U);
  EXPECT_TRUE(outcome.well);
  for (int i = 0; i < 29; ++i) EXPECT_FALSE(round(false).fatal) << i;
}

// SIGSTOP or a suspended system: every loop owes its answer for an hour, and none has stalled.
TEST_F(StallDetectorTest, AStoppedProcessIsNoStall) {
  round(true);
  round(false);
  for (int i = 0; i < 3; ++i) round(false);
  auto outcome = round(false, 1h);
  EXPECT_FALSE(outcome.fatal);
  EXPECT_TRUE(outcome.noticed.empty());
  EXPECT_TRUE(outcome.well);
  for (int i = 0; i < 24; ++i) EXPECT_FALSE(round(false).fatal) << i;  // what it had owed counts on
  round(false);
  EXPECT_TRUE(round(false).fatal);
}

TEST(StallDetector, WithoutALimitNothingIsFatal) {
  StallDetector detector(1, Duration::zero());
  Instant now{1h};
  for (int i = 0; i < 1000; ++i) {
    auto outcome = detector.on_round(now += kWatchRound, {0});
    if (i == 0) continue;
    EXPECT_FALSE(outcome.fatal);
  }
}

}  // namespace
}  // namespace sixpn
