#include "registry/core/relay_repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SignedRecordPtr record(std::uint32_t number) {
  auto out = std::make_shared<SignedRecord>();
  for (std::size_t i = 0; i < 4; ++i) out->digest[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return out;
}

const auto kAnything = [](NetworkId) { return true; };

class RelayRepairTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(repair_.check_invariants()); }
  RelayRepair repair_;
  Instant now_{100s};
};

TEST_F(RelayRepairTest, HeadsAreToldAfterTheTreesHadTheirChanceAndForAWhile) {
  auto one = record(1);
  repair_.learn(now_, one, true);
  repair_.learn(now_, one, true);
  EXPECT_TRUE(repair_.has_news(now_));
  EXPECT_THAT(repair_.news(now_, 9, kAnything), IsEmpty());
  EXPECT_THAT(repair_.news(now_ + kRepairFrom, 9, kAnything), ElementsAre(1));
  EXPECT_THAT(repair_.news(now_ + kRepairUntil, 9, kAnything), ElementsAre(1));
  EXPECT_FALSE(repair_.has_news(now_ + kRepairUntil + 1ms));
  EXPECT_THAT(repair_.news(now_ + kRepairUntil + 1ms, 9, kAnything), IsEmpty());
}

TEST_F(RelayRepairTest, ManyHeadsTakeTurns) {
  std::vector<SignedRecordPtr> kept;
  for (std::uint32_t i = 0; i < 5; ++i) repair_.learn(now_, kept.emplace_back(record(i)), true);
  now_ += kRepairFrom;
  EXPECT_THAT(repair_.news(now_, 2, kAnything), ElementsAre(0, 1));
  EXPECT_THAT(repair_.news(now_, 2, kAnything), ElementsAre(2, 3));
  EXPECT_THAT(repair_.news(now_, 2, kAnything), ElementsAre(4, 0));
}

TEST_F(RelayRepairTest, WhatIsLackingIsAskedForOnceInAWhile) {
  auto one = record(1);
  repair_.learn(now_, one, false);
  EXPECT_THAT(repair_.lacking(now_, {1, 2}), ElementsAre(2));
  EXPECT_THAT(repair_.lacking(now_, {2}), IsEmpty());
  EXPECT_THAT(repair_.lacking(now_ + kAskAgain, {2}), ElementsAre(2));
  std::vector<RecordHead> many;
  for (RecordHead head = 100; head < 100 + 2 * kMaxAsked; ++head) many.push_back(head);
  EXPECT_LE(repair_.lacking(now_ + kAskAgain, many).size(), kMaxAsked);
}

TEST_F(RelayRepairTest, OnlyWhatIsStillTheNewestIsHandedOut) {
  auto one = record(1);
  repair_.learn(now_, one, true);
  EXPECT_EQ(repair_.find(now_, 1), one);
  EXPECT_EQ(repair_.find(now_, 7), nullptr);
  EXPECT_TRUE(repair_.knows(1));
  one.reset();  // the store holds a newer one
  EXPECT_EQ(repair_.find(now_, 1), nullptr);
  EXPECT_FALSE(repair_.knows(1));                      // or let go of it: the store must judge
  EXPECT_THAT(repair_.lacking(now_, {1}), IsEmpty());  // but not for others' sake
  repair_.learn_old(record(1));
  EXPECT_TRUE(repair_.knows(1));
}

TEST_F(RelayRepairTest, AnswersAndMemoryAreBounded) {
  std::vector<SignedRecordPtr> kept;
  for (std::uint32_t i = 0; i < kMaxSeen + 50; ++i)
    repair_.learn(now_, kept.emplace_back(record(i)), true);
  EXPECT_TRUE(repair_.check_invariants());
  EXPECT_FALSE(repair_.knows(0));
  std::size_t answered = 0;
  for (std::uint32_t i = 0; i < kMaxSeen; ++i) answered += repair_.find(now_, 60 + i) ? 1 : 0;
  EXPECT_EQ(answered, kMaxAnswers);
  EXPECT_GT(repair_.refused(), 0U);
  EXPECT_NE(repair_.find(now_ + kRepairInterval, 60), nullptr);
}

}  // namespace
}  // namespace sixpn::registry
