#include "mesh/core/flycast_ports.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "mesh/core/firewall.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr NetworkId kNet{0x11};
constexpr NetworkId kOther{0x12};

std::vector<std::string> texts(const std::set<SetElement>& elements) {
  std::vector<std::string> out;
  for (const auto& element : elements)
    out.push_back(fmt::format("{} {}", element.set, fmt::join(element.key, " . ")));
  return out;
}

TEST(FlycastPorts, AreThoseOfTheAppsThatTheNetworkMayDial) {
  Snapshot snapshot = SnapshotBuilder()
                          .flycast(kNet, 1, kNet, "web", {{80, 80}, {8000, 8010}})
                          .flycast(kNet, 2, kOther, "db", {{5432, 5432}})
                          .flycast(kOther, 3, kOther, "db2", {{1, 65535}})
                          .build();
  EXPECT_THAT(
      texts(flycast_elements(snapshot, kNet)),
      ElementsAre("flycast_addresses fdaa:0:11:0:1::1", "flycast_addresses fdaa:0:11:0:1::2",
                  "flycast_ports fdaa:0:11:0:1::1 . 80", "flycast_ports fdaa:0:11:0:1::2 . 5432",
                  "flycast_ranges fdaa:0:11:0:1::1 . 8000-8010"));
  EXPECT_THAT(texts(flycast_elements(snapshot, kOther)),
              ElementsAre("flycast_addresses fdaa:0:12:0:1::3",
                          "flycast_ranges fdaa:0:12:0:1::3 . 1-65535"));
}

// The kernel refuses a set whose intervals overlap, and with it the whole update.
TEST(FlycastPorts, OverlappingRangesBecomeOne) {
  Snapshot snapshot =
      SnapshotBuilder()
          .flycast(kNet, 1, kNet, "web", {{90, 100}, {80, 91}, {85, 85}, {200, 201}, {100, 120}})
          .flycast(kNet, 2, kNet, "odd", {{9, 7}})
          .build();
  EXPECT_THAT(
      texts(flycast_elements(snapshot, kNet)),
      ElementsAre("flycast_addresses fdaa:0:11:0:1::1", "flycast_addresses fdaa:0:11:0:1::2",
                  "flycast_ranges fdaa:0:11:0:1::1 . 200-201",
                  "flycast_ranges fdaa:0:11:0:1::1 . 80-120"));
}

TEST(FlycastPorts, OnlyThoseThatFlycastOpens) {
  ServicePort unknown{5433, 5433, {"of_a_later_version"}};
  SnapshotBuilder world;
  world.flycast(kNet, 1, kNet, "web", {unknown});
  EXPECT_THAT(texts(flycast_elements(world.build(), kNet)),
              ElementsAre("flycast_addresses fdaa:0:11:0:1::1"));
}

// Nobody could answer there.
TEST(FlycastPorts, ThoseWithTlsOnceThisHostHasACertificateForTheOrg) {
  ServicePort plain{80, 80, {"http"}};
  ServicePort tls{443, 443, {"tls", "http"}};
  ServicePort postgres{5433, 5433, {"pg_tls"}};
  SnapshotBuilder world;
  world.flycast(kNet, 1, kNet, "web", {plain, tls, postgres});
  auto without =
      ElementsAre("flycast_addresses fdaa:0:11:0:1::1", "flycast_ports fdaa:0:11:0:1::1 . 80");
  EXPECT_THAT(texts(flycast_elements(world.build(), kNet)), without);
  world.tls_grant(HostId{}).tls_grant(HostId{0x10002});
  EXPECT_THAT(texts(flycast_elements(world.build(), kNet)), without) << "another's is of no use";
  world.tls_grant(kSelf);
  EXPECT_THAT(
      texts(flycast_elements(world.build(), kNet)),
      ElementsAre("flycast_addresses fdaa:0:11:0:1::1", "flycast_ports fdaa:0:11:0:1::1 . 443",
                  "flycast_ports fdaa:0:11:0:1::1 . 5433",
                  "flycast_ports fdaa:0:11:0:1::1 . 80"));
}

TEST(FlycastPorts, AnAppThatIsGoneLeavesAnAddressThatRefuses) {
  SnapshotBuilder world;
  world.flycast(kNet, 1, kNet, "web", {{80, 80}});
  Snapshot snapshot = world.build();
  auto view = std::make_shared<NetworkView>(*snapshot.find_network(kNet));
  view->apps.erase("web");
  snapshot.networks[kNet] = view;
  EXPECT_THAT(texts(flycast_elements(snapshot, kNet)),
              ElementsAre("flycast_addresses fdaa:0:11:0:1::1"));
}

TEST(FlycastPorts, ANetworkIsOpenUntilTheRegistryIsRead) {
  Snapshot snapshot =
      SnapshotBuilder().flycast(kNet, 1, kNet, "web", {{80, 80}}).unsynced().build();
  EXPECT_THAT(texts(flycast_elements(snapshot, kNet)),
              ElementsAre("flycast_open fdaa:0:11::/48 . fdaa:0:11:0:1::/80"));
  EXPECT_THAT(texts(flycast_elements(SnapshotBuilder().build(), kNet)), IsEmpty());
}

TEST(FlycastPorts, ANetworkWithTooManyIsOpen) {
  SnapshotBuilder world;
  std::vector<ServicePort> ports;
  for (std::uint16_t port = 1; port < kMaxFlycastElements; port += 1) ports.push_back({port, port});
  world.flycast(kNet, 1, kNet, "web", ports);
  EXPECT_EQ(flycast_elements(world.build(), kNet).size(), kMaxFlycastElements);
  world.flycast(kNet, 2, kNet, "other", {{80, 80}});
  EXPECT_THAT(texts(flycast_elements(world.build(), kNet)),
              ElementsAre("flycast_open fdaa:0:11::/48 . fdaa:0:11:0:1::/80"));
}

}  // namespace
}  // namespace sixpn::mesh
