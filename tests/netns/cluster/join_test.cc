// Hosts that form a mesh, and those that must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

TEST(Join, ThreeHostsFormAMeshByThemselves) {
  Cluster cluster("join");
  for (const char* region : {"iad", "fra", "nrt"}) cluster.add_host(region, region);
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  // The round trips come to be those of the simulated internet, once the first answers, which hold
  // the handshakes, are outweighed: fra-iad 90 ms, fra-nrt 230 ms.
  ASSERT_TRUE(eventually([&] {
    auto status = json::parse(cluster.must("fra", {"--json", "status"}));
    for (const auto& host : status.at("hosts").as_array()) {
      if (host.at("is_self").as_bool()) continue;
      if (host.at("round_trip_us").is_null() || host.at("handshake_age_s").is_null()) return false;
      auto floor = host.at("name").as_string() == "iad" ? 90'000 : 230'000;
      auto measured = host.at("round_trip_us").as_int64();
      if (measured < floor || measured >= floor + 60'000) return false;
    }
    return true;
  })) << cluster.must("fra", {"status"});
  // Nothing is left to do: what is in the kernel is what the registry asks for.
  EXPECT_TRUE(eventually([&] {
    return json::parse(cluster.must("fra", {"--json", "mesh", "plan"}))
        .at("steps")
        .as_array()
        .empty();
  })) << cluster.must("fra", {"mesh", "plan"});
}

// The first host of a cluster was told of nobody: its contacts must outlive its registry.
TEST(Join, TheFirstHostFindsTheOthersAgainWithoutItsRegistry) {
  Cluster cluster("lost");
  for (const char* region : {"iad", "fra", "nrt"}) cluster.add_host(region, region);
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  const std::string state = cluster.host("iad").state_dir();
  ASSERT_TRUE(eventually([&] { return read_file(state + "/identity/seeds").size() > 100; },
                         std::chrono::seconds(60)))
      << "two contacts, in base64";
  cluster.kill_agent("iad");
  for (const char* file : {"registry.db", "registry.db-wal", "registry.db-shm"})
    std::filesystem::remove(state + "/" + file);
  cluster.start_agent("iad");
  EXPECT_TRUE(eventually(
      [&] {
        return cluster.all_see_alive({"iad", "fra", "nrt"});
      },
      std::chrono::seconds(60)))
      << cluster.must("iad", {"status"});
}

class Refused : public ::testing::Test {
 protected:
  Refused() : cluster_("refused") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
    cluster_.add_host("c", "nrt");
  }

  void start_first() {
    cluster_.internet().start();
    auto made = run({SIXPN_CLI, "cluster", "init", "--name", "a", "--region", "iad", "--state-dir",
                     cluster_.host("a").state_dir()});
    ASSERT_EQ(made.status, 0) << made.err;
    cluster_.start_agent("a");
  }

  Finished join(const std::string& name, const std::string& token) {
    const ClusterHost& host = cluster_.host(name);
    return cluster_.on_host(name, {SIXPN_SIXPND, "--config", host.config(), "--join", token});
  }

  Cluster cluster_;
};

TEST_F(Refused, AReusedTokenWithAReasonInBothLogs) {
  ASSERT_NO_FATAL_FAILURE(start_first());
  std::string token = cluster_.invite("a", "b", "fra");
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("b", token));
  ASSERT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b"}); }));
  auto second = join("c", token);
  EXPECT_EQ(second.status, 1) << second.err;
  EXPECT_THAT(second.err, HasSubstr("already"));
  EXPECT_THAT(read_file(cluster_.host("a").log()), HasSubstr("already"));
  EXPECT_TRUE(cluster_.all_see_alive({"a", "b"}));
}

TEST_F(Refused, AnExpiredToken) {
  ASSERT_NO_FATAL_FAILURE(start_first());
  std::string token = cluster_.invite("a", "b", "fra", {"--expires", "1s"});
  Finished refused;
  ASSERT_TRUE(eventually([&] {
    run({"rm", "-rf", cluster_.host("b").state_dir()});
    refused = run({"timeout", "1", "nsenter", "--net=" + cluster_.host("b").netns_path(),
                   SIXPN_SIXPND, "--config", cluster_.host("b").config(), "--join", token});
    return refused.status == 1;
  })) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("expired"));
}

TEST_F(Refused, GarbageAndTokensOfAnotherCluster) {
  ASSERT_NO_FATAL_FAILURE(start_first());
  for (const char* garbage : {"x", "sixpn1.AAAA", "sixpn9.zzzz", "sixpn1."}) {
    auto refused = join("b", garbage);
    EXPECT_EQ(refused.status, 1) << garbage;
    EXPECT_THAT(refused.err, HasSubstr("token")) << garbage;
  }
  // A host of this cluster is offered a token of another one.
  std::string elsewhere = cluster_.host("c").folder + "/elsewhere";
  ASSERT_EQ(run({SIXPN_CLI, "cluster", "init", "--name", "x", "--region", "iad", "--state-dir",
                 elsewhere})
                .status,
            0);
  cluster_.kill_agent("a");
  write_file(cluster_.host("c").config(),
             "state_dir = \"" + elsewhere + "\"\nrun_dir = \"" + cluster_.host("c").folder +
                 "/run\"\n[wireguard]\ninterface = \"" + cluster_.host("c").interface + "\"\n");
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("c"));
  std::string foreign = cluster_.must("c", {"host", "invite", "--name", "a", "--region", "iad",
                                            "--root-key", elsewhere + "/root.key"});
  auto refused = join("a", foreign.substr(0, foreign.find('\n')));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("cluster"));
}

TEST_F(Refused, ASecondAgentOnOneStateFolder) {
  ASSERT_NO_FATAL_FAILURE(start_first());
  auto second = cluster_.on_host("a", {SIXPN_SIXPND, "--config", cluster_.host("a").config()});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr("in use by another agent"));
  EXPECT_EQ(cluster_.sixpn("a", {"status"}).status, 0);
}

TEST_F(Refused, KeysThatOthersCanRead) {
  ASSERT_NO_FATAL_FAILURE(start_first());
  cluster_.kill_agent("a");
  std::string key = cluster_.host("a").state_dir() + "/identity/signing.key";
  ASSERT_EQ(chmod(key.c_str(), 0644), 0);
  auto refused = cluster_.on_host("a", {SIXPN_SIXPND, "--config", cluster_.host("a").config()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr(key));
  EXPECT_THAT(refused.err, HasSubstr("0644"));
}

TEST_F(Refused, AConfigurationWithMistakesNamesAllOfThem) {
  write_file(cluster_.host("a").config(),
             "state_dirr = \"/x\"\n[wireguard]\nlisten_port = 70000\nmtu = \"big\"\n");
  auto refused = cluster_.on_host("a", {SIXPN_SIXPND, "--config", cluster_.host("a").config()});
  EXPECT_EQ(refused.status, 2);
  for (const char* line : {"agent.toml:1:", "agent.toml:3:", "agent.toml:4:"})
    EXPECT_THAT(refused.err, HasSubstr(line));
}

TEST_F(Refused, AHostWithoutAnIdentityIsToldWhatToDo) {
  auto refused = cluster_.on_host("a", {SIXPN_SIXPND, "--config", cluster_.host("a").config()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("sixpn cluster init"));
  EXPECT_THAT(refused.err, HasSubstr("--join"));
}

}  // namespace
}  // namespace sixpn::testing
