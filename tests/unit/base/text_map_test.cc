#include "base/text_map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/boxed.h"
#include "base/rng.h"

namespace sixpn {
namespace {

TEST(TextMap, DoesWhatAMapDoes) {
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    TextMap packed;
    std::map<std::string, std::string> model;
    for (int i = 0; i < 40; ++i) {
      std::string key(rng.below(3), static_cast<char>('a' + rng.below(20)));
      std::string value(rng.below(30), static_cast<char>(rng.below(256)));
      EXPECT_EQ(packed.try_emplace(key, value), model.try_emplace(key, value).second);
    }
    ASSERT_EQ(packed.size(), model.size());
    auto expected = model.begin();
    for (auto [key, value] : packed) {
      EXPECT_EQ(key, expected->first);
      EXPECT_EQ(value, expected->second);
      ++expected;
    }
    EXPECT_EQ(packed, TextMap(model.begin(), model.end()));
  }
}

TEST(TextMap, TheOrderOfInsertionDoesNotMatter) {
  const TextMap one{{"a", "1"}, {"b", ""}, {"", "x"}};
  const TextMap other{{"", "x"}, {"b", ""}, {"a", "1"}, {"a", "2"}};
  EXPECT_EQ(one, other);
  EXPECT_NE(one, (TextMap{{"", "x"}, {"b", "1"}, {"a", ""}}));
  const TextMap none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.begin(), none.end());
}

TEST(Boxed, IsCopiedAndComparedAsItsValue) {
  Boxed<std::string> a(std::string("one"));
  Boxed<std::string> b = a;
  EXPECT_EQ(a, b);
  *b = "two";
  EXPECT_FALSE(a == b);
  EXPECT_EQ(*a, "one");
  a = b;
  EXPECT_EQ(a->size(), 3U);
  b = std::move(a);
  a = b;  // what was moved from takes a value again
  EXPECT_EQ(*a, "two");
}

}  // namespace
}  // namespace sixpn
