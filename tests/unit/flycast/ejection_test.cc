#include "flycast/core/ejection.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

TEST(Ejection, ThreeConnectFailuresInARow) {
  Rng rng(1);
  Ejection ejection;
  ejection.on_connect_failure(kStart, rng);
  ejection.on_connect_failure(kStart, rng);
  EXPECT_FALSE(ejection.is_out(kStart));
  ejection.on_success();
  ejection.on_connect_failure(kStart, rng);
  ejection.on_connect_failure(kStart, rng);
  EXPECT_FALSE(ejection.is_out(kStart)) << "not in a row";
  ejection.on_connect_failure(kStart, rng);
  EXPECT_TRUE(ejection.is_out(kStart));
}

TEST(Ejection, FiveBadRepliesInTenSeconds) {
  Rng rng(1);
  Ejection slow;
  for (int i = 0; i < 20; ++i) slow.on_bad_reply(kStart + i * seconds(3), rng);
  EXPECT_FALSE(slow.is_out(kStart + seconds(57)));
  Ejection quick;
  for (int i = 0; i < 5; ++i) quick.on_bad_reply(kStart + i * seconds(2), rng);
  EXPECT_TRUE(quick.is_out(kStart + seconds(8)));
}

// Each time is about twice the last, within a fifth, up to the cap.
TEST(Ejection, TimesGrowToTheCap) {
  Rng rng(7);
  Ejection ejection;
  Instant now = kStart;
  for (int n = 0; n < 10; ++n) {
    while (!ejection.is_out(now)) ejection.on_connect_failure(now, rng);
    Duration expected = std::min(Ejection::kLongest, Ejection::kFirst * (1 << n));
    EXPECT_GE(ejection.until() - now, expected - expected / 5) << n;
    EXPECT_LE(ejection.until() - now, expected + expected / 5) << n;
    now = ejection.until();
    EXPECT_FALSE(ejection.is_out(now));
  }
}

TEST(Ejection, OnReturnOneFailureIsEnough) {
  Rng rng(1);
  Ejection ejection;
  for (int i = 0; i < Ejection::kConnectFailures; ++i) ejection.on_connect_failure(kStart, rng);
  Instant back = ejection.until();
  ejection.on_connect_failure(back, rng);
  EXPECT_TRUE(ejection.is_out(back));
}

TEST(Ejection, GoodForLongIsForgiven) {
  Rng rng(1);
  Ejection ejection;
  auto fail = [&](Instant now) {
    for (int i = 0; i < Ejection::kConnectFailures; ++i) ejection.on_connect_failure(now, rng);
  };
  fail(kStart);
  fail(ejection.until());  // twice
  ejection.on_success();
  Instant later = ejection.until() + Ejection::kForgiven + seconds(1);
  fail(later);
  EXPECT_LE(ejection.until() - later, milliseconds(1200));
}

}  // namespace
}  // namespace sixpn::flycast
