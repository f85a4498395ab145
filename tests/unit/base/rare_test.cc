#include "base/rare.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sixpn {
namespace {

using Numbers = std::vector<int>;

TEST(RareTest, ReadsAsTheValue) {
  Rare<Numbers> rare = Numbers{1, 2};
  EXPECT_EQ(*rare, (Numbers{1, 2}));
  EXPECT_EQ(rare->size(), 2U);
  rare = {};
  EXPECT_TRUE(rare->empty());
  static_assert(sizeof(rare) == sizeof(void*));
}

TEST(RareTest, CopiesAreOfTheirOwn) {
  Rare<Numbers> first = Numbers{1};
  Rare<Numbers> second = first;
  first = Numbers{2};
  EXPECT_EQ(*second, Numbers{1});
  second = std::move(first);
  EXPECT_EQ(*second, Numbers{2});
  EXPECT_TRUE(first->empty());  // NOLINT: moved from, and then as made
}

TEST(RareTest, ComparesTheValues) {
  EXPECT_EQ(Rare<std::string>("a"), Rare<std::string>("a"));
  EXPECT_NE(Rare<std::string>("a"), Rare<std::string>());
  EXPECT_EQ(Rare<std::string>(""), Rare<std::string>());
}

}  // namespace
}  // namespace sixpn
