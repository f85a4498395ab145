#include "registry/core/relay_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace sixpn::registry {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

HostId host(std::uint32_t i) {
  return HostId{0x10000 + i};
}

std::vector<RelayMember> cluster(std::uint32_t hosts, std::uint32_t regions) {
  std::vector<RelayMember> out;
  for (std::uint32_t i = 0; i < hosts; ++i)
    out.push_back({host(i), "r" + std::to_string(i % regions)});
  return out;
}

RelayTree view(std::uint32_t self, const std::vector<RelayMember>& members) {
  RelayTree tree(host(self));
  tree.set_members(members, members[self].region);
  return tree;
}

// Who receives a message, how often, when every host does what its packet asks.
std::map<HostId, int> deliver(std::uint32_t origin, const std::vector<RelayMember>& members,
                              std::uint8_t tree, const std::set<HostId>& lost = {}) {
  std::map<HostId, int> copies;
  std::set<std::pair<HostId, RelayLevel>> relayed;
  std::vector<std::pair<HostId, RelayStep>> open;
  auto origins_view = view(origin, members);
  for (const auto& step : origins_view.from_origin(tree)) open.emplace_back(host(origin), step);
  while (!open.empty()) {
    auto [from, step] = open.back();
    open.pop_back();
    for (HostId to : step.to) {
      if (from == host(origin) && lost.contains(to)) continue;
      ++copies[to];
      if (step.level == RelayLevel::kLeaf || !relayed.emplace(to, step.level).second) continue;
      auto receiver = view(to.value - 0x10000, members);
      std::vector<RelayStep> steps;
      if (step.level == RelayLevel::kEntry) {
        steps.push_back(receiver.from_entry(tree));
      } else if (step.level == RelayLevel::kSibling) {
        steps = receiver.from_sibling(to, tree, step.inner);
      } else {
        steps.push_back({RelayLevel::kLeaf, receiver.leaves(tree, step.inner), {}});
      }
      for (auto& next : steps) {
        std::erase(next.to, from);
        open.emplace_back(to, std::move(next));
      }
    }
  }
  copies.erase(host(origin));
  return copies;
}

TEST(RelayTree, EachTreeReachesEverybody) {
  struct Case {
    std::uint32_t hosts, regions;
  };
  for (auto [hosts, regions] : {Case{2, 1}, Case{12, 3}, Case{13, 1}, Case{14, 13}, Case{30, 3},
                                Case{60, 12}, Case{100, 19}, Case{200, 1}, Case{200, 4}}) {
    auto members = cluster(hosts, regions);
    for (std::uint8_t tree : std::initializer_list<std::uint8_t>{0, 1, 6}) {
      bool one_tree = hosts <= kSmallCluster || (regions > 1 && hosts <= regions * kCompactRegion);
      if (one_tree && tree % kTreesPerRotation != 0) continue;
      auto copies = deliver(hosts / 2, members, tree);
      EXPECT_THAT(copies, SizeIs(hosts - 1)) << hosts << " hosts, tree " << int{tree};
    }
  }
}

TEST(RelayTree, OneTreeCostsLittleMoreThanACopyEach) {
  auto members = cluster(400, 8);
  int total = 0;
  for (const auto& [to, copies] : deliver(3, members, 0)) total += copies;
  EXPECT_LE(total, 1.3 * 399);
}

// Between regions packets are lost; inside, repetition is quick.
TEST(RelayTree, OnePacketToACompactRegionCoversIt) {
  for (std::uint32_t size : {2U, 3U, 4U, 5U, 9U, 24U}) {
    auto members = cluster(2 * size + (size < 7 ? 14 - size : 0), 2);
    for (auto& member : members)
      member.region = member.host.value - 0x10000 < size ? "far" : "near";
    std::uint32_t origin = size;
    auto siblings = view(origin, members).from_origin(0)[0];
    ASSERT_EQ(siblings.level, RelayLevel::kSibling);
    ASSERT_THAT(siblings.to, SizeIs(std::min<std::size_t>(size, kSiblings)));
    for (HostId arrives : siblings.to) {
      std::set<HostId> lost(siblings.to.begin(), siblings.to.end());
      lost.erase(arrives);
      auto copies = deliver(origin, members, 0, lost);
      for (std::uint32_t i = 0; i < size; ++i)
        EXPECT_TRUE(copies.contains(host(i))) << size << " hosts, " << i;
    }
    auto copies = deliver(origin, members, 0);
    int total = 0;
    for (std::uint32_t i = 0; i < size; ++i) total += copies[host(i)];
    EXPECT_LE(total, 2 * static_cast<int>(size));
  }
}

