// The same clients inside a real machine of a real agent: its /etc, its link, its resolver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/cluster/cluster.h"
#include "tests/netns/dns/clients.h"

namespace sixpn::testing {
namespace {

using dns::testing::clients;
using dns::testing::lookup;
using dns::testing::machines_in;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

TEST(ClientsInAMachine, FindAppsAndMissNothing) {
  Cluster cluster("dns");
  cluster.add_host("a", "iad");
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  for (const char* app : {"app", "client"})
    cluster.must("a", {"apps", "create", app, "--org", "acme"});
  std::set<Ip6> machines;
  for (int i = 0; i < 2; ++i) {
    auto id = cluster.run_machine(
        "a", {"--app", "app", "--", "python3", "-m", "http.server", "--bind", "::", "80"});
    machines.insert(*parse_ip6(cluster.machine_address("a", id)));
  }
  auto client_machine = cluster.run_machine("a", {"--app", "client", "--", "sleep", "1000"});
  auto inside = [&](const Words& argv) { return cluster.in_machine("a", client_machine, argv); };
  for (const auto& machine : machines)
    ASSERT_TRUE(eventually([&] {
      return inside({"curl", "-s", "http://[" + to_string(machine) + "]/"}).status == 0;
    }));
  ASSERT_TRUE(
      eventually([&] { return cluster.dig("a", client_machine, "app.internal").size() == 2; }));

  for (const auto& client : clients()) {
    auto found = inside(lookup(client, "app.internal"));
    auto said = client.name + ": " + found.out + found.err;
    EXPECT_EQ(found.status, 0) << said;
    EXPECT_THAT(machines_in(found.out + found.err), IsSubsetOf(machines)) << said;
    EXPECT_EQ(machines_in(found.out + found.err).size(), client.uses_one ? 1U : 2U) << said;
    auto missing = inside(lookup(client, "nothere.internal"));
    said = client.name + ": " + missing.out + missing.err;
    EXPECT_EQ(missing.status, client.missing_status) << said;
    EXPECT_THAT(said, HasSubstr(client.says_missing));
  }
}

}  // namespace
}  // namespace sixpn::testing
