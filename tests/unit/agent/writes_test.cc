#include "agent/core/writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/address.h"
#include "registry/core/network_id.h"
#include "tests/unit/edit_app.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

class Writes : public ::testing::Test {
 protected:
  Writes() {
    self_.invite.cluster = std::string(16, 'c');
    self_.invite.name = "a";
    self_.invite.orgs = {"*"};
  }

  // Applies shared writes to the snapshot, as the registry would.
  void apply(const std::vector<registry::LocalWrite>& writes) {
    for (const registry::LocalWrite& write : writes) {
      if (const auto* org = std::get_if<OrgRecord>(&write.value)) snapshot_.orgs[org->name] = *org;
      if (const auto* network = std::get_if<NetworkRecord>(&write.value)) {
        auto view = std::make_shared<NetworkView>();
        view->network = *network;
        snapshot_.networks[network->id] = view;
      }
      if (const auto* app = std::get_if<AppValue>(&write.value))
        edit_app(edit((*app)->network), (*app)->name).app = *app;
      if (const auto* flycast = std::get_if<FlycastRecord>(&write.value))
        edit(network_of(flycast->address)).flycast[flycast->address] = *flycast;
    }
  }

  NetworkView& edit(NetworkId id) {
    auto copy = std::make_shared<NetworkView>(*snapshot_.networks.at(id));
    snapshot_.networks[id] = copy;
    return *copy;
  }

  void create(const std::string& app, const std::string& org) {
    auto writes = plan_create_app(snapshot_, self_, {app, org});
    ASSERT_TRUE(writes) << writes.error().message;
    apply(*writes);
  }

  Snapshot snapshot_;
  HostCertificate self_;
};

