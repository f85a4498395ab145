// Hosts that are shut out: revoked, expired; and those that leave by themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class Trust : public ::testing::Test {
 protected:
  Trust() : cluster_("trust") {
    const std::string kShortGrace = "[trust]\ncertificate_grace = \"2s\"\n";
    cluster_.add_host("a", "iad", kShortGrace);
    cluster_.add_host("b", "fra", kShortGrace);
    cluster_.add_host("c", "nrt", kShortGrace);
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    cluster_.must("a", {"apps", "create", "web", "--org", "acme"});
    for (const char* name : {"a", "b", "c"}) {
      ASSERT_TRUE(eventually([&] {
        return cluster_.must(name, {"apps", "list"}).find("web") != std::string::npos;
      }));
      machine_[name] = cluster_.run_machine(name, {"--app", "web", "--", "sleep", "1000"});
    }
    key_ = cluster_.wg("c", "public-key");
    ASSERT_EQ(key_.size(), 44U);
    for (const char* name : {"a", "b"}) {
      ASSERT_TRUE(eventually([&] { return digs(name) == 3; }));
      ASSERT_TRUE(has_peer(name));
    }
  }

  // Whether WireGuard on this host still knows c.
  bool has_peer(const std::string& name) { return cluster_.has_wg_peer(name, key_); }
  std::size_t digs(const std::string& name) {
    return cluster_.dig(name, machine_[name], "web.internal").size();
  }
  bool has_gone(const std::string& name) { return !has_peer(name) && digs(name) == 2; }
  std::string status_of_c(const std::string& on) {
    auto hosts = json::parse(cluster_.must(on, {"--json", "host", "list"}));
    for (const auto& host : hosts.as_array())
      if (host.at("name").as_string() == "c") return std::string(host.at("status").as_string());
    return "unknown";
  }
  Words with_root(Words words) {
    words.insert(words.end(), {"--root-key", cluster_.host("a").state_dir() + "/root.key"});
    return words;
  }

  Cluster cluster_;
  std::string key_;  // of c's WireGuard
  std::map<std::string, std::string> machine_;
};

TEST_F(Trust, ARevokedHostIsGoneEverywhereAndStaysAway) {
  auto elsewhere = cluster_.sixpn(
      "b", {"host", "revoke", "c", "--yes", "--state-dir", cluster_.host("b").state_dir()});
  EXPECT_EQ(elsewhere.status, 1);
  EXPECT_THAT(elsewhere.err, HasSubstr("there is no " + cluster_.host("b").state_dir() +
                                       "/root.key: run this on the host that keeps it"));
  auto self = cluster_.sixpn("a", with_root({"host", "revoke", "a", "--yes"}));
  EXPECT_EQ(self.status, 2);
  EXPECT_THAT(self.err, HasSubstr("--self"));

  auto start = std::chrono::steady_clock::now();
  cluster_.must("a", with_root({"host", "revoke", "c", "--yes"}));
  for (const char* name : {"a", "b"})
    EXPECT_TRUE(eventually([&] { return has_gone(name); })) << name;
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds_until_gone", std::to_string(took.count()));
  for (const char* name : {"a", "b"}) EXPECT_EQ(status_of_c(name), "revoked");
  // It is told, and hears it again from those it knocks at.
  EXPECT_TRUE(eventually([&] { return status_of_c("c") == "revoked"; }));
  EXPECT_THAT(cluster_.must("c", {"status"}), HasSubstr("Warning: this host is revoked"));
  EXPECT_TRUE(eventually(
      [&] { return read_file(cluster_.host("c").log()).find("was revoked") != std::string::npos; },
      seconds(90)));
  auto again = cluster_.sixpn("a", with_root({"host", "revoke", "c", "--yes"}));
  EXPECT_THAT(again.err, HasSubstr("is revoked already"));
  auto renew = cluster_.sixpn("a", with_root({"host", "renew", "c"}));
  EXPECT_THAT(renew.err, HasSubstr("cannot be undone"));

  for (const char* name : {"a", "b", "c"}) {
    cluster_.kill_agent(name);
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent(name));
  }
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(eventually([&] { return has_gone(name); })) << name;
    EXPECT_EQ(status_of_c(name), "revoked");
  }
}

TEST_F(Trust, ARevocationCrossesAPartitionThatHeals) {
  cluster_.internet().cut("a", "b");
  cluster_.internet().cut("a", "c");
  cluster_.must("a", with_root({"host", "revoke", "c", "--yes"}));
  ASSERT_TRUE(eventually([&] { return !has_peer("a"); }));
  EXPECT_TRUE(has_peer("b"));  // where nobody has heard of it yet
  cluster_.internet().heal();
  EXPECT_TRUE(eventually([&] { return has_gone("b"); }, seconds(40)));
  EXPECT_EQ(status_of_c("b"), "revoked");
  EXPECT_TRUE(eventually(
      [&] { return read_file(cluster_.host("c").log()).find("was revoked") != std::string::npos; },
      seconds(90)));
  EXPECT_FALSE(has_peer("a"));
}

TEST_F(Trust, AnExpiredHostIsCutAfterItsGraceAndARenewalBringsItBack) {
  cluster_.must("a", with_root({"host", "renew", "c", "--valid", "2s"}));
  EXPECT_TRUE(eventually([&] { return has_gone("a") && has_gone("b"); }, seconds(20)));
  for (const char* name : {"a", "b"}) EXPECT_EQ(status_of_c(name), "expired");
  EXPECT_TRUE(eventually(
      [&] {
        return read_file(cluster_.host("c").log()).find("sixpn host renew c") != std::string::npos;
      },
      seconds(90)));
  cluster_.must("a", with_root({"host", "renew", "c"}));
  EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b", "c"}); }, seconds(60)));
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(eventually([&] { return digs(name) == 3; }));
    EXPECT_TRUE(has_peer(name));
  }
}

TEST_F(Trust, AHostThatLeavesIsOutAtOnceAndComesBackByStartingItsAgent) {
  cluster_.must("c", {"host", "leave"});
  EXPECT_EQ(cluster_.host("c").agent->wait(), 3);
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(eventually([&] { return has_gone(name); })) << name;
    EXPECT_EQ(status_of_c(name), "left");
  }
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("c"));
  EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b", "c"}); }, seconds(60)));
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(eventually([&] { return digs(name) == 3; }));
    EXPECT_TRUE(has_peer(name));
  }
}

}  // namespace
}  // namespace sixpn::testing
