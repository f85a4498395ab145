#include "mesh/core/service_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <vector>

#include "mesh/core/plan.h"
#include "registry/core/address.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

namespace json = boost::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr NetworkId kNet{0x11};
const Ip6 kFlycastAddress = flycast_address(kNet, 1);

Ip6 machine(std::uint32_t n) {
  return machine_address(kNet, kSelf, 0x20000 + n);
}

KernelServices sample() {
  KernelServices kernel;
  kernel.wanted = true;
  kernel.services = {{kFlycastAddress, 80, 80, 8080, {machine(1), machine(2)}},
                     {kFlycastAddress, 7000, 7999, 9090, {machine(3)}}};
  kernel.running = {machine(1), machine(2), machine(3), machine(4)};
  return kernel;
}

std::vector<std::string> commands(const ServiceMap& map) {
  std::vector<std::string> out;
  auto document = json::parse(service_map_document(map));
  for (const auto& command : document.at("nftables").as_array())
    out.push_back(json::serialize(command));
  return out;
}

TEST(ServiceMap, NewConnectionsAreDealtToMachines) {
  auto lines = commands(make_service_map(sample(), {}));
  EXPECT_THAT(lines,
              Contains(HasSubstr(
                  R"("chain":"s0","expr":[{"match":{"op":"==","left":{"meta":)"
                  R"({"key":"l4proto"}},"right":6}},{"dnat":{"family":"ip6","port":8080,)"
                  R"("addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},)"
                  R"("data":{"set":[[0,"fdaa:0:11:1:1:2:1:2"],[1,"fdaa:0:11:1:1:2:2:2"]]})")));
  EXPECT_THAT(lines, Contains(HasSubstr(R"({"dnat":{"family":"ip6","port":9090,"addr":")" +
                                        to_string(machine(3)) + "\"}")));
  EXPECT_THAT(lines, Contains(HasSubstr(R"({"range":[7000,7999]}]},{"goto":{"target":"s1"}})")));
}

TEST(ServiceMap, AMachineIsNotHandedItsOwnConnections) {
  auto map =
      make_service_map(sample(), {attachment(1, kNet, 0x20001), attachment(9, kNet, 0x20009)});
  EXPECT_THAT(map.own, ElementsAre(std::pair(machine(1), kFlycastAddress)));
  EXPECT_THAT(commands(map), Contains(HasSubstr(R"("name":"own")")));
}

TEST(ServiceMap, NobodyWantsItSoItIsRemoved) {
  EXPECT_EQ(commands({}).size(), 2u);
  EXPECT_THAT(commands({}).back(), HasSubstr("delete"));
  EXPECT_EQ(service_map_fingerprint({}), "");
  KernelServices asleep;
  asleep.wanted = true;
  EXPECT_GT(commands({asleep, {}}).size(), 2u)
      << "kept: connections that stand need it, whatever new ones get";
}

TEST(ServiceMap, ItsFingerprintFollowsWhatItSays) {
  const ServiceMap map = make_service_map(sample(), {});
  const std::string before = service_map_fingerprint(map);
  EXPECT_EQ(service_map_fingerprint(make_service_map(sample(), {})), before);
  ServiceMap changed = map;
  changed.kernel.services.front().machines.pop_back();
  EXPECT_NE(service_map_fingerprint(changed), before);
  changed = map;
  changed.kernel.running.pop_back();
  EXPECT_NE(service_map_fingerprint(changed), before) << "connections to it have to be forgotten";
}

TEST(ServiceMap, AListingIsKnownAgain) {
  auto listed = [](const std::string& element, int handle) {
    return parse_service_map_listing(
        R"({"nftables":[{"metainfo":{"version":"1"}},{"map":{"name":"services","handle":)" +
        std::to_string(handle) + R"(,"elem":[)" + element +
        R"(]}},{"rule":{"chain":"mark","comment":"sixpn 12ab","handle":9,"expr":[]}}]})");
  };
  auto first = listed("1", 3);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->fingerprint, "sixpn 12ab");
  EXPECT_EQ(listed("1", 4)->print, first->print);
  EXPECT_NE(listed("2", 3)->print, first->print);
  EXPECT_FALSE(parse_service_map_listing("{"));
  EXPECT_FALSE(parse_service_map_listing("[]"));
}

TEST(ServiceMap, IsPlannedOnChangeOnlyAndBeforeRemovals) {
  DesiredMesh desired = make_desired(SnapshotBuilder().build(), {}, sample_options());
  ObservedMesh mesh = realize(desired);
  desired.service_map = make_service_map(sample(), {});
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)),
              ElementsAre("service map: fdaa:0:11:0:1::1 80 to 2 machines; "
                          "fdaa:0:11:0:1::1 7000-7999 to 1 machines;"));
  mesh = realize(desired);
  EXPECT_TRUE(plan_mesh(desired, mesh).empty());
  mesh.service_map = "?";
  EXPECT_EQ(plan_mesh(desired, mesh).steps.size(), 1u) << "somebody changed it";
  mesh = realize(desired);
  desired.service_map.reset();
  EXPECT_TRUE(plan_mesh(desired, mesh).empty()) << "nobody knows: what stands is kept";
  desired.service_map.emplace();
  EXPECT_THAT(to_lines(plan_mesh(desired, mesh)), ElementsAre("service map: remove"));
}

}  // namespace
}  // namespace sixpn::mesh
