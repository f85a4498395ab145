#include "tools/cli/stub_resolver.h"

#include <gtest/gtest.h>

namespace sixpn::cli {
namespace {

const StubTarget kTarget{"sixpn", *parse_ip6("fdaa:0:0:a1:b2c3::1")};

TEST(StubResolver, AsksOnTheMeshsLinkForTheMeshsNamesAlone) {
  auto commands = resolved_commands(kTarget);
  ASSERT_EQ(commands.size(), 3U);
  EXPECT_EQ(commands[0],
            (std::vector<std::string>{"resolvectl", "dns", "sixpn", to_string(kTarget.server)}));
  EXPECT_EQ(commands[1], (std::vector<std::string>{"resolvectl", "domain", "sixpn", "~internal",
                                                   "~flycast", "~a.a.d.f.ip6.arpa"}));
  EXPECT_EQ(commands[2], (std::vector<std::string>{"resolvectl", "default-route", "sixpn", "no"}));
}

TEST(StubResolver, ADropInSaysWhatToUndo) {
  auto text = unit_drop_in(kTarget);
  EXPECT_NE(text.find("\n[Service]\nExecStartPost=-resolvectl dns sixpn " +
                      to_string(kTarget.server) + "\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(interface_in(text), "sixpn");
  EXPECT_EQ(interface_in("[Service]\nExecStartPost=-resolvectl dns sixpn fdaa::3\n"), std::nullopt);
  EXPECT_EQ(interface_in(""), std::nullopt);
}

TEST(StubResolver, ResolvConfKeepsWhatWasThere) {
  std::string before = "search example.org\nnameserver 192.0.2.1\noptions ndots:2";
  auto text = resolv_conf_with(kTarget, before);
  EXPECT_TRUE(is_our_resolv_conf(text));
  EXPECT_FALSE(is_our_resolv_conf(before));
  EXPECT_TRUE(text.ends_with("\nnameserver " + to_string(kTarget.server) + "\n" + before));
}

}  // namespace
}  // namespace sixpn::cli
