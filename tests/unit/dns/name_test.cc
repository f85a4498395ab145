#include "dns/core/name.h"

#include <gtest/gtest.h>

#include "dns/core/lower_bytes.h"

namespace sixpn::dns {
namespace {

TEST(Name, TextRoundTrips) {
  struct Case {
    std::string text, printed;
  };
  for (const auto& c : std::vector<Case>{{"web.internal", "web.internal."},
                                         {"web.internal.", "web.internal."},
                                         {".", "."},
                                         {"WeB.Internal", "WeB.Internal."},
                                         {"1\\.2.v.kv", "1\\.2.v.kv."},
                                         {"a\\032b\\000.x", "a\\032b\\000.x."},
                                         {"\\097bc", "abc."},
                                         {"_api.internal", "_api.internal."}}) {
    auto name = Name::from_text(c.text);
    ASSERT_TRUE(name) << c.text;
    EXPECT_EQ(to_string(*name), c.printed);
    EXPECT_EQ(Name::from_text(c.printed), name);
    EXPECT_EQ(Name::from_wire(name->wire())->wire(), name->wire());
  }
}

TEST(Name, RefusesTextThatIsNoName) {
  std::string label63(63, 'a');
  std::string label64(64, 'a');
  for (const std::string& text :
       {std::string(), std::string(".a"), std::string("a..b"), std::string("a\\"),
        std::string("a\\25"), std::string("a\\256"), label64 + ".x",
        label63 + "." + label63 + "." + label63 + "." + label63})
    EXPECT_FALSE(Name::from_text(text)) << text;
  EXPECT_TRUE(Name::from_text(label63 + "." + label63 + "." + label63 + "." + label63.substr(2)));
}

TEST(Name, RefusesWireThatIsNoName) {
  using namespace std::string_literals;
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "\1a"s;
  EXPECT_TRUE(Name::from_wire(longest + "\0"s));            // 255 bytes
  EXPECT_FALSE(Name::from_wire("\1a"s + longest + "\0"s));  // 257 bytes
  for (const std::string& wire : {""s, "\3ab"s, "\3abc"s, "\xc0\x0c"s, "\x40x\0"s, "\x80x\0"s})
    EXPECT_FALSE(Name::from_wire(wire)) << wire.size();
}

TEST(Name, ComparesWithoutCase) {
  EXPECT_EQ(*Name::from_text("WEB.internal"), *Name::from_text("web.INTERNAL."));
  EXPECT_FALSE(*Name::from_text("web.internal") == *Name::from_text("we.binternal"));
  // Only ASCII letters fold (RFC 4343): '@' and '`', '[' and '{' stay apart.
  EXPECT_FALSE(*Name::from_text("\\@[") == *Name::from_text("`{"));
}

TEST(Name, KnowsItsAncestors) {
  auto name = *Name::from_text("a.b.Internal");
  EXPECT_TRUE(name.is_below_or_equal(*Name::from_text("internal")));
  EXPECT_TRUE(name.is_below_or_equal(name));
  EXPECT_TRUE(name.is_below_or_equal(Name()));
  EXPECT_FALSE(name.is_below_or_equal(*Name::from_text("x.a.b.internal")));
  EXPECT_FALSE(Name::from_text("notinternal")->is_below_or_equal(*Name::from_text("internal")));
}

// Whatever stands beside it, and wherever it stands.
TEST(Name, BytesAreLoweredEightAtAStepAsOneByOne) {
  for (std::size_t size = 0; size <= 20; ++size)
    for (int value = 0; value < 256; ++value)
      for (std::size_t at = 0; at < size; ++at)
        for (char beside : {'\0', 'M', '\xff'}) {
          std::string text(size, beside);
          text[at] = static_cast<char>(value);
          std::string lowered(size + 1, '#');
          copy_lower(text, lowered.data());
          ASSERT_EQ(lowered, to_lower(text) + '#') << size << ' ' << value << ' ' << at;
        }
}

}  // namespace
}  // namespace sixpn::dns
