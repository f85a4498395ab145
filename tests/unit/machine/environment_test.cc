#include "machine/core/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/address.h"

namespace sixpn::machine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::StartsWith;

MachineFile web() {
  MachineFile machine;
  machine.id = MachineId(0x148e21dad76789);
  machine.placement.app = "web";
  machine.placement.group = "worker";
  machine.placement.primary_region = "iad";
  machine.address = machine_address(NetworkId(0x10002), HostId(0x30004), 0x50006);
  machine.version = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  return machine;
}

TEST(MakeEnvironment, SetsWhatFlySets) {
  EXPECT_THAT(
      make_environment(web(), "fra", "/root"),
      ElementsAre("FLY_ALLOC_ID=148e21dad76789", "FLY_APP_NAME=web",
                  "FLY_MACHINE_ID=148e21dad76789", "FLY_MACHINE_VERSION=01ARYZ6S41TSV4RRFFQ69G5FAV",
                  "FLY_PRIVATE_IP=fdaa:1:2:3:4:5:6:2", "FLY_PROCESS_GROUP=worker", "FLY_REGION=fra",
                  "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                  "PRIMARY_REGION=iad"));
}

TEST(MakeEnvironment, TheUsersOwnReplaceDefaultsButNeverFlys) {
  auto machine = web();
  machine.process.env = {
      {"PATH", "/app/bin"}, {"PRIMARY_REGION", "nrt"}, {"PORT", "8080"}, {"FLY_REGION", "forged"}};
  auto env = make_environment(machine, "fra", "/root");
  EXPECT_THAT(env, Contains("PATH=/app/bin"));
  EXPECT_THAT(env, Contains("PRIMARY_REGION=nrt"));
  EXPECT_THAT(env, Contains("PORT=8080"));
  EXPECT_THAT(env, Contains("FLY_REGION=fra"));
  EXPECT_THAT(env, Not(Contains("FLY_REGION=forged")));
}

TEST(MakeEnvironment, NoPrimaryRegionNoVariable) {
  auto machine = web();
  machine.placement.primary_region.clear();
  EXPECT_THAT(make_environment(machine, "fra", "/"), Not(Contains(StartsWith("PRIMARY_REGION"))));
}

TEST(MakeResolvConf, IsTheMeshResolverAndNothingElse) {
  EXPECT_EQ(make_resolv_conf({}), "nameserver fdaa::3\n");
}

TEST(MakeResolvConf, TakesConfiguration) {
  ResolverConfig config;
  config.nameservers = {*parse_ip("fdaa::3"), *parse_ip("192.0.2.53")};
  config.searches = {"internal", "web.internal"};
  config.options = {"ndots:2", "edns0"};
  EXPECT_EQ(make_resolv_conf(config),
            "nameserver fdaa::3\nnameserver 192.0.2.53\nsearch internal web.internal\n"
            "options ndots:2 edns0\n");
}

TEST(MakeHosts, NamesTheMachineItself) {
  EXPECT_EQ(make_hosts(web()),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fdaa:1:2:3:4:5:6:2\tfly-local-6pn 148e21dad76789\n");
}

}  // namespace
}  // namespace sixpn::machine
