#include "agent/core/hold_waits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sixpn::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NetworkId kRed{1}, kBlue{2};

class HoldWaitsTest : public ::testing::Test {
 protected:
  void wait_for(NetworkId network, Instant until, int who) {
    waits_.add(network, until, [this, who] { done_.push_back(who); });
  }
  std::vector<int> after(const Snapshot& snapshot, Instant now) {
    done_.clear();
    for (const auto& done : waits_.take_over(snapshot, now)) done();
    return done_;
  }
  static Snapshot holding(std::vector<NetworkId> networks, bool synced = true) {
    Snapshot snapshot;
    snapshot.synced = synced;
    snapshot.held = {false, std::move(networks)};
    return snapshot;
  }
  static Instant at(int seconds) { return Instant{} + std::chrono::seconds(seconds); }

  HoldWaits waits_;
  std::vector<int> done_;
};

TEST_F(HoldWaitsTest, EachGoesOnOnceItsNetworkIsAnswered) {
  wait_for(kRed, at(5), 1);
  wait_for(kBlue, at(5), 2);
  wait_for(kRed, at(5), 3);
  EXPECT_THAT(after(holding({}), at(1)), IsEmpty());
  EXPECT_THAT(after(holding({kRed}, false), at(1)), IsEmpty());  // held, and not synced
  EXPECT_THAT(after(holding({kRed}), at(1)), ElementsAre(1, 3));
  EXPECT_THAT(after(holding({kRed}), at(2)), IsEmpty());
  EXPECT_THAT(after(holding({kRed, kBlue}), at(2)), ElementsAre(2));
  EXPECT_EQ(waits_.next(), std::nullopt);
}

TEST_F(HoldWaitsTest, NobodyWaitsForEver) {
  EXPECT_EQ(waits_.next(), std::nullopt);
  wait_for(kRed, at(7), 1);
  wait_for(kBlue, at(5), 2);
  EXPECT_EQ(waits_.next(), at(5));
  EXPECT_THAT(after(holding({}), at(5)), ElementsAre(2));
  EXPECT_EQ(waits_.next(), at(7));
  EXPECT_THAT(after(holding({}), at(8)), ElementsAre(1));
}

}  // namespace
}  // namespace sixpn::agent
