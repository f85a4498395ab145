#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BucketLimit kLimit{seconds(1), 3};
constexpr Instant kStart{seconds(1000)};

TEST(TokenBucket, AllowsTheBurstThenOnePerInterval) {
  TokenBucket bucket;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(kLimit, kStart)) << i;
  EXPECT_FALSE(bucket.try_take(kLimit, kStart));
  EXPECT_FALSE(bucket.try_take(kLimit, kStart + milliseconds(999)));
  EXPECT_TRUE(bucket.try_take(kLimit, kStart + seconds(1)));
  EXPECT_FALSE(bucket.try_take(kLimit, kStart + seconds(1)));
}

TEST(TokenBucket, ARefusalCostsNothing) {
  TokenBucket bucket;
  for (int i = 0; i < 3; ++i) bucket.take(kLimit, kStart);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(bucket.try_take(kLimit, kStart));
  EXPECT_TRUE(bucket.try_take(kLimit, kStart + seconds(1)));
}

TEST(TokenBucket, IsFullAgainAfterAllIntervals) {
  TokenBucket bucket;
  EXPECT_TRUE(bucket.is_full(kStart));
  for (int i = 0; i < 3; ++i) bucket.take(kLimit, kStart);
  EXPECT_FALSE(bucket.is_full(kStart + milliseconds(2999)));
  EXPECT_TRUE(bucket.is_full(kStart + seconds(3)));
}

TEST(TokenBucket, LongRunRateIsOnePerInterval) {
  TokenBucket bucket;
  int taken = 0;
  for (int ms = 0; ms < 100'000; ms += 10)
    if (bucket.try_take(kLimit, kStart + milliseconds(ms))) ++taken;
  EXPECT_EQ(taken, 3 + 99);
}

}  // namespace
}  // namespace sixpn
