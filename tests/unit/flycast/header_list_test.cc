#include "flycast/core/header_list.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "base/rng.h"

namespace sixpn::flycast {
namespace {

TEST(HeaderList, KeepsOrderAndSpelling) {
  HeaderList list{{"Host", "web.flycast"}, {"accept", ""}, {"HOST", "b"}};
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0], (FieldView{"Host", "web.flycast"}));
  EXPECT_EQ(list[1], (FieldView{"accept", ""}));
  EXPECT_EQ(list[2], (FieldView{"HOST", "b"}));
}

TEST(HeaderList, FindsByNameInAnyCase) {
  HeaderList list{{"Accept", "a"}, {"ACCEPT", "b"}, {"Accept-Encoding", "c"}};
  EXPECT_EQ(list.find("accept"), "a");
  EXPECT_EQ(list.count("aCCept"), 2U);
  EXPECT_EQ(list.joined("accept"), "a, b");
  EXPECT_FALSE(list.contains("accep"));
  EXPECT_EQ(list.joined("accep"), "");
}

TEST(HeaderList, SetReplacesAllAndStandsLast) {
  HeaderList list{{"a", "1"}, {"b", "2"}, {"A", "3"}};
  list.set("A", "4");
  EXPECT_EQ(list, (HeaderList{{"b", "2"}, {"A", "4"}}));
}

TEST(HeaderList, CopiesAreOfTheirOwn) {
  HeaderList list{{"a", "1"}};
  HeaderList copy = list;
  copy.set("a", "2");
  EXPECT_EQ(list.find("a"), "1");
  EXPECT_EQ(copy.find("a"), "2");
}

// Against the simplest model: any program of changes leaves what a vector of pairs would hold.
TEST(HeaderList, IsAListOfPairs) {
  const std::vector<std::string> names = {"a", "B", "ab", "AB", "", "x-long-name"};
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    HeaderList list;
    std::vector<std::pair<std::string, std::string>> model;
    for (int step = 0; step < 40; ++step) {
      std::string name = names[rng.below(names.size())];
      if (rng.chance(0.7)) {
        std::string value(rng.below(20), static_cast<char>('a' + rng.below(26)));
        list.add(name, value);
        model.emplace_back(name, value);
      } else {
        std::size_t gone =
            std::erase_if(model, [&](const auto& each) { return same_name(each.first, name); });
        ASSERT_EQ(list.remove(name), gone) << seed;
      }
      ASSERT_EQ(list.size(), model.size());
      for (std::size_t i = 0; i < model.size(); ++i)
        ASSERT_EQ(list[i], (FieldView{model[i].first, model[i].second})) << seed;
    }
  }
}

TEST(HeaderText, ValuesAreOneLine) {
  for (std::string_view good : {"", "a", "a \t b", "caf\xc3\xa9", "\"q\""})
    EXPECT_TRUE(is_field_value(good)) << good;
  for (std::string_view bad : {" a", "a ", "\ta", "a\rb", "a\nb", "a\x7f", "a\x01"})
    EXPECT_FALSE(is_field_value(bad)) << bad;
  EXPECT_FALSE(is_field_value(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace sixpn::flycast
