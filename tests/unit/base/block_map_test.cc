#include "base/block_map.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/rng.h"

namespace sixpn {
namespace {

using Blocks = BlockMap<int, std::string>;
using Model = std::map<int, std::string>;

void expect_same(const Blocks& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  ASSERT_TRUE(std::equal(
      map.begin(), map.end(), model.begin(), model.end(),
      [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
}

void change(Rng& rng, Blocks& map, Model& model, std::uint64_t keys, double removed) {
  int key = static_cast<int>(rng.below(keys));
  std::string value = std::to_string(rng.below(1'000'000));
  if (rng.chance(removed)) {
    ASSERT_EQ(map.erase(key), model.erase(key));
  } else if (rng.chance(0.5)) {
    auto [place, fresh] = map.try_emplace(key, value);
    auto [expected, was_fresh] = model.try_emplace(key, value);
    ASSERT_EQ(fresh, was_fresh);
    ASSERT_EQ(*place, expected->second);
  } else {
    map[key] = value;
    model[key] = value;
  }
}

TEST(BlockMap, DoesWhatAMapDoes) {
  for (std::uint64_t keys : {3U, 60U, 600U, 5000U}) {
    Rng rng(keys);
    Blocks map;
    Model model;
    for (int i = 0; i < 20000; ++i) {
      // It grows, stays, and shrinks again.
      change(rng, map, model, keys, i < 8000 ? 0.2 : (i < 14000 ? 0.5 : 0.8));
      int key = static_cast<int>(rng.below(keys));
      ASSERT_EQ(map.contains(key), model.contains(key));
      if (i % 50 != 0) continue;
      expect_same(map, model);
      ASSERT_EQ(std::distance(map.begin(), map.upper_bound(key)),
                std::distance(model.begin(), model.upper_bound(key)));
      ASSERT_EQ(std::distance(map.begin(), map.lower_bound(key)),
                std::distance(model.begin(), model.lower_bound(key)));
    }
  }
}

TEST(BlockMap, ACopyKeepsWhatItHadAndEqualsWhatIsEqual) {
  Rng rng(5);
  std::vector<std::pair<Blocks, Model>> kept;
  Blocks map;
  Model model;
  for (int i = 0; i < 10000; ++i) {
    change(rng, map, model, 3000, 0.3);
    if (i % 500 == 0) kept.emplace_back(map, model);
  }
  for (const auto& [copy, of] : kept) expect_same(copy, of);
  Blocks rebuilt;
  for (const auto& [key, value] : model) rebuilt[key] = value;
  EXPECT_EQ(rebuilt, map);  // whatever the blocks
  rebuilt[-1] = "";
  EXPECT_FALSE(rebuilt == map);
}

// What makes it worth having: an edit of a copy touches one block.
TEST(BlockMap, AnEditLeavesTheOtherBlocksShared) {
  BlockMap<int, std::shared_ptr<int>> map;
  constexpr int kEntries = 10000;
  for (int i = 0; i < kEntries; ++i) map[i] = std::make_shared<int>(i);
  auto copy = map;
  copy[kEntries / 2] = std::make_shared<int>(-1);
  long copied = 0;
  for (const auto& [key, value] : map) copied += value.use_count() > 1 ? 1 : 0;
  EXPECT_GT(copied, 0);
  EXPECT_LE(copied, static_cast<long>(BlockMap<int, int>::kMostInBlock));
}

TEST(BlockMap, IsWalkedBackwardsToo) {
  Blocks map;
  for (int i = 0; i < 1000; ++i) map[i] = std::to_string(i);
  int expected = 1000;
  for (auto at = map.end(); at != map.begin();) EXPECT_EQ((--at)->first, --expected);
  EXPECT_EQ(expected, 0);
}

TEST(BlockMap, TheFirstOfSeveralWithOneKeyCounts) {
  BlockMap<std::string, int> map{{"b", 1}, {"a", 2}, {"b", 3}};
  EXPECT_EQ(map, (BlockMap<std::string, int>{{"a", 2}, {"b", 1}}));
  EXPECT_EQ(map.at("b"), 1);
  EXPECT_TRUE(map.contains(std::string_view("a")));
  EXPECT_THROW(static_cast<void>(map.at("c")), std::out_of_range);
}

TEST(BlockMap, AValueThatIsThereIsNotMovedFrom) {
  BlockMap<int, std::shared_ptr<int>> map;
  auto value = std::make_shared<int>(1);
  EXPECT_TRUE(map.try_emplace(1, value).second);
  EXPECT_FALSE(map.try_emplace(1, std::move(value)).second);
  EXPECT_NE(value, nullptr);  // NOLINT(bugprone-use-after-move): that is the promise
}

}  // namespace
}  // namespace sixpn
