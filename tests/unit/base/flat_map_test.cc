#include "base/flat_map.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/rng.h"

namespace sixpn {
namespace {

TEST(FlatMap, DoesWhatAMapDoes) {
  Rng rng(3);
  FlatMap<int, std::string> flat;
  std::map<int, std::string> model;
  for (int i = 0; i < 5000; ++i) {
    int key = static_cast<int>(rng.below(60));
    std::string value = std::to_string(i);
    switch (rng.below(4)) {
      case 0:
        ASSERT_EQ(flat.try_emplace(key, value).second, model.try_emplace(key, value).second);
        break;
      case 1:
        flat[key] = value;
        model[key] = value;
        break;
      case 2:
        ASSERT_EQ(flat.erase(key), model.erase(key));
        break;
      default:
        ASSERT_EQ(flat.contains(key), model.contains(key));
        ASSERT_EQ(std::distance(flat.begin(), flat.upper_bound(key)),
                  std::distance(model.begin(), model.upper_bound(key)));
        ASSERT_EQ(std::distance(flat.begin(), flat.lower_bound(key)),
                  std::distance(model.begin(), model.lower_bound(key)));
    }
    ASSERT_TRUE(std::equal(
        flat.begin(), flat.end(), model.begin(), model.end(),
        [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
  }
}

TEST(FlatMap, TheFirstOfSeveralWithOneKeyCounts) {
  FlatMap<std::string, int> map{{"b", 1}, {"a", 2}, {"b", 3}};
  EXPECT_EQ(map, (FlatMap<std::string, int>{{"a", 2}, {"b", 1}}));
  EXPECT_EQ(map.at("b"), 1);
  EXPECT_THROW(static_cast<void>(map.at("c")), std::out_of_range);
}

TEST(FlatMap, AValueThatIsThereIsNotMovedFrom) {
  FlatMap<int, std::shared_ptr<int>> map;
  auto value = std::make_shared<int>(1);
  EXPECT_TRUE(map.try_emplace(1, value).second);
  EXPECT_FALSE(map.try_emplace(1, std::move(value)).second);
  EXPECT_NE(value, nullptr);  // NOLINT(bugprone-use-after-move): that is the promise
}

}  // namespace
}  // namespace sixpn
