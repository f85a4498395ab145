// What must go on when something dies: agents, hosts, paths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Failure : public ::testing::Test {
 protected:
  Failure() : cluster_("failure") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
    cluster_.add_host("c", "nrt");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    cluster_.must("a", {"apps", "create", "web", "--org", "acme"});
    for (const char* name : {"a", "b", "c"}) {
      ASSERT_TRUE(eventually([&] {
        return cluster_.must(name, {"apps", "list"}).find("web") != std::string::npos;
      }));
      machine_[name] = cluster_.run_machine(name, {"--app", "web", "--", "sleep", "1000"});
      address_[name] = cluster_.machine_address(name, machine_[name]);
    }
    for (const char* name : {"a", "b", "c"})
      ASSERT_TRUE(eventually([&] { return digs(name).size() == 3; }));
  }

  std::vector<std::string> digs(const std::string& name) {
    return cluster_.dig(name, machine_[name], "web.internal");
  }

  // The registry without what is about time.
  std::string dump(const std::string& name) {
    return cluster_.must(name, {"--json", "registry", "dump"});
  }

  Cluster cluster_;
  std::map<std::string, std::string> machine_, address_;
};

TEST_F(Failure, KillAndRestartOfAnAgentLosesNoPacket) {
  auto before = cluster_.must("a", {"--json", "machine", "status", machine_["a"]});
  std::string log = cluster_.host("a").folder + "/ping.log";
  // 500 packets a second for eight seconds, through the host whose agent dies.
  Process ping({"ip", "netns", "exec", machine_["a"], "ping", "-6", "-q", "-i", "0.002", "-c",
                "5000", "-W", "3", address_["b"]},
               log);
  for (int round = 0; round < 3; ++round) {
    cluster_.kill_agent("a");
    cluster_.start_agent("a");
    ASSERT_TRUE(eventually([&] { return digs("a").size() == 3; }));
  }
  EXPECT_TRUE(ping.running()) << "the flood ended before the restarts did; lengthen it";
  EXPECT_EQ(ping.wait(), 0);
  EXPECT_THAT(read_file(log), HasSubstr(" 0% packet loss"));
  auto after = cluster_.must("a", {"--json", "machine", "status", machine_["a"]});
  EXPECT_EQ(json::parse(before).at("pid"), json::parse(after).at("pid"));
  EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b", "c"}); }));
}

TEST_F(Failure, AMachineThatEndsWhileTheAgentIsAwayIsStopped) {
  auto brief = cluster_.run_machine(
      "a", {"--app", "web", "--", "sh", "-c", "read x < /tmp/none; sleep 1000"});
  cluster_.kill_agent("a");
  auto pids = run({"ip", "netns", "pids", brief});
  ASSERT_EQ(pids.status, 0);
  run({"sh", "-c", "kill -9 $(ip netns pids " + brief + ")"});
  cluster_.start_agent("a");
  EXPECT_TRUE(eventually([&] {
    return cluster_.must("b", {"machine", "status", brief}).find("stopped") != std::string::npos;
  }));
}

TEST_F(Failure, AMachineWhoseFolderIsLostLeavesTheRegistry) {
  cluster_.kill_agent("a");
  ASSERT_GT(
      std::filesystem::remove_all(cluster_.host("a").state_dir() + "/machines/" + machine_["a"]),
      0U);
  cluster_.start_agent("a");
  for (const char* name : {"b", "c"})
    EXPECT_TRUE(eventually([&] { return digs(name).size() == 2; }, std::chrono::seconds(30)))
        << name;
  EXPECT_THAT(read_file(cluster_.host("a").log()), HasSubstr("its record is erased"));
  // What still runs of it nobody ends, and the log says where it is.
  run({"sh", "-c", "kill -9 $(ip netns pids " + machine_["a"] + ")"});
  run({"ip", "netns", "del", machine_["a"]});
}

TEST_F(Failure, ALostHostLeavesAllAnswersAndTheOthersStay) {
  auto start = std::chrono::steady_clock::now();
  cluster_.kill_host("c");
  for (const char* name : {"a", "b"})
    EXPECT_TRUE(eventually([&] { return digs(name).size() == 2; }, std::chrono::seconds(30)));
  auto took = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds_until_out", std::to_string(std::chrono::duration<double>(took).count()));
  EXPECT_EQ(
      cluster_.in_machine("a", machine_["a"], {"ping", "-6", "-c", "1", "-W", "3", address_["b"]})
          .status,
      0);
  // It comes back with its identity and its state, and is believed again.
  cluster_.internet().heal();
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("c"));
  EXPECT_TRUE(eventually(
      [&] {
        return cluster_.all_see_alive({"a", "b", "c"});
      },
      std::chrono::seconds(30)));
}