TEST_F(Writes, FirstAppOfAnOrgBringsOrgAndNetwork) {
  auto writes = plan_create_app(snapshot_, self_, {"web", "acme"});
  ASSERT_TRUE(writes);
  ASSERT_EQ(writes->size(), 3U);
  EXPECT_EQ(std::get<OrgRecord>((*writes)[0].value).name, "acme");
  EXPECT_EQ(std::get<NetworkRecord>((*writes)[1].value).name, "default");
  for (const auto& write : *writes) EXPECT_EQ(write.org, "acme");
  apply(*writes);
  auto second = plan_create_app(snapshot_, self_, {"db", "acme"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->size(), 1U);
}

TEST_F(Writes, ANameTakenInTheNetworkIsRefused) {
  create("web", "acme");
  auto again = plan_create_app(snapshot_, self_, {"web", "acme"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, kTaken);
  EXPECT_TRUE(plan_create_app(snapshot_, self_, {"web", "globex"}));
}

TEST_F(Writes, BadNamesAreRefusedWithWhatWasExpected) {
  for (const char* name : {"", "-web", "web-", "We", "a.b", "w_b"}) {
    auto refused = plan_create_app(snapshot_, self_, {name, "acme"});
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().message, HasSubstr("expected 1 to 63"));
  }
  EXPECT_FALSE(plan_create_app(snapshot_, self_, {"web", "acme", "default", "frankfurt"}));
  EXPECT_THAT(plan_create_app(snapshot_, self_, {"web", "acme", "default", "vms"}).error().message,
              HasSubstr("primary region \"vms\": expected a name other than vms"));
}

TEST_F(Writes, AHostOutsideTheOrgMayNotWrite) {
  self_.invite.orgs = {"globex"};
  auto refused = plan_create_app(snapshot_, self_, {"web", "acme"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, kForbidden);
}

TEST_F(Writes, AnAmbiguousAppAsksForItsOrg) {
  create("web", "acme");
  create("web", "globex");
  auto ambiguous = find_app(snapshot_, {"web", "", ""});
  ASSERT_FALSE(ambiguous);
  EXPECT_THAT(ambiguous.error().message, HasSubstr("--org"));
  EXPECT_EQ((*find_app(snapshot_, {"web", "globex", ""}))->app.org, "globex");
  EXPECT_EQ(find_app(snapshot_, {"nope", "", ""}).error().code, kNotFound);
}

TEST_F(Writes, NetworkIdsRehashAfterACollision) {
  NetworkId first = network_id(self_.invite.cluster, "acme", "default", 0);
  auto squatter = std::make_shared<NetworkView>();
  squatter->network = {first, "other", "default"};
  snapshot_.networks[first] = squatter;
  auto writes = plan_create_app(snapshot_, self_, {"web", "acme"});
  ASSERT_TRUE(writes);
  EXPECT_EQ(std::get<NetworkRecord>((*writes)[1].value).id,
            network_id(self_.invite.cluster, "acme", "default", 1));
}

TEST_F(Writes, DeployOfTheSameServicesWritesNothing) {
  create("web", "acme");
  Service service;
  service.ports = {{80, 80, {}, false}};
  AppCheck check{"alive", 8080, {}, {}};
  auto first = plan_deploy(snapshot_, self_, {"web", "", ""}, {"fra", {service}, {check}});
  ASSERT_TRUE(first);
  ASSERT_EQ(first->size(), 1U);
  apply(*first);
  EXPECT_EQ((*find_app(snapshot_, {"web", "", ""}))->app.checks, std::vector{check});
  EXPECT_TRUE(plan_deploy(snapshot_, self_, {"web", "", ""}, {"fra", {service}, {check}})->empty());
}

TEST_F(Writes, FlycastAllocationIsIdempotentAndPerNetwork) {
  create("web", "acme");
  auto first = plan_allocate_flycast(snapshot_, self_, {"web", "", ""}, "");
  ASSERT_TRUE(first);
  EXPECT_EQ(classify(first->record.address), AddressKind::kFlycast);
  apply(first->writes);
  auto again = plan_allocate_flycast(snapshot_, self_, {"web", "", ""}, "");
  EXPECT_EQ(again->record, first->record);
  EXPECT_TRUE(again->writes.empty());
  EXPECT_EQ(plan_allocate_flycast(snapshot_, self_, {"web", "", ""}, "nope").error().code,
            kNotFound);
}

TEST_F(Writes, AnAppWithMachinesIsNotDestroyed) {
  create("web", "acme");
  auto address = plan_allocate_flycast(snapshot_, self_, {"web", "", ""}, "");
  apply(address->writes);
  NetworkId network = (*find_app(snapshot_, {"web", "", ""}))->app.network;
  auto machine = std::make_shared<MachineRecord>();
  edit_app(edit(network), "web").machines = {machine};
  auto refused = plan_destroy_app(snapshot_, self_, {"web", "", ""});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("1 machine:"));
  edit_app(edit(network), "web").machines.clear();
  auto writes = plan_destroy_app(snapshot_, self_, {"web", "", ""});
  ASSERT_TRUE(writes);
  ASSERT_EQ(writes->size(), 2U);
  EXPECT_TRUE((*writes)[0].erase);
  EXPECT_EQ((*writes)[0].key.kind, RecordKind::kFlycast);
}

TEST_F(Writes, AnAppIsDestroyedOnlyWhereAllItsMachinesWouldBeSeen) {
  create("web", "acme");
  NetworkId network = (*find_app(snapshot_, {"web", "", ""}))->app.network;
  snapshot_.self = HostId{1};
  snapshot_.held = {false, {}};
  auto refused = plan_destroy_app(snapshot_, self_, {"web", "", ""});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is still receiving the machines of network "
                                                 "default of acme: try again in a moment"));
  snapshot_.synced = true;
  for (const InterestRecord& wants : {InterestRecord{HostId{1}, true, {}, {NetworkId{}}},
                                      InterestRecord{HostId{1}, false, {network}, {network}}}) {
    snapshot_.interests[HostId{1}] = wants;
    EXPECT_THAT(plan_destroy_app(snapshot_, self_, {"web", "", ""}).error().message,
                HasSubstr("is still receiving"));
  }
  snapshot_.interests[HostId{1}] = {HostId{1}, false, {}, {}};
  refused = plan_destroy_app(snapshot_, self_, {"web", "", ""});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no other host that is alive holds them"));
  auto add = [&](std::uint32_t id, const std::string& name, const InterestRecord& said) {
    snapshot_.hosts[HostId{id}].record.name = name;
    snapshot_.interests[HostId{id}] = said;
  };
  add(2, "filling", {HostId{2}, false, {network}, {network}});
  add(3, "elsewhere", {HostId{3}, false, {}, {}});
  add(4, "holder", {HostId{4}, false, {network}, {}});
  EXPECT_THAT(plan_destroy_app(snapshot_, self_, {"web", "", ""}).error().message,
              HasSubstr("default of acme ([registry] hold = \"used\"): run this on holder"));
  snapshot_.held = {false, {network}};
  EXPECT_TRUE(plan_destroy_app(snapshot_, self_, {"web", "", ""}));
}

}  // namespace
}  // namespace sixpn::agent
