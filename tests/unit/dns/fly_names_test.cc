// The names that programs written for Fly.io ask for, and their answers character by character, as
// Fly documents them and as its clients parse them: for a machine (resolver fdaa::3) and for a peer
// (fdaa:N:N::3), through the servers' own path and read by ldns.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "both_ways.h"
#include "parsed_reply.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

constexpr NetworkId kNet{0x0002224b};
constexpr HostId kSea{0x0a7b2dbb}, kAms{0x0a7b2dbc};
constexpr std::uint64_t kFirst = 0x148e21dad76789, kSecond = 0x4d89699c030518;

// The document's examples as a network: app flytrap with a machine in sea and one in ams, a stopped
// one in ord, two more apps, three peers.
class FlyWorld : public World {
 public:
  FlyWorld() {
    using S = MachineState;
    add_host(kSea, "sea", HostStatus::kAlive, Duration::zero());
    add_host(kAms, "ams", HostStatus::kAlive, std::chrono::milliseconds(140));
    add_host(kHostC, "ord", HostStatus::kAlive, std::chrono::milliseconds(50));
    edit().self = kSea;
    place(kFirst, {1, "flytrap", kSea, S::kStarted, "app", {{"role", "primary"}}});
    place(kSecond, {2, "flytrap", kAms, S::kStarted, "worker"});
    place(0x5683de35e2278e, {3, "flytrap", kHostC, S::kStopped, "worker"});
    for (const char* app : {"my-app-name", "my-app-name-0", "my-app-name-1"})
      edit_app(network(kNet), app).app.name = app;
    auto& net = network(kNet);
    for (const char* peer : {"my-peer", "other-peer", "interactive-jane"})
      net.peers[peer] = {peer, kNet, kSea, {}, peer_of(net.peers.size() + 1)};
    net.flycast[flycast_address(kNet, 7)] = {flycast_address(kNet, 7), "flytrap", kNet, ""};
    net.flycast[flycast_address(kNet, 8)] = {flycast_address(kNet, 8), "flytrap", kNet, "redis"};
  }

  static Ip6 address(std::uint64_t field, HostId host) { return address_of(kNet, host, field); }
  static Ip6 peer_of(std::size_t index) {
    return peer_address(kNet, kSea, static_cast<std::uint8_t>(index));
  }

 private:
  // Under an id of the document; the address is the spec's.
  void place(std::uint64_t id, MachineSpec spec) {
    MachineRecord record = add(kNet, spec);
    auto& names = network(kNet);
    names.machines.erase(record.id);
    auto& machines = edit_app(names, spec.app).machines;
    machines.pop_back();
    record.id = MachineId{id};
    auto renamed = std::make_shared<const MachineRecord>(record);
    names.machines[record.id] = renamed;
    names.machines_by_address[record.address] = renamed;
    machines.push_back(renamed);
  }
};

// What a client reads: the rdata of all answers, in order; of TXT the strings, with their quotes.
std::string read(const Snapshot& snapshot, const std::string& name, RrType type,
                 const Ip6& source) {
  auto both = ask_both_ways(&snapshot, {{kSea, "sea"}, {}}, encode({.name = name, .type = type}),
                            source, Transport::kTcp);
  EXPECT_EQ(both.difference, "") << name;
  auto reply = parse_reply(both.outcome.reply).value_or(ParsedReply{});
  if (reply.rcode == 3) return "NXDOMAIN";
  EXPECT_EQ(reply.rcode, 0) << name;
  std::string text;
  for (const auto& line : reply.answers) {
    auto type_at = line.find(" 5 IN ");  // every answer lives five seconds
    EXPECT_NE(type_at, std::string::npos) << line;
    text += (text.empty() ? "" : " ") + line.substr(line.find(' ', type_at + 6) + 1);
  }
  return text.empty() ? "NODATA" : text;
}