TEST(RelayTree, ASmallClusterIsToldDirectlyAndOnce) {
  auto tree = view(0, cluster(kSmallCluster, 3));
  ASSERT_TRUE(tree.is_small());
  ASSERT_THAT(tree.from_origin(0), SizeIs(1));
  EXPECT_EQ(tree.from_origin(0)[0].level, RelayLevel::kLeaf);
  EXPECT_THAT(tree.from_origin(0)[0].to, SizeIs(kSmallCluster - 1));
  EXPECT_THAT(tree.from_origin(1), IsEmpty());
  EXPECT_FALSE(view(0, cluster(kSmallCluster + 1, 3)).is_small());
}

TEST(RelayTree, TheTwoTreesOfARotationShareNoInnerHost) {
  auto members = cluster(300, 6);
  for (std::uint64_t rotation = 0; rotation < kRotations; ++rotation) {
    auto tree = view(7, members);
    std::set<HostId> first;
    for (const auto& step : tree.from_origin(RelayTree::tree_of(rotation, 0)))
      first.insert(step.to.begin(), step.to.end());
    for (const auto& step : tree.from_origin(RelayTree::tree_of(rotation, 1)))
      for (HostId to : step.to) EXPECT_FALSE(first.contains(to)) << "rotation " << rotation;
  }
}

TEST(RelayTree, RotationsShareTheWork) {
  auto members = cluster(100, 1);
  std::map<HostId, int> inner;
  auto tree = view(0, members);
  for (std::uint8_t number = 0; number < kTreeCount; ++number)
    for (HostId to : tree.from_entry(number).to) ++inner[to];
  // 160 places for 99 hosts.
  EXPECT_GE(inner.size(), 60U);
  for (const auto& [to, times] : inner) EXPECT_LE(times, 7);
}

TEST(RelayTree, AViewThatLacksOneMemberMovesOnlyItsEdges) {
  auto members = cluster(200, 1);
  auto entry = view(0, members);
  auto inner = entry.from_entry(0).inner;
  auto parent = inner[2].value - 0x10000;
  auto whole = view(parent, members).leaves(0, inner);
  auto missing = members;
  std::erase_if(missing, [&](const auto& member) { return member.host == inner[5]; });
  RelayTree partial(inner[2]);
  partial.set_members(missing, "r0");
  // The packet names the siblings: not knowing one of them changes nothing.
  EXPECT_EQ(partial.leaves(0, inner), whole);
  // Without the names, only that sibling's leaves go elsewhere.
  for (HostId leaf : whole) EXPECT_THAT(partial.leaves(0, {}), Contains(leaf));
}

TEST(RelayTree, TheSilentAreReplaced) {
  auto members = cluster(200, 2);
  auto tree = view(0, members);
  auto entries = tree.from_origin(0)[0];
  ASSERT_EQ(entries.level, RelayLevel::kEntry);
  auto next = tree.next_entry(entries.to[0], 0, 0);
  ASSERT_TRUE(next);
  EXPECT_THAT(entries.to, Not(Contains(*next)));
  EXPECT_EQ(tree.region_of(*next), tree.region_of(entries.to[0]));
  EXPECT_NE(tree.next_entry(entries.to[0], 0, 1), next);
  EXPECT_NE(tree.next_entry(entries.to[0], 1, 0), next);
  EXPECT_FALSE(tree.next_entry(entries.to[0], 0, 1000));
  EXPECT_FALSE(tree.next_entry(host(9999), 0, 0));

  auto inner = tree.from_entry(0).inner;
  auto dead = inner[1];
  EXPECT_THAT(tree.leaves_of(dead, 0, inner), Not(IsEmpty()));
  auto their_own = view(dead.value - 0x10000, members).leaves(0, inner);
  std::erase(their_own, host(0));
  EXPECT_EQ(tree.leaves_of(dead, 0, inner), their_own);
}

TEST(RelayTree, HostsThatNobodyKnowsDoNotConfuseIt) {
  RelayTree empty(host(0));
  EXPECT_THAT(empty.from_origin(0), IsEmpty());
  EXPECT_THAT(empty.from_entry(0).to, IsEmpty());
  EXPECT_THAT(empty.leaves(3, {host(1), host(2)}), IsEmpty());
  EXPECT_EQ(empty.region_of(host(1)), RelayTree::kNoRegion);
  auto tree = view(0, cluster(50, 1));
  for (std::uint32_t i = 0; i < 3 * kMaxKnownSiblings; ++i)
    EXPECT_LE(tree.leaves(0, {host(5000 + i), host(1)}).size(), 49U);
}

}  // namespace
}  // namespace sixpn::registry
