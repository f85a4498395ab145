#include "registry/core/holding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/interest.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NetworkId kRed{1};
constexpr NetworkId kBlue{2};
const Selection kNothing{false, {}};
const WallTime kNow = from_unix_ms(1'800'000'000'000);

InterestRecord some(std::vector<NetworkId> networks, std::vector<NetworkId> filling = {}) {
  return {HostId{1}, false, std::move(networks), std::move(filling)};
}

class HoldingTest : public testing::Test {
 protected:
  // What others say, in a store as Gossip has it.
  HostId other(unsigned index, InterestRecord said) {
    auto host = cluster_.enrol(index);
    said.host = host.id;
    store_.merge(host.signed_host(), kNow);
    Record record;
    record.key = interest_key(host.id);
    record.writer = host.id;
    record.stamp = {1, ++version_};
    record.value = said;
    EXPECT_EQ(store_.merge(host.sign(record), kNow), Verdict::kAccepted);
    return host.id;
  }

  sim::TestCluster cluster_;
  Store store_{cluster_.root().public_key()};
  std::uint64_t version_ = 1;
  Holding holding_;
};

TEST_F(HoldingTest, WhoeverHasSaidNothingHoldsAll) {
  EXPECT_EQ(holding_.held(), Selection{});
  auto own = some({kRed});
  holding_.follow(&own, {});
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed}}));
  EXPECT_FALSE(holding_.is_filling());
}

TEST_F(HoldingTest, ANetworkIsHeldAfterASyncWithOneWhoHoldsItInFull) {
  auto own = some({kRed, kBlue}, {kBlue});
  holding_.follow(&own, {});
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed}}));
  HostId filling = other(1, some({kBlue}, {kBlue}));
  HostId holder = other(2, some({kBlue}));
  EXPECT_THAT(holding_.sources({filling, holder}, store_), ElementsAre(holder));
  holding_.on_equal(filling, store_.interest_of(filling), Selection{});
  holding_.settle({filling, holder}, store_);
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed}}));
  // A session that left the network out proves nothing about it.
  holding_.on_equal(holder, store_.interest_of(holder), Selection{false, {kRed}});
  EXPECT_TRUE(holding_.is_filling());
  holding_.on_equal(holder, store_.interest_of(holder), Selection{false, {kBlue}});
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed, kBlue}}));
}

TEST_F(HoldingTest, WhereNobodyHoldsItInFullAllWhoWantItAreAsked) {
  auto own = some({kBlue}, {kBlue});
  holding_.follow(&own, {});
  HostId one = other(1, some({kBlue}, {kBlue}));
  HostId two = other(2, some({kBlue}, {kBlue}));
  HostId stranger = other(3, some({kRed}));
  EXPECT_THAT(holding_.sources({one, two, stranger}, store_), ElementsAre(one, two));
  holding_.on_equal(one, store_.interest_of(one), Selection{});
  holding_.settle({one, two, stranger}, store_);
  EXPECT_EQ(holding_.held(), kNothing);
  EXPECT_THAT(holding_.sources({one, two, stranger}, store_), ElementsAre(two));
  holding_.settle({one, stranger}, store_);  // the other died
  EXPECT_EQ(holding_.held(), (Selection{false, {kBlue}}));
}

TEST_F(HoldingTest, WhoWantsAllLaterFillsEveryNetworkThereIs) {
  InterestRecord own{HostId{1}, true, {kRed}, {NetworkId{}}};
  holding_.follow(&own, {kRed, kBlue});
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed}}));
  HostId holder = other(1, some({kBlue}));
  holding_.on_equal(holder, store_.interest_of(holder), Selection{false, {kBlue}});
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed, kBlue}}));
  holding_.settle({holder}, store_);
  EXPECT_EQ(holding_.held(), Selection{});

  holding_ = {};
  holding_.follow(&own, {kRed, kBlue});
  HostId whole = other(2, InterestRecord{{}, true, {}, {}});
  holding_.on_equal(whole, store_.interest_of(whole), Selection{});
  EXPECT_EQ(holding_.held(), Selection{});
  // The own record has not said it yet.
  holding_.follow(&own, {kRed, kBlue, NetworkId{3}});
  EXPECT_EQ(holding_.held(), Selection{});
}

TEST_F(HoldingTest, ANewHostThatWantsAllFillsFirstWhatItUses) {
  InterestRecord own{HostId{1}, true, {kRed}, {NetworkId{}, kRed}};
  holding_.follow(&own, {kRed, kBlue});
  EXPECT_EQ(holding_.held(), kNothing);
  EXPECT_EQ(holding_.first(), (Selection{false, {kRed}}));
  HostId whole = other(2, InterestRecord{{}, true, {}, {}});
  const auto* theirs = store_.interest_of(whole);
  holding_.on_equal(whole, theirs, kNothing);  // the hosts, and what else everybody holds
  EXPECT_EQ(holding_.held(), kNothing);
  holding_.on_equal(whole, theirs, holding_.first());
  EXPECT_EQ(holding_.held(), (Selection{false, {kRed}}));
  EXPECT_EQ(holding_.first(), kNothing);
  EXPECT_TRUE(holding_.is_filling());
  holding_.on_equal(whole, theirs, Selection{});
  EXPECT_EQ(holding_.held(), Selection{});
  EXPECT_EQ(holding_.first(), Selection{});
  auto less = some({kBlue}, {kBlue});  // who wants no more than it uses fills that
  holding_.follow(&less, {});
  EXPECT_EQ(holding_.first(), Selection{});
}

TEST_F(HoldingTest, ANetworkThatIsUsedAgainIsFilledAgain) {
  auto own = some({kBlue}, {kBlue});
  holding_.follow(&own, {});
  holding_.settle({}, store_);
  EXPECT_EQ(holding_.held(), (Selection{false, {kBlue}}));
  auto without = some({});
  holding_.follow(&without, {});
  EXPECT_THAT(holding_.held().networks, IsEmpty());
  HostId holder = other(1, some({kBlue}));
  holding_.follow(&own, {});
  holding_.settle({holder}, store_);
  EXPECT_EQ(holding_.held(), kNothing);
}

TEST(MakeInterest, WhatIsNotHeldIsFilling) {
  EXPECT_EQ(make_interest(HostId{1}, false, {kRed, kBlue}, {false, {kRed}}),
            some({kRed, kBlue}, {kBlue}));
  EXPECT_EQ(make_interest(HostId{1}, true, {kRed}, {}),
            (InterestRecord{HostId{1}, true, {kRed}, {}}));
  EXPECT_EQ(make_interest(HostId{1}, true, {kRed, kBlue}, {false, {kRed}}),
            (InterestRecord{HostId{1}, true, {kRed, kBlue}, {NetworkId{}, kBlue}}));
}

TEST(Holds, SaysWhatIsThereInFull) {
  InterestRecord all{HostId{1}, true, {kRed}, {NetworkId{}}};
  EXPECT_TRUE(holds(&all, kRed));
  EXPECT_FALSE(holds(&all, kBlue));
  EXPECT_FALSE(holds(&all, {}));
  EXPECT_TRUE(wants(&all, kBlue));
  auto own = some({kRed, kBlue}, {kBlue});
  EXPECT_TRUE(holds(&own, kRed));
  EXPECT_FALSE(holds(&own, kBlue));
  EXPECT_FALSE(holds(&own, {}));
  EXPECT_FALSE(wants(&own, NetworkId{3}));
  EXPECT_TRUE(holds(nullptr, {}));
}

}  // namespace
}  // namespace sixpn::registry