TEST_F(Failure, PartitionAndHealLoseNoWriteAndResurrectNothing) {
  cluster_.must("a", {"apps", "create", "doomed", "--org", "acme"});
  ASSERT_TRUE(eventually([&] {
    return cluster_.must("c", {"apps", "list"}).find("doomed") != std::string::npos;
  }));
  cluster_.internet().cut_off("a");
  // A host that hears nobody waits before it judges the others (decision 0011).
  ASSERT_TRUE(eventually([&] { return digs("a") == std::vector{address_["a"]}; },
                         std::chrono::seconds(90)));
  ASSERT_TRUE(eventually([&] { return digs("b").size() == 2; }));
  cluster_.must("a", {"apps", "create", "left", "--org", "acme"});
  cluster_.must("b", {"apps", "create", "right", "--org", "acme"});
  cluster_.must("b", {"apps", "destroy", "doomed"});
  cluster_.internet().heal();
  ASSERT_TRUE(eventually(
      [&] {
        return cluster_.all_see_alive({"a", "b", "c"});
      },
      std::chrono::seconds(40)));
  ASSERT_TRUE(eventually([&] { return dump("a") == dump("b") && dump("b") == dump("c"); },
                         std::chrono::seconds(20)));
  for (const char* name : {"a", "b", "c"}) {
    auto apps = cluster_.must(name, {"apps", "list"});
    EXPECT_THAT(apps, HasSubstr("left"));
    EXPECT_THAT(apps, HasSubstr("right"));
    EXPECT_THAT(apps, ::testing::Not(HasSubstr("doomed")));
    EXPECT_EQ(digs(name).size(), 3U);
  }
}

TEST_F(Failure, AColdStartWithNobodyReachableServesFromDisk) {
  cluster_.internet().cut_off("a");
  cluster_.kill_agent("a");
  cluster_.start_agent("a");
  // Alone after a restart: it answers from disk, for its own machine at least and at once.
  EXPECT_THAT(cluster_.dig("a", machine_["a"], machine_["a"] + ".vm.web.internal"),
              ElementsAre(address_["a"]));
}

TEST_F(Failure, GarbageOnEveryOpenPortChangesNothing) {
  pid_t agent = cluster_.host("b").agent->pid();
  std::string infra = cluster_.infrastructure_address("b");
  const std::string kSpray = R"(
import os, socket, sys
address, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family = socket.AF_INET6 if ':' in address else socket.AF_INET
for size in [0, 1, 2, 3, 11, 12, 13, 31, 64, 148, 512, 1200, 4000]:
    for _ in range(20):
        data = os.urandom(size)
        s = socket.socket(family, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)
        s.settimeout(2)
        try:
            s.connect((address, port))
            s.sendall(data)
        except OSError:
            pass
        s.close()
)";
  const struct {
    const char* from;
    std::string address;
    const char* port;
    const char* kind;
  } kPorts[] = {
      {"host", "192.0.2.2", "51820", "udp"}, {"host", "192.0.2.2", "51821", "udp"},
      {"host", infra, "7946", "udp"},        {"host", infra, "7946", "tcp"},
      {"host", infra, "7947", "tcp"},        {"machine", "fdaa::3", "53", "udp"},
      {"machine", "fdaa::3", "53", "tcp"},
  };
  for (const auto& [from, address, port, kind] : kPorts) {
    Words spray = {"python3", "-c", kSpray, address, port, kind};
    auto sent = std::string(from) == "host"
                    ? cluster_.on_host("a", spray, std::chrono::seconds(60))
                    : cluster_.in_machine("b", machine_["b"], spray, std::chrono::seconds(60));
    EXPECT_EQ(sent.status, 0) << address << " " << port << " " << sent.err;
  }
  auto admin =
      run({"sh", "-c",
           "head -c 100000 /dev/urandom | timeout 2 curl -sS --unix-socket " +
               cluster_.host("b").socket() + " --data-binary @- http://x/v1/apps || true"});
  EXPECT_TRUE(cluster_.host("b").agent->running());
  EXPECT_EQ(cluster_.host("b").agent->pid(), agent);
  EXPECT_EQ(digs("b").size(), 3U);
  EXPECT_TRUE(cluster_.all_see_alive({"a", "b", "c"}));
}

}  // namespace
}  // namespace sixpn::testing
