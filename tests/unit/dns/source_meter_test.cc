#include "dns/core/source_meter.h"

#include <gtest/gtest.h>

namespace sixpn::dns {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1000 * kSecond;

// How many of `n` at one moment got each allowance.
struct Taken {
  int within = 0, over = 0, far = 0;
};
Taken take(SourceMeter& meter, std::uint64_t hash, std::int64_t now, int n) {
  Taken taken;
  for (; n > 0; --n) switch (meter.take(hash, now)) {
      case Allowance::kWithin:
        ++taken.within;
        break;
      case Allowance::kOver:
        ++taken.over;
        break;
      case Allowance::kFarOver:
        ++taken.far;
    }
  return taken;
}

TEST(SourceMeter, ABurstThenShortAnswersThenNothing) {
  SourceMeter meter({10, 20}, 16);
  auto taken = take(meter, 7, kStart, 100);
  EXPECT_EQ(taken.within, 20);
  EXPECT_EQ(taken.over, 20);
  EXPECT_EQ(taken.far, 60);
}

TEST(SourceMeter, SilenceEarnsTheRateAgain) {
  SourceMeter meter({10, 20}, 16);
  take(meter, 7, kStart, 1000);
  // What was far beyond the rate does not count: after four bursts' time all is as new.
  EXPECT_EQ(take(meter, 7, kStart + kSecond, 100).over, 10);
  EXPECT_EQ(take(meter, 7, kStart + 5 * kSecond, 100).within, 20);
}

TEST(SourceMeter, ASteadySourceAtItsRateIsNeverOver) {
  SourceMeter meter({1000, 1}, 16);
  for (int i = 0; i < 5000; ++i)
    EXPECT_EQ(meter.take(7, kStart + i * (kSecond / 1000)), Allowance::kWithin);
}

TEST(SourceMeter, SourcesDoNotShareARate) {
  SourceMeter meter({10, 20}, 16);
  take(meter, 7, kStart, 100);
  EXPECT_EQ(meter.take(8, kStart), Allowance::kWithin);
}

TEST(SourceMeter, AFullTableForgetsTheLeastBusy) {
  SourceMeter meter({10, 20}, 1);
  take(meter, 1, kStart, 100);
  for (std::uint64_t hash = 2; hash < 1000; ++hash)
    EXPECT_EQ(meter.take(hash, kStart), Allowance::kWithin);
  EXPECT_EQ(meter.take(1, kStart), Allowance::kFarOver);
}

// What an answer cost is known when it is made: it counts then, and never for longer than a second
// burst.
TEST(SourceMeter, WhatIsChargedIsUsed) {
  SourceMeter meter({10, 20}, 16);
  EXPECT_EQ(meter.charge(7, kStart, 15), 0);
  EXPECT_EQ(take(meter, 7, kStart, 10).within, 5);
  EXPECT_EQ(meter.charge(8, kStart, 25), kSecond / 2);
  EXPECT_EQ(meter.charge(9, kStart, 4'000'000), 2 * kSecond);
  EXPECT_EQ(meter.charge(9, kStart, 1), 2 * kSecond);
  EXPECT_EQ(take(meter, 9, kStart + 3 * kSecond, 100).within, 10);
}

TEST(SourceMeter, NoRateIsNoLimit) {
  SourceMeter meter({0, 0}, 16);
  EXPECT_EQ(take(meter, 7, kStart, 1000).within, 1000);
  EXPECT_EQ(meter.charge(7, kStart, 1000), 0);
}

}  // namespace
}  // namespace sixpn::dns
