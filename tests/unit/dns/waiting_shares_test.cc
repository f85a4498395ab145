// Who may have one more of what all share, with others that take whatever they get.
#include "dns/core/waiting_shares.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace sixpn::dns {
namespace {

class Crowd {
 public:
  explicit Crowd(const ShareBounds& bounds) : bounds_(bounds) {}

  bool take(int network, int client) {
    auto& of_client = clients_[{network, client}];
    if (!may_have_one_more({in_all_, networks_[network], of_client}, bounds_)) return false;
    ++in_all_, ++networks_[network], ++of_client;
    return true;
  }
  // Each takes one in turn, until nobody gets any.
  void fill(int networks, int clients_of_each) {
    for (bool any = true; any;) {
      any = false;
      for (int network = 1; network <= networks; ++network)
        for (int client = 1; client <= clients_of_each; ++client)
          if (take(network, client)) any = true;
    }
  }
  std::size_t most_for(int network, int client) {
    std::size_t had = 0;
    while (take(network, client)) ++had;
    return had;
  }
  std::size_t in_all() const { return in_all_; }
  std::size_t of(int network) { return networks_[network]; }

 private:
  ShareBounds bounds_;
  std::size_t in_all_ = 0;
  std::map<int, std::size_t> networks_;
  std::map<std::pair<int, int>, std::size_t> clients_;
};

constexpr ShareBounds kBounds{2048, 1024, 128};

TEST(WaitingShares, WhoeverIsNewFindsRoomHoweverManyFillTheRest) {
  for (int networks : {1, 2, 3, 8, 50})
    for (int clients : {1, 4, 8, 30}) {
      Crowd crowd(kBounds);
      crowd.fill(networks, clients);
      Crowd beside = crowd;
      EXPECT_GE(beside.most_for(0, 0), networks <= 8 ? 40U : 1U) << networks << " " << clients;
      // And in a network that has its share, unless that is less than one for each of its clients.
      EXPECT_TRUE(networks * clients > 400 || crowd.take(1, 0)) << networks << " " << clients;
    }
}

// They do not come together, but each when the one before has all that it gets.
TEST(WaitingShares, WhoeverComesLastFindsRoomToo) {
  Crowd crowd(kBounds);
  for (int network = 1; network <= 8; ++network)
    for (int client = 1; client <= 8; ++client) crowd.most_for(network, client);
  EXPECT_GE(crowd.most_for(9, 1), 8U);
  EXPECT_GE(crowd.most_for(1, 9), 1U);
  for (int network = 10; network <= 60; ++network) crowd.most_for(network, 1);
  EXPECT_TRUE(crowd.take(61, 1));
}

// The audit's: two networks of an org, eight machines in each.
TEST(WaitingShares, TwoNetworksLeaveAThirdAsMuchAsOneClientMayHave) {
  Crowd crowd(kBounds);
  crowd.fill(2, 8);
  EXPECT_EQ(crowd.most_for(3, 1), 128U);
}

TEST(WaitingShares, WhoeverIsAloneGetsMost) {
  Crowd client(kBounds), network(kBounds);
  EXPECT_EQ(client.most_for(1, 1), 128U);
  network.fill(1, 8);
  EXPECT_GE(network.of(1), 700U);
  Crowd unbounded({2048, 2048, 2048});
  unbounded.fill(1, 8);
  EXPECT_GE(unbounded.of(1), 900U);
}

TEST(WaitingShares, TheBoundsHold) {
  Crowd crowd({100, 40, 5});
  EXPECT_EQ(crowd.most_for(1, 1), 5U);
  crowd.fill(1, 300);
  EXPECT_EQ(crowd.of(1), 40U);
  crowd.fill(300, 1);
  EXPECT_EQ(crowd.in_all(), 100U);
  EXPECT_FALSE(crowd.take(301, 1));
}

}  // namespace
}  // namespace sixpn::dns
