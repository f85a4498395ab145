#include "registry/core/selection.h"

#include <gtest/gtest.h>

#include "registry/core/store.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using test::kOtherNetwork;
using test::kTestNetwork;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);

std::vector<Selection> every_selection() {
  return {{true, {}},
          {false, {}},
          {false, {kTestNetwork}},
          {false, {kOtherNetwork}},
          {false, {kTestNetwork, kOtherNetwork}},
          {false, {NetworkId{1}, NetworkId{2}, NetworkId{3}, kOtherNetwork}}};
}

TEST(Selection, AMachinesNetworkDecidesAndNothingElseIsLeftOut) {
  Selection some{false, {NetworkId{3}, NetworkId{8}}};
  for (std::uint32_t network : {0, 3, 8}) EXPECT_TRUE(some.contains(NetworkId{network}));
  EXPECT_FALSE(some.contains(NetworkId{4}));
  EXPECT_TRUE(Selection{}.contains(NetworkId{4}));
}

TEST(Selection, TwoHostsShareWhatBothHold) {
  Selection all;
  Selection some{false, {NetworkId{3}, NetworkId{8}}};
  Selection other{false, {NetworkId{1}, NetworkId{8}, NetworkId{9}}};
  EXPECT_EQ(intersection(all, all), all);
  EXPECT_EQ(intersection(all, some), some);
  EXPECT_EQ(intersection(some, all), some);
  EXPECT_EQ(intersection(some, other), (Selection{false, {NetworkId{8}}}));
}

TEST(Selection, WhoSaysNothingHoldsAll) {
  InterestRecord interest{sim::host_id(1), true, {NetworkId{3}}};
  EXPECT_EQ(selection_of(nullptr), Selection{});
  EXPECT_EQ(selection_of(&interest), Selection{});
  interest.all = false;
  EXPECT_EQ(selection_of(&interest), (Selection{false, {NetworkId{3}}}));
}

// The model: a store into which only the selected records were put.
TEST(Selection, AStoreSeenThroughASelectionIsTheStoreOfTheSelectedRecords) {
  std::vector<sim::EnrolledHost> hosts = {kCluster.enrol(1), kCluster.enrol(2)};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Rng rng(seed);
    Store whole(kCluster.root().public_key());
    for (const auto& host : hosts) whole.merge(host.signed_host(), kNow);
    for (int i = 0; i < 60; ++i) {
      const auto& host = hosts[rng.below(hosts.size())];
      whole.merge(host.sign(test::random_record(host, rng)), kNow);
    }
    ASSERT_TRUE(whole.check_invariants());
    for (const auto& selection : every_selection()) {
      Store part(kCluster.root().public_key());
      for (bool hosts_first : {true, false})
        for (const auto& record : whole.records())
          if ((record->record.key.kind == RecordKind::kHost) == hosts_first &&
              selection.contains(interest_network(record->record)))
            part.merge(record, kNow);
      EXPECT_EQ(whole.root_hash(selection), part.root_hash()) << "seed " << seed;
      EXPECT_EQ(whole.groups().buckets(selection), part.groups().buckets({}));
      for (const auto& [origin, group] : whole.groups().groups()) {
        const auto* same = part.groups().find(origin);
        StoreGroups::Group none;
        if (same == nullptr) same = &none;
        EXPECT_EQ(StoreGroups::sum(group, selection), StoreGroups::sum(*same, {}));
        EXPECT_EQ(StoreGroups::part_hashes(group, 3, selection),
                  StoreGroups::part_hashes(*same, 3, {}));
      }
    }
  }
}

TEST(Selection, AHostIsHeldToItsLastWord) {
  auto host = kCluster.enrol(1);
  Store store(kCluster.root().public_key());
  store.merge(host.signed_host(), kNow);
  auto say = [&](bool all, std::uint64_t version) {
    InterestRecord interest{host.id, all, {kTestNetwork}};
    store.merge(host.sign(test::make_owned_record(host, interest, 1, version)), kNow);
    EXPECT_TRUE(store.check_invariants());
    return store.selection_of(host.id);
  };
  EXPECT_EQ(store.selection_of(host.id), Selection{});
  EXPECT_EQ(say(false, 1), (Selection{false, {kTestNetwork}}));
  EXPECT_EQ(say(true, 3), Selection{});
  EXPECT_EQ(say(false, 2), Selection{});  // comes late
  EXPECT_EQ(say(false, 4), (Selection{false, {kTestNetwork}}));
}

}  // namespace
}  // namespace sixpn::registry
