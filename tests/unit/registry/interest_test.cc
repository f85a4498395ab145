#include "registry/core/interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/address.h"
#include "registry/core/record_rules.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Instant kStart{100s};

class InterestTest : public testing::Test {
 protected:
  InterestTest() { snapshot_.self = sim::host_id(1); }

  // A network as the snapshot builder gives it: new, with the next generation.
  NetworkView& network(std::uint32_t id) {
    auto& place = snapshot_.networks[NetworkId{id}];
    auto view = place ? std::make_shared<NetworkView>(*place) : std::make_shared<NetworkView>();
    view->network.id = NetworkId{id};
    view->generation = ++snapshot_.generation;
    place = view;
    return *view;
  }
  void machine(std::uint32_t net, unsigned host) {
    auto value = std::make_shared<MachineRecord>();
    value->id = MachineId{net * 100 + host};
    value->host = sim::host_id(host);
    network(net).machines[value->id] = value;
  }
  std::vector<NetworkId> used(Duration after = {}) {
    auto said = interest_.update(kStart + after, snapshot_);
    EXPECT_TRUE(said.all);
    EXPECT_EQ(said.host, snapshot_.self);
    return said.networks;
  }

  Snapshot snapshot_;
  Interest interest_;
};

TEST_F(InterestTest, AHostUsesTheNetworksOfItsOwnMachinesAndPeers) {
  machine(5, 1);
  machine(6, 2);
  network(7).peers["laptop"].gateway = sim::host_id(1);
  network(8).peers["laptop"].gateway = sim::host_id(2);
  network(9);
  EXPECT_THAT(used(), ElementsAre(NetworkId{5}, NetworkId{7}));
}

TEST_F(InterestTest, AndThoseThatItsNetworksMayDial) {
  machine(5, 1);
  machine(6, 2);
  auto dialled = [&](std::uint32_t from, std::uint32_t to) {
    FlycastRecord flycast{flycast_address(NetworkId{from}, 2), "web", NetworkId{to}, ""};
    network(from).flycast[flycast.address] = flycast;
  };
  dialled(5, 20);
  dialled(6, 21);
  EXPECT_THAT(used(), ElementsAre(NetworkId{5}, NetworkId{20}));
}

TEST_F(InterestTest, WhatChangesIsSeenAndWhatEndsIsKeptForAWhile) {
  EXPECT_THAT(used(), IsEmpty());
  machine(5, 1);
  EXPECT_THAT(used(1s), SizeIs(1));
  network(5).machines.clear();
  EXPECT_THAT(used(2s), SizeIs(1));
  EXPECT_THAT(used(1s + kInterestKept - 1us), SizeIs(1));
  EXPECT_THAT(used(1s + kInterestKept), IsEmpty());
  machine(5, 1);
  EXPECT_THAT(used(1h), SizeIs(1));
  snapshot_.networks.clear();
  EXPECT_THAT(used(2h), IsEmpty());
}

TEST_F(InterestTest, WhatAnEarlierLifeUsedCountsAsUsedUntilNow) {
  snapshot_.interests[snapshot_.self] = {snapshot_.self, true, {NetworkId{4}}};
  snapshot_.interests[sim::host_id(2)] = {sim::host_id(2), true, {NetworkId{3}}};
  EXPECT_THAT(used(), ElementsAre(NetworkId{4}));
  EXPECT_THAT(used(kInterestKept), IsEmpty());
}

TEST_F(InterestTest, MoreThanARecordMayNameAreNotNamed) {
  for (std::uint32_t i = 1; i <= kMaxInterests; ++i) machine(i, 1);
  EXPECT_THAT(used(), SizeIs(kMaxInterests));
  machine(kMaxInterests + 1, 1);
  EXPECT_THAT(used(), IsEmpty());
}

}  // namespace
}  // namespace sixpn::registry