TEST(FlyNames, AreAnsweredCharacterByCharacter) {
  auto snapshot = FlyWorld().snapshot();
  auto sea = to_string(FlyWorld::address(1, kSea)), ams = to_string(FlyWorld::address(2, kAms));
  auto both = sea + " " + ams;
  std::string instances = "\"instance=148e21dad76789,app=flytrap,ip=" + sea +
                          ",region=sea;instance=4d89699c030518,app=flytrap,ip=" + ams +
                          ",region=ams\"";
  auto ord = to_string(FlyWorld::address(3, kHostC));
  std::string all = instances;
  all.insert(all.size() - 1, ";instance=5683de35e2278e,app=flytrap,ip=" + ord + ",region=ord");
  // 255 bytes to a string; a client joins them again.
  auto split = [](std::string text) {
    text = text.substr(1, text.size() - 2);
    for (std::size_t at = 255; at < text.size(); at += 255 + 3) text.insert(at, "\" \"");
    return '"' + text + '"';
  };
  struct Case {
    std::string name;
    RrType type;
    std::string expected;
  };
  const std::vector<Case> cases = {
      // AAAA: only started machines.
      {"flytrap.internal", kTypeAaaa, both},
      {"global.flytrap.internal", kTypeAaaa, both},
      {"sea.flytrap.internal", kTypeAaaa, sea},
      {"ord.flytrap.internal", kTypeAaaa, "NODATA"},
      {"148e21dad76789.vm.flytrap.internal", kTypeAaaa, sea},
      {"worker.process.flytrap.internal", kTypeAaaa, ams},
      {"top1.nearest.of.flytrap.internal", kTypeAaaa, sea},
      {"top3.nearest.of.flytrap.internal", kTypeAaaa, both},
      {"primary.role.kv._metadata.flytrap.internal", kTypeAaaa, sea},
      {"worker.fly_process_group.kv._metadata.flytrap.internal", kTypeAaaa, ams},
      {"my-peer._peer.internal", kTypeAaaa, to_string(FlyWorld::peer_of(1))},
      {"interactive-jane._peer.internal", kTypeAaaa, to_string(FlyWorld::peer_of(3))},
      {"flytrap.flycast", kTypeAaaa, to_string(flycast_address(kNet, 7))},
      {"redis.svc.flytrap.flycast", kTypeAaaa, to_string(flycast_address(kNet, 8))},
      // TXT.
      {"vms.flytrap.internal", kTypeTxt, "\"148e21dad76789 sea,4d89699c030518 ams\""},
      {"all.vms.flytrap.internal", kTypeTxt,
       "\"148e21dad76789 sea,4d89699c030518 ams,5683de35e2278e ord\""},
      {"regions.flytrap.internal", kTypeTxt, "\"ams,sea\""},
      {"all.regions.flytrap.internal", kTypeTxt, "\"ams,ord,sea\""},
      {"_instances.internal", kTypeTxt, split(instances)},
      {"all._instances.internal", kTypeTxt, split(all)},
      {"_apps.internal", kTypeTxt, "\"flytrap,my-app-name,my-app-name-0,my-app-name-1\""},
      {"_peer.internal", kTypeTxt, "\"my-peer,other-peer\""},
      {"vms.my-app-name.internal", kTypeTxt, "\"\""},
      {"regions.my-app-name.internal", kTypeTxt, "\"\""},
      // Edges.
      {"5683de35e2278e.vm.flytrap.internal", kTypeAaaa, "NXDOMAIN"},
      {"regions.sea.flytrap.internal", kTypeTxt, "NXDOMAIN"},
      {"no-such-app.internal", kTypeAaaa, "NXDOMAIN"},
      {"my-app-name.internal", kTypeAaaa, "NODATA"},
      {"flytrap.internal", kTypeA, "NODATA"},
      {"flytrap.internal", RrType{15}, "NODATA"},
      {"_orgs.internal", kTypeTxt, "NXDOMAIN"},
      {"web.internal", kTypeAaaa, "NXDOMAIN"},  // of another network
  };
  for (const auto& source : {FlyWorld::address(1, kSea), FlyWorld::peer_of(1)})
    for (const auto& c : cases)
      EXPECT_EQ(read(*snapshot, c.name, c.type, source), c.expected)
          << c.name << " as " << to_string(source);
}

// Two names say where the asker itself reaches the host.
TEST(FlyNames, TheApiIsWhereTheAskersResolverIs) {
  auto snapshot = FlyWorld().snapshot();
  for (const char* name : {"_api.internal", "_dns.internal"}) {
    EXPECT_EQ(read(*snapshot, name, kTypeAaaa, FlyWorld::address(1, kSea)), "fdaa::3");
    EXPECT_EQ(read(*snapshot, name, kTypeAaaa, FlyWorld::peer_of(1)), "fdaa:2:224b::3");
  }
}

TEST(FlyNames, PointersNameWhatPingPrints) {
  auto snapshot = FlyWorld().snapshot();
  auto pointer = [&](const Ip6& ip) {
    return read(*snapshot, reverse_name(ip), kTypePtr, FlyWorld::address(1, kSea));
  };
  EXPECT_EQ(pointer(FlyWorld::address(1, kSea)), "148e21dad76789.vm.flytrap.internal.");
  EXPECT_EQ(pointer(FlyWorld::peer_of(2)), "other-peer._peer.internal.");
  EXPECT_EQ(pointer(flycast_address(kNet, 7)), "flytrap.flycast.");
  EXPECT_EQ(pointer(flycast_address(kNet, 8)), "redis.svc.flytrap.flycast.");
  EXPECT_EQ(pointer(peer_resolver_address(kNet)), "_dns.internal.");
  EXPECT_EQ(pointer(kResolverAddress), "_dns.internal.");
}

// A list is one record, so that a client that joins everything it gets reads no false entry.
// Clients that read the first string only see all regions: 64 of them fill it.
TEST(FlyNames, AListIsOneRecordAndAllRegionsStandInItsFirstString) {
  FlyWorld world;
  std::string expected;
  for (char a = 'a'; a < 'i'; ++a)
    for (char b = 'a'; b < 'i'; ++b) {
      std::string region{a, b, 'x'};
      HostId host{0x0b000000U + static_cast<std::uint32_t>(a) * 256 +
                  static_cast<unsigned char>(b)};
      world.add_host(host, region, HostStatus::kAlive, std::nullopt);
      world.add(kNet, {host.value, "wide", host});
      expected += (expected.empty() ? "" : ",") + region;
    }
  auto snapshot = world.snapshot();
  auto source = FlyWorld::address(1, kSea);
  ASSERT_EQ(expected.size(), 255U);
  EXPECT_EQ(read(*snapshot, "regions.wide.internal", kTypeTxt, source), '"' + expected + '"');
  auto vms = read(*snapshot, "vms.wide.internal", kTypeTxt, source);
  EXPECT_EQ(std::count(vms.begin(), vms.end(), ','), 63);
  EXPECT_EQ(vms.find("\" \""), 256U);
}

}  // namespace
}  // namespace sixpn::dns::testing
