// A host that UDP does not reach and TCP does: alive everywhere, with a warning.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

const std::vector<std::string> kHosts = {"a", "b", "c"};

class TcpOnly : public ::testing::Test {
 protected:
  TcpOnly() : cluster_("tcponly") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
    cluster_.add_host("c", "nrt");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    address_ = cluster_.infrastructure_address("c");
  }

  // What the gossip's port of c receives and sends of these protocols is lost on its way: dropped
  // where it arrives, since a sender whose own packets are refused knows that it is cut off.
  void lose(const std::string& protocols) {
    const std::string match = "meta l4proto { " + protocols + " } th ";
    for (const auto& name : kHosts) {
      const std::string from = name == "c" ? "" : "ip6 saddr " + address_ + " ";
      std::string rules =
          "add table inet lost\ndelete table inet lost\ntable inet lost {\n chain arriving {\n"
          "  type filter hook input priority -300;\n";
      for (const char* port : {"dport", "sport"})
        rules += "  " + from + match + port + " 7946 counter drop\n";
      cluster_.nft(name, rules + " }\n}\n");
    }
  }
  void heal() {
    for (const auto& name : kHosts) cluster_.nft(name, "delete table inet lost\n");
  }

  json::value status(const std::string& on) {
    return json::parse(cluster_.must(on, {"--json", "status"}));
  }
  std::string status_of_c(const std::string& on) {
    const auto all = status(on);
    for (const auto& host : all.at("hosts").as_array())
      if (host.at("name").as_string() == "c") return std::string(host.at("status").as_string());
    return "unknown";
  }
  bool is_down() { return status_of_c("a") == "down" && status_of_c("b") == "down"; }
  static double seconds_since(steady_clock::time_point begin) {
    return std::chrono::duration<double>(steady_clock::now() - begin).count();
  }
  std::int64_t count(const std::string& on, const std::string& what) {
    return status(on).at("registry").at(what).to_number<std::int64_t>();
  }
  bool warns(const std::string& on, const std::string& of) {
    return read_file(cluster_.host(on).log())
               .find("host " + of +
                     " answers by TCP and not by UDP: something between us drops UDP port 7946") !=
           std::string::npos;
  }

  Cluster cluster_;
  std::string address_;
};

TEST_F(TcpOnly, AHostThatUdpDoesNotReachLivesWhileItsAgentAnswersByTcp) {
  // How long it lives when its TCP is lost too.
  auto begin = steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(lose("udp, tcp"));
  ASSERT_TRUE(eventually([&] { return is_down(); }, 90s));
  const auto death = steady_clock::now() - begin;
  for (const auto& name : kHosts)
    for (const auto& other : kHosts) EXPECT_FALSE(warns(name, other)) << name << " of " << other;
  heal();
  ASSERT_TRUE(eventually([&] { return cluster_.all_see_alive(kHosts); }, 90s));

  std::map<std::string, std::int64_t> downs, suspicions;
  for (const auto& name : kHosts) {
    downs[name] = count(name, "downs");
    suspicions[name] = count(name, "suspicions");
  }
  begin = steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(lose("udp"));
  const std::pair<const char*, const char*> kWarnings[] = {
      {"a", "c"}, {"b", "c"}, {"c", "a"}, {"c", "b"}};
  for (const auto& [on, of] : kWarnings)
    EXPECT_TRUE(eventually([&] { return warns(on, of); })) << on << " of " << of;
  const auto enough = begin + std::max<steady_clock::duration>(3 * death, 12s);
  EXPECT_FALSE(eventually(
      [&] {
        for (const auto& name : kHosts)
          if (count(name, "downs") != downs[name]) return true;
        return false;
      },
      std::chrono::duration_cast<std::chrono::milliseconds>(enough - steady_clock::now())));
  for (const auto& name : kHosts) {
    EXPECT_TRUE(eventually([&] { return cluster_.seen_alive(name) == kHosts.size(); })) << name;
    EXPECT_EQ(count(name, "downs"), downs[name]) << name;
    std::printf("%s suspected %d times\n", name.c_str(),
                static_cast<int>(count(name, "suspicions") - suspicions[name]));
  }
  EXPECT_FALSE(warns("a", "b") || warns("b", "a"));  // nothing is lost between these

  // A kernel that accepts for an agent that hangs is no life.
  cluster_.host("c").agent->signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return is_down(); }, 90s));
  cluster_.host("c").agent->signal(SIGCONT);
}

// Taken for dead, it hears of that by TCP only, and refutes; its registry follows by TCP too.
TEST_F(TcpOnly, AHostThatOnlyTcpReachesComesBackAndIsInStep) {
  ASSERT_NO_FATAL_FAILURE(lose("udp, tcp"));
  // What all believed of c and c of all, so that each has to hear the other's refutation.
  auto alone = [&] { return is_down() && cluster_.seen_alive("c") == 1; };
  ASSERT_TRUE(eventually(alone, 90s));
  ASSERT_NO_FATAL_FAILURE(lose("udp"));
  auto begin = steady_clock::now();
  EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive(kHosts); }, 60s));
  std::printf("back after %.1f s\n", seconds_since(begin));

  begin = steady_clock::now();
  cluster_.must("c", {"apps", "create", "of-c", "--org", "acme"});
  cluster_.must("a", {"apps", "create", "of-a", "--org", "acme"});
  for (const auto& name : kHosts)
    EXPECT_TRUE(eventually([&] {
      const std::string apps = cluster_.must(name, {"apps", "list"});
      return apps.find("of-c") != std::string::npos && apps.find("of-a") != std::string::npos;
    })) << name;
  std::printf("in step after %.1f s\n", seconds_since(begin));
}

}  // namespace
}  // namespace sixpn::testing
