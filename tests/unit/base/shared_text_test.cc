#include "base/shared_text.h"

#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

namespace sixpn {
namespace {

TEST(SharedTextTest, EqualTextsAreOneObject) {
  const std::size_t before = SharedText::count();
  SharedText a = "a name that many records repeat";
  SharedText b = std::string("a name that many records repeat");
  EXPECT_EQ(&a.str(), &b.str());
  EXPECT_EQ(SharedText::count(), before + 1);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a, "a name that many records repeat");
  EXPECT_NE(a, SharedText("another"));
}

TEST(SharedTextTest, IsLetGoOfByTheLastThatHasIt) {
  const std::size_t before = SharedText::count();
  {
    SharedText first = "held";
    SharedText second = first;
    SharedText third = std::move(first);
    first = "other";
    EXPECT_EQ(SharedText::count(), before + 2);
    first = SharedText();
    EXPECT_EQ(SharedText::count(), before + 1);
    second = third;
    third = "";
    EXPECT_EQ(second, "held");
  }
  EXPECT_EQ(SharedText::count(), before);
}

TEST(SharedTextTest, AssignedToItselfStays) {
  SharedText text = "itself";
  const SharedText& same = text;
  text = same;
  EXPECT_EQ(text, "itself");
}

TEST(SharedTextTest, TheEmptyTextIsHeldNowhere) {
  const std::size_t before = SharedText::count();
  SharedText none;
  SharedText empty = "";
  EXPECT_EQ(none, empty);
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.str(), "");
  EXPECT_EQ(SharedText::count(), before);
}

TEST(SharedTextTest, IsOrderedAsItsCharacters) {
  SharedText a = "app";
  SharedText b = "apple";
  EXPECT_LT(a, b);
  EXPECT_LT(a, std::string("appl"));
  EXPECT_GT(b, "app");
  EXPECT_LT(SharedText(), a);
  EXPECT_EQ(a + ".internal", "app.internal");
  EXPECT_EQ(std::string("my-") + a, "my-app");
  // Zero bytes are characters as any other.
  EXPECT_NE(SharedText(std::string("a\0b", 3)), SharedText("a"));
}

// Of which ThreadSanitizer sees every interleaving that happens.
TEST(SharedTextTest, ThreadsMakeAndLetGoOfTheSameTexts) {
  const std::size_t before = SharedText::count();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 20'000; ++i) {
        SharedText made = "text " + std::to_string(i % 3);
        SharedText copy = made;
        made = SharedText("text " + std::to_string((i + 1) % 3));
        ASSERT_EQ(copy, "text " + std::to_string(i % 3));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(SharedText::count(), before);
}

}  // namespace
}  // namespace sixpn
