// A laptop joins a network as its owner would do it: `sixpn peer create` on a host, wg-quick with
// what that wrote, and then names, machines and Flycast from the laptop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The value of `key` in a wg-quick file: "Address = ...".
std::string value_of(const std::string& config, const std::string& key) {
  std::istringstream lines(config);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + " = ")) return line.substr(key.size() + 3);
  return "";
}

// Hosts a and b, which serves the network's only machine; a laptop on the internet beside them.
class Peers : public ::testing::Test {
 protected:
  Peers() : cluster_("peers") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
    EXPECT_EQ(run({"ip", "netns", "add", laptop_}).status, 0);
    auto added = cluster_.internet().add_host("laptop", "/run/netns/" + laptop_, "192.0.2.77");
    EXPECT_TRUE(added) << added.error().message;
    EXPECT_EQ(run({"ip", "-n", laptop_, "route", "add", "default", "dev", "eth0"}).status, 0);
  }
  ~Peers() override {
    on_laptop({"ip", "link", "del", interface_});  // wireguard-go ends with it
    run({"ip", "netns", "del", laptop_});
    std::error_code ignored;
    std::filesystem::remove_all("/etc/netns/" + laptop_, ignored);
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    std::string config = cluster_.host("a").folder + "/fly.toml";
    write_file(config, kWebService);
    cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
    cluster_.must("a", {"apps", "create", "spy", "--org", "globex"});
    cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
    ASSERT_TRUE(eventually([&] {
      auto apps = cluster_.must("b", {"apps", "list"});
      return apps.find("web") != std::string::npos && apps.find("spy") != std::string::npos;
    }));
    web_ = cluster_.run_machine("b", {"--app", "web", "--", "python3", "-c", kRegionServer});
    spy_ = cluster_.run_machine("a", {"--app", "spy", "--", "sleep", "1000"});
  }

  // What its owner does with the file, but for the resolver, which wg-quick gives to a program that
  // is not everywhere.
  void bring_up(const std::string& file) {
    std::string config = read_file(file), without_dns;
    std::istringstream lines(config);
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with("DNS = ")) without_dns += line + "\n";
    std::string path = cluster_.host("a").folder + "/" + interface_ + ".conf";
    write_file(path, without_dns);
    chmod(path.c_str(), 0600);
    std::filesystem::create_directories("/etc/netns/" + laptop_);
    write_file("/etc/netns/" + laptop_ + "/resolv.conf",
               "nameserver " + value_of(config, "DNS") + "\n");
    auto up = on_laptop({"wg-quick", "up", path});
    ASSERT_EQ(up.status, 0) << up.out << up.err;
    address_ = value_of(config, "Address");
    address_ = address_.substr(0, address_.find('/'));
  }
  Finished on_laptop(const Words& argv) {
    Words words = {"ip", "netns", "exec", laptop_};
    words.insert(words.end(), argv.begin(), argv.end());
    return run(words);
  }
  std::string told(const std::string& name, const std::string& type = "AAAA") {
    return on_laptop({"dig", "+short", "+tries=1", "+time=2", name, type}).out;
  }
  bool reaches(const std::string& target) {
    return on_laptop({"ping", "-6", "-n", "-c", "1", "-W", "2", target}).status == 0;
  }

  Cluster cluster_;
  std::string laptop_ = "sxt-" + std::to_string(getpid()) + "-laptop";
  std::string interface_ = "wgt" + std::to_string(getpid() % 100000) + "lap";
  std::string web_, spy_, address_;
};

TEST_F(Peers, ALaptopJoinsANetworkAndNothingElse) {
  std::string file = cluster_.host("a").folder + "/laptop.conf";
  auto said = cluster_.must("a", {"peer", "create", "laptop", "--org", "acme", "--output", file});
  EXPECT_THAT(said, AllOf(HasSubstr(file), Not(HasSubstr("PrivateKey"))));
  struct stat state {};
  ASSERT_EQ(stat(file.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
  ASSERT_NO_FATAL_FAILURE(bring_up(file));
  ASSERT_TRUE(eventually([&] { return !told("web.internal").empty(); }));
  // Names, as its own system asks for them.
  EXPECT_EQ(told("web.internal"), cluster_.machine_address("b", web_) + "\n");
  EXPECT_EQ(told("laptop._peer.internal"), address_ + "\n");
  EXPECT_THAT(told("_peer.internal", "TXT"), HasSubstr("laptop"));
  EXPECT_EQ(told("_api.internal"), value_of(read_file(file), "DNS") + "\n");
  EXPECT_EQ(told("spy.internal"), "");
  // A machine of another host, by itself and by Flycast: it sees who asks.
  ASSERT_TRUE(eventually([&] { return reaches("web.internal"); }));
  for (const char* url : {"http://web.internal:8080/", "http://web.flycast/"})
    EXPECT_EQ(on_laptop({"curl", "-sS", "--max-time", "10", url}).out, "fra " + address_ + "\n")
        << url;
  // And is let through to it.
  EXPECT_EQ(cluster_.in_machine("b", web_, {"ping", "-6", "-c", "1", "-W", "2", address_}).status,
            0);
  EXPECT_EQ(cluster_.dig("b", web_, "laptop._peer.internal"), std::vector<std::string>{address_});
  EXPECT_FALSE(reaches(cluster_.machine_address("a", spy_)));
  EXPECT_FALSE(reaches(cluster_.infrastructure_address("a")));
  EXPECT_THAT(cluster_.must("a", {"peer", "list"}),
              AllOf(HasSubstr("laptop"), HasSubstr(address_), HasSubstr("192.0.2.77")));
  EXPECT_THAT(cluster_.must("b", {"peer", "list"}), HasSubstr(address_));
}

TEST_F(Peers, AnAgentThatDiesCutsNoPeerOffAndARemovedPeerIsCutOff) {
  std::string file = cluster_.host("a").folder + "/laptop.conf";
  cluster_.must("a", {"peer", "create", "laptop", "--org", "acme", "--output", file});
  ASSERT_NO_FATAL_FAILURE(bring_up(file));
  auto web = cluster_.machine_address("b", web_);
  ASSERT_TRUE(eventually([&] { return reaches(web); }));
  cluster_.kill_agent("a");
  EXPECT_TRUE(reaches(web));
  cluster_.start_agent("a");
  EXPECT_TRUE(reaches(web));
  EXPECT_TRUE(eventually([&] { return told("web.internal") == web + "\n"; }));
  // By another host of its org: the gateway hears of it.
  ASSERT_TRUE(eventually([&] {
    return cluster_.must("b", {"peer", "list"}).find("laptop") != std::string::npos;
  }));
  cluster_.must("b", {"peer", "remove", "laptop", "--org", "acme"});
  EXPECT_TRUE(eventually([&] { return !reaches(web); }));
  EXPECT_EQ(cluster_.dig("b", web_, "laptop._peer.internal"), std::vector<std::string>{});
  EXPECT_THAT(cluster_.must("a", {"peer", "list"}), Not(HasSubstr(address_)));
}

}  // namespace
}  // namespace sixpn::testing
