#include "flycast/core/peak_ewma.h"

#include <gtest/gtest.h>

#include "flycast/core/retry_budget.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

TEST(PeakEwma, AMachineNobodyMeasuredIsTakenAtItsSeed) {
  PeakEwma ewma;
  EXPECT_FALSE(ewma.raw());
  EXPECT_DOUBLE_EQ(ewma.expected(milliseconds(30), kStart), 0.03);
}

TEST(PeakEwma, SlowCountsAtOnceAndFastOnlyMovesTheMean) {
  PeakEwma ewma;
  ewma.add(milliseconds(100), kStart);
  ewma.add(milliseconds(400), kStart + seconds(1));
  EXPECT_DOUBLE_EQ(*ewma.raw(), 0.4);
  ewma.add(milliseconds(100), kStart + seconds(1));
  EXPECT_DOUBLE_EQ(*ewma.raw(), 0.4) << "no time has passed";
  ewma.add(milliseconds(100), kStart + seconds(11));
  EXPECT_NEAR(*ewma.raw(), 0.1 + 0.3 * 0.3679, 0.001) << "one decay later";
}

TEST(PeakEwma, AFailureWanesTowardsTheSeed) {
  PeakEwma ewma;
  ewma.add_failure(Duration::zero(), kStart);
  EXPECT_DOUBLE_EQ(ewma.expected(PeakEwma::kSeed, kStart), 5);
  EXPECT_NEAR(ewma.expected(PeakEwma::kSeed, kStart + seconds(10)), 1.858, 0.01);
  EXPECT_NEAR(ewma.expected(PeakEwma::kSeed, kStart + seconds(120)), 0.03, 0.001);
  ewma.add_failure(seconds(3600), kStart + seconds(120));
  EXPECT_DOUBLE_EQ(*ewma.raw(), 60) << "no machine shuts itself off for an hour";
}

TEST(PeakEwma, NoiseIsBelowTheFloor) {
  PeakEwma ewma;
  ewma.add(std::chrono::microseconds(200), kStart);
  EXPECT_DOUBLE_EQ(ewma.expected(PeakEwma::kSeed, kStart), 0.005);
}

TEST(RetryBudget, IsAFifthOfTheRequests) {
  RetryBudget budget;
  int taken = 0;
  while (budget.take(kStart)) ++taken;
  EXPECT_EQ(taken, 10) << "what a service may at first";
  for (int i = 0; i < 50; ++i) budget.on_request(kStart);
  taken = 0;
  while (budget.take(kStart)) ++taken;
  EXPECT_EQ(taken, 10);
  EXPECT_EQ(budget.refused(), 2u);
}

TEST(RetryBudget, AndTenASecondSavedUpToABound) {
  RetryBudget budget;
  while (budget.take(kStart)) {
  }
  int taken = 0;
  while (budget.take(kStart + milliseconds(500))) ++taken;
  EXPECT_EQ(taken, 5);
  Instant later = kStart + seconds(3600);
  taken = 0;
  while (budget.take(later)) ++taken;
  EXPECT_EQ(taken, 100);
}

}  // namespace
}  // namespace sixpn::flycast
