// Watching and querying the registry of a real agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::HasSubstr;

TEST(Watch, ChangesOfOtherHostsAreToldAsTheyCome) {
  Cluster cluster("watch");
  cluster.add_host("a", "iad");
  cluster.add_host("b", "fra");
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  std::string log = cluster.host("a").folder + "/watch.log";
  Process watch({SIXPN_CLI, "--socket", cluster.host("a").socket(), "registry", "watch"}, log);
  auto told = [&](const std::string& text) {
    return eventually([&] { return read_file(log).find(text) != std::string::npos; });
  };
  ASSERT_TRUE(told("  b fra alive"));

  cluster.must("b", {"apps", "create", "web", "--org", "acme"});
  std::string id = cluster.run_machine("b", {"--app", "web", "--", "sleep", "1000"});
  EXPECT_TRUE(told("+ machine/")) << read_file(log);
  EXPECT_TRUE(told("/" + id)) << read_file(log);
  EXPECT_TRUE(told("-> started") || told("web fra started")) << read_file(log);
  cluster.must("b", {"machine", "stop", id});
  EXPECT_TRUE(told("-> stopped")) << read_file(log);

  // What is on disk, with the agent and without it.
  Words query = {"registry", "sql", "SELECT state FROM machines WHERE id = '" + id + "'",
                 "--state-dir", cluster.host("a").state_dir()};
  EXPECT_TRUE(
      eventually([&] { return cluster.must("a", query).find("stopped") != std::string::npos; }));
  cluster.kill_host("b");
  EXPECT_TRUE(told("status: suspected -> down") || told("status: alive -> down")) << read_file(log);
  EXPECT_TRUE(watch.running());
  cluster.kill_agent("a");
  EXPECT_EQ(watch.wait(), 1);
  EXPECT_THAT(cluster.must("a", query), HasSubstr("stopped"));
}

}  // namespace
}  // namespace sixpn::testing
