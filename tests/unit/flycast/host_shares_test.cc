#include "flycast/core/host_shares.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace sixpn::flycast {
namespace {

// A proxy that has room for so many, whoever has them.
struct Room {
  explicit Room(std::size_t room) : most(room) {}

  bool ask(std::uint32_t host) {
    if (open.size() >= most) return false;
    auto ticket = shares.admit(HostId{host}, most - open.size() - 1);
    if (ticket) open.push_back(std::move(*ticket));
    return ticket.has_value();
  }
  std::size_t take_all(std::uint32_t host) {
    std::size_t had = 0;
    while (ask(host)) ++had;
    return had;
  }

  std::size_t most;
  HostShares shares;
  std::vector<HostShares::Ticket> open;
};

TEST(HostShares, OneThatAsksAloneHasThreeQuarters) {
  for (std::size_t room : {4, 100, 8192}) EXPECT_EQ(Room(room).take_all(1), room / 4 * 3) << room;
}

TEST(HostShares, WhatOneHostLeavesServesAllTheOthers) {
  Room room(8192);
  room.take_all(1);
  for (int i = 0; i < 20; ++i)
    for (std::uint32_t host = 2; host < 102; ++host) EXPECT_TRUE(room.ask(host)) << host;
  EXPECT_FALSE(room.ask(1)) << "there is room for others, and less of it";
}

TEST(HostShares, WhoeverHasNothingYetMayHaveTheLastPlace) {
  Room room(8);
  room.take_all(1);
  room.take_all(2);
  EXPECT_EQ(room.open.size(), 7u);
  EXPECT_TRUE(room.ask(3));
  EXPECT_FALSE(room.ask(4)) << "it is full";
  EXPECT_TRUE(Room(1).ask(1));
}

TEST(HostShares, AShareComesBackWithWhatIsFreed) {
  Room room(100);
  ASSERT_EQ(room.take_all(1), 75u);
  std::vector<HostShares::Ticket> others;
  for (int i = 0; i < 10; ++i) others.push_back(*room.shares.admit(HostId{2}, 24));
  room.open.pop_back();
  EXPECT_TRUE(room.ask(1));
  EXPECT_EQ(room.shares.open(HostId{1}), 75u);
  room.open.clear();
  EXPECT_EQ(room.shares.open(HostId{1}), 0u);
  EXPECT_EQ(room.shares.open(HostId{2}), 10u);
}

// Whatever two hosts took in whatever order, a third finds a place.
TEST(HostShares, ANewcomerIsServedUnderRandomUse) {
  Rng rng(3);
  Room room(64);
  for (int i = 0; i < 10000; ++i) {
    if (rng.below(8) != 0) {
      room.ask(rng.below(2) == 0 ? 1 : 2);
    } else if (!room.open.empty()) {
      std::swap(room.open[rng.below(room.open.size())], room.open.back());
      room.open.pop_back();
    }
    ASSERT_LT(room.open.size(), room.most);
  }
  EXPECT_TRUE(room.ask(3));
}

}  // namespace
}  // namespace sixpn::flycast
