#include "flycast/core/load_view.h"

#include <gtest/gtest.h>

#include <vector>

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ServiceKey kKey{MachineId{1}, 8080};
constexpr Instant kStart{seconds(1000)};

struct View {
  LoadView loads;
  LoadView::Entry entry = loads.entry(kKey, kStart);
  LoadView::Ticket open() { return loads.open(kKey, kStart); }
};

TEST(LoadView, KnowsItsOwnConnectionsExactly) {
  View view;
  EXPECT_EQ(view.entry->estimate(kStart), 0);
  auto first = view.open();
  {
    auto second = view.open();
    EXPECT_EQ(view.entry->estimate(kStart), 2);
  }
  EXPECT_EQ(view.entry->estimate(kStart), 1);
  auto moved = std::move(first);
  EXPECT_EQ(view.entry->estimate(kStart), 1);
  moved = {};
  EXPECT_EQ(view.entry->estimate(kStart), 0);
}

TEST(LoadView, AReportMovesWithOurOwnConnections) {
  View view;
  auto own = view.open();
  view.entry->on_report({10, 0, 1}, kStart);  // nine of others
  EXPECT_EQ(view.entry->estimate(kStart), 10);
  auto more = view.open();
  EXPECT_EQ(view.entry->estimate(kStart), 11);
  own = {};
  more = {};
  EXPECT_EQ(view.entry->estimate(kStart), 9);
}

TEST(LoadView, NeverBelowOurOwn) {
  View view;
  auto first = view.open();
  auto second = view.open();
  view.entry->on_report({1, 0, 1}, kStart);  // overtaken by the second one
  EXPECT_EQ(view.entry->estimate(kStart), 2);
}

TEST(LoadView, WhoWaitsIsLoadToo) {
  View view;
  view.entry->on_report({25, 4, 1}, kStart);
  EXPECT_EQ(view.entry->estimate(kStart), 29);
}

TEST(LoadView, AnOlderReportNeverReplacesANewer) {
  View view;
  view.entry->on_report({10, 0, 7}, kStart);
  view.entry->on_report({3, 0, 6}, kStart);
  EXPECT_EQ(view.entry->estimate(kStart), 10);
  view.entry->on_report({3, 0, 8}, kStart);
  EXPECT_EQ(view.entry->estimate(kStart), 3);
  view.entry->on_report({5, 0, 0}, kStart);
  EXPECT_EQ(view.entry->estimate(kStart), 5) << "an older agent says no sequence";
}

TEST(LoadView, AnOwnerWhoseClockWentBackIsHeardAgain) {
  View view;
  view.entry->on_report({10, 0, 1000}, kStart);
  Instant later = kStart + MachineLoad::kFresh + milliseconds(1);
  view.entry->on_report({2, 0, 5}, later);
  EXPECT_EQ(view.entry->estimate(later), 2);
}

TEST(LoadView, OldReportsFade) {
  View view;
  view.entry->on_report({16, 0, 1}, kStart);
  EXPECT_EQ(view.entry->estimate(kStart + MachineLoad::kFresh), 16);
  EXPECT_DOUBLE_EQ(view.entry->estimate(kStart + MachineLoad::kFresh + MachineLoad::kHalfLife), 8);
  EXPECT_LT(view.entry->estimate(kStart + seconds(60)), 0.01);
}

TEST(LoadView, OnlyFreshReportsGate) {
  View view;
  view.entry->on_report({5, 0, 1}, kStart);
  EXPECT_TRUE(view.entry->at_limit(5, kStart));
  EXPECT_FALSE(view.entry->at_limit(6, kStart));
  EXPECT_FALSE(view.entry->at_limit(0, kStart)) << "0 is no limit";
  EXPECT_FALSE(view.entry->at_limit(5, kStart + MachineLoad::kFresh + milliseconds(1)))
      << "the owner has to be asked again";
}

TEST(LoadView, AFullMachineStaysFullForAMoment) {
  View view;
  auto own = view.open();
  view.entry->on_report({5, 0, 1}, kStart);
  own = {};
  EXPECT_TRUE(view.entry->at_limit(5, kStart)) << "whoever is refused there takes its place";
  EXPECT_FALSE(view.entry->at_limit(5, kStart + MachineLoad::kStaysFull));
}

