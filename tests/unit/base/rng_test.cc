#include "base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "base/backoff.h"

namespace sixpn {
namespace {

TEST(Rng, SameSeedSameSequence) {
  Rng a(7);
  Rng b(7);
  Rng c(8);
  EXPECT_EQ(a(), b());
  EXPECT_NE(a(), c());
}

TEST(Rng, BelowStaysInRangeAndCoversIt) {
  Rng rng(1);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) ++seen.at(rng.below(5));
  for (int count : seen) EXPECT_GT(count, 140);
  EXPECT_EQ(rng.below(0), 0U);
}

TEST(Rng, ShuffleIsAPermutation) {
  Rng rng(3);
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  auto shuffled = items;
  rng.shuffle(shuffled);
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

TEST(Backoff, GrowsToItsCapAndResets) {
  Rng rng(5);
  Backoff backoff(std::chrono::milliseconds(10), std::chrono::milliseconds(80));
  for (int i = 0; i < 20; ++i) {
    auto delay = backoff.next(rng);
    EXPECT_GT(delay.count(), 0);
    EXPECT_LE(delay, std::chrono::milliseconds(80));
  }
  backoff.reset();
  EXPECT_LE(backoff.next(rng), std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace sixpn
