#include "flycast/core/replay_reach.h"

#include <gtest/gtest.h>

#include "tests/unit/edit_app.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

constexpr NetworkId kThirdNetwork{0x22222222};

// acme: "web" and "near" in one network, "far" in another; "theirs", of org beta, in a third;
// "both" in the last two.
Snapshot snapshot() {
  Snapshot made;
  auto add = [&](NetworkId id, const std::string& org, std::initializer_list<const char*> apps) {
    auto view = std::make_shared<NetworkView>();
    for (const char* app : apps) edit_app(*view, app).app = {app, org, id, "iad", {}};
    made.networks[id] = view;
  };
  add(kNetwork, "acme", {"web", "near"});
  add(kOtherNetwork, "acme", {"far", "both"});
  add(kThirdNetwork, "beta", {"theirs", "both"});
  return made;
}

std::string target(const ReplayReach& reach, const std::string& name,
                   const AppName& from = {kNetwork, "web"}) {
  auto found = find_replay_target(snapshot(), reach, from, name);
  if (const auto* code = std::get_if<ErrorCode>(&found)) return std::string(entry_of(*code).name);
  return to_string(std::get<AppName>(found).network) + "/" + std::get<AppName>(found).app;
}

TEST(ReplayReach, IsTheOwnOrgAndNetwork) {
  ReplayReach none;
  EXPECT_EQ(target(none, "near"), to_string(kNetwork) + "/near");
  EXPECT_EQ(target(none, "web"), to_string(kNetwork) + "/web");
  EXPECT_EQ(target(none, "far"), "PA05");
  EXPECT_EQ(target(none, "theirs"), "PA05");
  EXPECT_EQ(target(none, "nowhere"), "PA04");
  EXPECT_EQ(target(none, "near", {kNetwork, "gone"}), "PE01");
}

TEST(ReplayReach, AcrossNetworksWhereTheOrgAllows) {
  ReplayReach reach;
  reach.across_networks = {"acme"};
  EXPECT_EQ(target(reach, "far"), to_string(kOtherNetwork) + "/far");
  EXPECT_EQ(target(reach, "both"), to_string(kOtherNetwork) + "/both");
  EXPECT_EQ(target(reach, "theirs"), "PA05");
  EXPECT_EQ(target(reach, "near", {kThirdNetwork, "theirs"}), "PA05");
}

TEST(ReplayReach, AcrossOrgsWhereTheTargetAllows) {
  ReplayReach reach;
  reach.sources["beta"] = {"acme"};
  EXPECT_EQ(target(reach, "theirs"), to_string(kThirdNetwork) + "/theirs");
  EXPECT_EQ(target(reach, "both"), to_string(kThirdNetwork) + "/both");
  EXPECT_EQ(target(reach, "far"), "PA05");
  EXPECT_EQ(target(reach, "near", {kThirdNetwork, "theirs"}), "PA05");  // one way
}

}  // namespace
}  // namespace sixpn::flycast
