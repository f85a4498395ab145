#include "config/config_error.h"

#include <gtest/gtest.h>

namespace sixpn::config {
namespace {

TEST(ConfigError, PrintsFileAndLine) {
  EXPECT_EQ(to_string(ConfigError{"agent.toml", 12, 3, "knock.port: expected 1..65535, found 0"}),
            "agent.toml:12: knock.port: expected 1..65535, found 0");
  EXPECT_EQ(to_string(ConfigError{"/etc/x", 0, 0, "cannot be read: Permission denied"}),
            "/etc/x: cannot be read: Permission denied");
}

TEST(ConfigError, NearestWord) {
  const std::vector<std::string_view> known{"listen_port", "interface", "mtu", "port"};
  EXPECT_EQ(nearest_word("listen_prot", known), "listen_port");
  EXPECT_EQ(nearest_word("lisen_port", known), "listen_port");
  EXPECT_EQ(nearest_word("inteface", known), "interface");
  EXPECT_EQ(nearest_word("mtv", known), "mtu");
  EXPECT_EQ(nearest_word("colour", known), "");
  EXPECT_EQ(nearest_word("xyz", known), "");
  EXPECT_EQ(nearest_word("", known), "");
  EXPECT_EQ(nearest_word(std::string(5000, 'a'), known), "");
}

TEST(ConfigError, NearestWordPrefersTheNearer) {
  EXPECT_EQ(nearest_word("ports", {"parts", "port", "sorts"}), "parts");  // equal: the first
  EXPECT_EQ(nearest_word("http_check", {"tcp_checks", "http_checks"}), "http_checks");
}

TEST(ConfigError, ResultHoldsOneOrTheOther) {
  ConfigResult<int> value(3);
  EXPECT_TRUE(value);
  EXPECT_EQ(*value, 3);
  EXPECT_TRUE(value.errors().empty());
  ConfigResult<int> wrong(ConfigErrors{{"f", 1, 1, "m"}});
  EXPECT_FALSE(wrong);
  EXPECT_EQ(to_string(wrong.errors()), "f:1: m\n");
}

}  // namespace
}  // namespace sixpn::config
