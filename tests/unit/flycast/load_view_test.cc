#include "flycast/core/load_view.h"

#include <gtest/gtest.h>

#include <vector>

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ServiceKey kKey{MachineId{1}, 8080};
constexpr Instant kStart{seconds(1000)};

TEST(LoadView, KnowsItsOwnConnectionsExactly) {
  LoadView view;
  EXPECT_EQ(view.estimate(kKey, kStart), 0);
  auto first = view.open(kKey);
  {
    auto second = view.open(kKey);
    EXPECT_EQ(view.estimate(kKey, kStart), 2);
  }
  EXPECT_EQ(view.estimate(kKey, kStart), 1);
}

TEST(LoadView, AReportMovesWithOurOwnConnections) {
  LoadView view;
  auto own = view.open(kKey);
  view.on_report(kKey, 10, kStart);  // nine of others
  EXPECT_EQ(view.estimate(kKey, kStart), 10);
  auto more = view.open(kKey);
  EXPECT_EQ(view.estimate(kKey, kStart), 11);
  own = {};
  more = {};
  EXPECT_EQ(view.estimate(kKey, kStart), 9);
}

TEST(LoadView, NeverBelowOurOwn) {
  LoadView view;
  auto first = view.open(kKey);
  auto second = view.open(kKey);
  view.on_report(kKey, 1, kStart);  // overtaken by the second one
  EXPECT_EQ(view.estimate(kKey, kStart), 2);
}

TEST(LoadView, OldReportsFade) {
  LoadView view;
  view.on_report(kKey, 16, kStart);
  EXPECT_EQ(view.estimate(kKey, kStart + LoadView::kFresh), 16);
  Instant one_half_life = kStart + LoadView::kFresh + LoadView::kHalfLife;
  EXPECT_DOUBLE_EQ(view.estimate(kKey, one_half_life), 8);
  EXPECT_LT(view.estimate(kKey, kStart + seconds(60)), 0.01);
}

TEST(LoadView, OnlyFreshReportsGate) {
  LoadView view;
  view.on_report(kKey, 5, kStart);
  EXPECT_TRUE(view.at_limit(kKey, 5, kStart));
  EXPECT_FALSE(view.at_limit(kKey, 6, kStart));
  EXPECT_FALSE(view.at_limit(kKey, 0, kStart)) << "0 is no limit";
  EXPECT_FALSE(view.at_limit(kKey, 5, kStart + LoadView::kFresh + milliseconds(1)))
      << "the owner has to be asked again";
}

TEST(LoadView, OurOwnConnectionsGateForEver) {
  LoadView view;
  auto own = view.open(kKey);
  EXPECT_TRUE(view.at_limit(kKey, 1, kStart));
}

TEST(LoadView, PenaltiesDoubleAndEnd) {
  LoadView view;
  MachineId machine{1};
  EXPECT_FALSE(view.failing(machine, kStart));
  view.on_failure(machine, kStart);
  EXPECT_TRUE(view.failing(machine, kStart + milliseconds(999)));
  EXPECT_FALSE(view.failing(machine, kStart + seconds(1)));
  view.on_failure(machine, kStart);
  EXPECT_TRUE(view.failing(machine, kStart + milliseconds(1999)));
  for (int i = 0; i < 100; ++i) view.on_failure(machine, kStart);
  EXPECT_FALSE(view.failing(machine, kStart + LoadView::kMaxPenalty));
  view.on_success(machine);
  EXPECT_FALSE(view.failing(machine, kStart));
  view.on_failure(machine, kStart);
  EXPECT_FALSE(view.failing(machine, kStart + seconds(1))) << "a success forgets";
}

TEST(LoadView, IsBoundedAndForgetsTheOldest) {
  LoadView view;
  for (std::size_t i = 0; i <= LoadView::kMaxEntries; ++i) {
    Instant at = kStart + Duration(static_cast<Duration::rep>(i));
    view.on_report({MachineId{i}, 80}, 3, at);
  }
  EXPECT_EQ(view.estimate({MachineId{0}, 80}, kStart), 0);
  EXPECT_EQ(view.estimate({MachineId{1}, 80}, kStart), 3);
}

}  // namespace
}  // namespace sixpn::flycast
