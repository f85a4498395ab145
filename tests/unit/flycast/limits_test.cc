#include "flycast/core/limits.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace sixpn::flycast {
namespace {

constexpr ServiceKey kKey{MachineId{1}, 8080};

TEST(OpenCounts, RefusesAtTheLimitAndAdmitsAfterARelease) {
  ServiceCounts counts;
  auto first = counts.admit(kKey, 2);
  auto second = counts.admit(kKey, 2);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(counts.admit(kKey, 2));
  EXPECT_EQ(counts.open(kKey), 2u);
  first.reset();
  EXPECT_EQ(counts.open(kKey), 1u);
  EXPECT_TRUE(counts.admit(kKey, 2));
}

TEST(OpenCounts, NoLimitIsZero) {
  ServiceCounts counts;
  std::vector<ServiceCounts::Ticket> tickets;
  for (int i = 0; i < 100; ++i) tickets.push_back(*counts.admit(kKey, 0));
  EXPECT_EQ(counts.open(kKey), 100u);
}

TEST(OpenCounts, KeysAreIndependentAndForgottenWhenIdle) {
  ServiceCounts counts;
  {
    auto here = counts.admit(kKey, 1);
    EXPECT_TRUE(counts.admit({MachineId{1}, 9090}, 1));
    EXPECT_TRUE(counts.admit({MachineId{2}, 8080}, 1));
    EXPECT_FALSE(counts.admit(kKey, 1));
  }
  EXPECT_EQ(counts.keys(), 0u);
}

TEST(OpenCounts, MovingATicketMovesItsUnit) {
  ServiceCounts counts;
  ServiceCounts::Ticket held;
  held = *counts.admit(kKey, 0);
  ServiceCounts::Ticket moved(std::move(held));
  EXPECT_EQ(counts.open(kKey), 1u);
  moved = *counts.admit({MachineId{2}, 1}, 0);  // gives the first one back
  EXPECT_EQ(counts.open(kKey), 0u);
  moved = {};
  EXPECT_EQ(counts.keys(), 0u);
}

TEST(OpenCounts, TicketsMayOutliveTheCounts) {
  ServiceCounts::Ticket ticket;
  {
    ServiceCounts counts;
    ticket = *counts.admit(kKey, 1);
  }
  ticket = {};
}

TEST(OpenCounts, NeverOverTheLimitUnderRandomUse) {
  ServiceCounts counts;
  Rng rng(3);
  std::vector<ServiceCounts::Ticket> tickets;
  for (int i = 0; i < 5000; ++i) {
    if (rng.chance(0.6)) {
      if (auto ticket = counts.admit(kKey, 7)) tickets.push_back(std::move(*ticket));
    } else if (!tickets.empty()) {
      std::swap(tickets[rng.below(tickets.size())], tickets.back());
      tickets.pop_back();
    }
    ASSERT_LE(counts.open(kKey), 7u);
    ASSERT_EQ(counts.open(kKey), tickets.size());
  }
}

TEST(OpenCounts, TellsOfEveryUnitGivenBack) {
  ServiceCounts counts;
  ServiceKey key{MachineId{1}, 80};
  int freed = 0;
  counts.on_free([&](const ServiceKey& given) { freed += given == key ? 1 : 0; });
  {
    auto one = counts.admit(key, 2);
    auto two = counts.admit(key, 2);
    EXPECT_FALSE(counts.admit(key, 2));
    EXPECT_EQ(freed, 0);
  }
  EXPECT_EQ(freed, 2);
  counts.on_free(nullptr);
  counts.admit(key, 2).reset();
  EXPECT_EQ(freed, 2);
}

}  // namespace
}  // namespace sixpn::flycast
