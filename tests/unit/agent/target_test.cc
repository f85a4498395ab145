#include "agent/core/target.h"

#include <gtest/gtest.h>

namespace sixpn::agent {
namespace {

TEST(Target, SplitsPathAndQuery) {
  auto target = parse_target("/v1/apps/we%62?org=acme&x=a%20b+c&flag");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (std::vector<std::string>{"v1", "apps", "web"}));
  EXPECT_EQ(target->get("org"), "acme");
  EXPECT_EQ(target->get("x"), "a b c");
  EXPECT_EQ(target->get("flag"), "");
  EXPECT_EQ(target->get("none"), "");
}

TEST(Target, AnEscapedSlashStaysInItsSegment) {
  EXPECT_EQ(parse_target("/a%2fb")->path, std::vector<std::string>{"a/b"});
}

TEST(Target, RefusesBrokenEscapes) {
  for (const char* text : {"/%", "/%4", "/%zz", "/a?b=%f", "no-slash", ""})
    EXPECT_FALSE(parse_target(text)) << text;
}

TEST(Target, MatchesPatterns) {
  std::vector<std::string> path = {"v1", "machines", "148e21dad76789", "stop"};
  EXPECT_TRUE(matches(path, "v1/machines/*/stop"));
  EXPECT_FALSE(matches(path, "v1/machines/*"));
  EXPECT_FALSE(matches(path, "v1/machines/*/start"));
  EXPECT_FALSE(matches({"v1"}, "v1/machines"));
}

}  // namespace
}  // namespace sixpn::agent