TEST(LoadView, OurOwnConnectionsGateForEver) {
  View view;
  auto own = view.open();
  EXPECT_TRUE(view.entry->at_limit(1, kStart + seconds(100)));
}

TEST(LoadView, OfItsOwnMachinesItKnowsTheTruth) {
  View view;
  view.entry->on_report({20, 0, 1}, kStart);
  view.entry->set_exact(3);
  EXPECT_EQ(view.entry->estimate(kStart), 3);
  EXPECT_TRUE(view.entry->at_limit(3, kStart));
  EXPECT_FALSE(view.entry->at_limit(4, kStart));
  view.entry->set_exact(std::nullopt);
  EXPECT_EQ(view.entry->estimate(kStart), 20);
}

TEST(LoadView, TurnedAwayIsOutForAMoment) {
  View view;
  view.entry->on_turned_away(kStart);
  EXPECT_TRUE(view.entry->is_out(kStart));
  EXPECT_FALSE(view.entry->is_out(kStart + MachineLoad::kTurnedAway));
}

TEST(LoadView, OneSilenceTakesAMachineOut) {
  View view;
  Rng rng(1);
  EXPECT_FALSE(view.entry->is_silent(kStart));
  view.entry->on_silence(kStart, rng);
  EXPECT_TRUE(view.entry->is_out(kStart) && view.entry->is_silent(kStart));
  Instant back = view.entry->out_until();
  EXPECT_LE(back - kStart, milliseconds(1200));
  EXPECT_FALSE(view.entry->is_out(back) || view.entry->is_silent(back));
  view.entry->on_silence(back, rng);
  EXPECT_GT(view.entry->out_until() - back, milliseconds(1200)) << "longer each time";
  view.entry->forget();
  EXPECT_FALSE(view.entry->is_silent(back)) << "it was started anew";
}

TEST(LoadView, AMachineOutForFailedConnectsIsNotSilent) {
  View view;
  Rng rng(1);
  for (int i = 0; i < 3; ++i) view.entry->on_connect_failure(kStart, rng);
  EXPECT_TRUE(view.entry->is_out(kStart));
  EXPECT_FALSE(view.entry->is_silent(kStart));
}

TEST(LoadView, OnlyWhatWasAskedForIsFound) {
  LoadView loads;
  EXPECT_EQ(loads.find({MachineId{1}, 80}), nullptr);
  auto made = loads.entry({MachineId{1}, 80}, kStart);
  EXPECT_EQ(loads.find({MachineId{1}, 80}), made);
  EXPECT_EQ(loads.size(), 1u);
}

TEST(LoadView, OneSilenceTakesAHostOut) {
  LoadView loads;
  Rng rng(1);
  auto host = loads.host_entry(HostId{7});
  loads.on_host_failure(HostId{7}, kStart, rng);
  EXPECT_TRUE(host->is_out(kStart));
  EXPECT_FALSE(host->is_out(kStart + milliseconds(1200)));
}

TEST(LoadView, IsBoundedAndForgetsTheOldestThatNobodyHolds) {
  LoadView loads;
  auto held = loads.entry({MachineId{0}, 80}, kStart);
  auto next = [&](std::size_t i) {
    Instant at = kStart + Duration(static_cast<Duration::rep>(i));
    loads.entry({MachineId{i}, 80}, at)->on_report({3, 0, 1}, at);
  };
  for (std::size_t i = 1; i <= LoadView::kMaxEntries; ++i) next(i);
  EXPECT_EQ(loads.size(), LoadView::kMaxEntries);
  EXPECT_EQ(loads.entry({MachineId{0}, 80}, kStart), held);
  Instant now = kStart + seconds(1);
  EXPECT_EQ(loads.entry({MachineId{2}, 80}, now)->estimate(now), 3);
  EXPECT_EQ(loads.entry({MachineId{1}, 80}, now)->estimate(now), 0) << "forgotten";
}

}  // namespace
}  // namespace sixpn::flycast
