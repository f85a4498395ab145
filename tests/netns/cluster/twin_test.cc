// Two hosts that enrolled with one token, each where the other was not known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

const Words kAll = {"a", "b", "first", "second", "third"};

class Twin : public ::testing::Test {
 protected:
  Twin() : cluster_("twin") {
    const char* regions[] = {"iad", "fra", "nrt", "nrt", "iad"};
    for (std::size_t i = 0; i < kAll.size(); ++i) cluster_.add_host(kAll[i], regions[i]);
  }

  // Of a and b only.
  void SetUp() override {
    cluster_.internet().start();
    auto made = run({SIXPN_CLI, "cluster", "init", "--name", "a", "--region", "iad", "--state-dir",
                     cluster_.host("a").state_dir()});
    ASSERT_EQ(made.status, 0) << made.err;
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("a"));
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("b", cluster_.invite("a", "b", "fra")));
    ASSERT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b"}); }));
    cluster_.must("a", {"apps", "create", "web", "--org", "acme"});
    ASSERT_TRUE(eventually([&] { return knows_app("b"); }));
  }

  // One token, two servers, each let in by a host that does not know of the other.
  void enrol_twice() {
    const std::string token = cluster_.invite("a", "x", "nrt");
    cluster_.internet().cut("a", "b");
    cluster_.internet().cut("first", "b");
    cluster_.internet().cut("second", "a");
    cluster_.internet().cut("first", "second");
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("first", token));
    ASSERT_TRUE(eventually([&] { return sees("a", "x", "alive"); }));
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("second", token));
    ASSERT_TRUE(eventually([&] { return sees("b", "x", "alive"); }));
    for (const char* name : {"first", "second"}) {
      key_[name] = cluster_.wg(name, "public-key");
      ASSERT_EQ(key_[name].size(), 44U);
      ASSERT_TRUE(eventually([&] { return knows_app(name); }));
      machine_[name] = cluster_.run_machine(name, {"--app", "web", "--", "sleep", "1000"});
    }
    ASSERT_TRUE(eventually([&] { return lists("a", "first") && lists("b", "second"); }));
    ASSERT_TRUE(has_peer("a", "first") && has_peer("b", "second"));
    ASSERT_FALSE(tells("a") || tells("b") || tells("first") || tells("second"));
  }

  std::string status(const std::string& on) { return cluster_.must(on, {"status"}); }
  bool tells(const std::string& on) {
    return status(on).find("is enrolled twice") != std::string::npos;
  }
  bool knows_app(const std::string& on) {
    return cluster_.must(on, {"apps", "list"}).find("web") != std::string::npos;
  }
  bool lists(const std::string& on, const std::string& owner) {
    return cluster_.must(on, {"machine", "list"}).find(machine_[owner]) != std::string::npos;
  }
  // Whose certificate stands and whose lost, as far as this host knows.
  std::pair<std::string, std::string> enrolments(const std::string& on) {
    const auto all = json::parse(cluster_.must(on, {"--json", "status"}));
    const auto& conflicts = all.at("conflicts").as_array();
    if (conflicts.size() != 1) return {};
    auto digest = [&](const char* which) {
      return std::string(conflicts.front().at(which).at("certificate").as_string()).substr(0, 16);
    };
    return {digest("standing"), digest("lost")};
  }
  bool sees(const std::string& on, const std::string& who, const std::string& status) {
    const auto all = json::parse(cluster_.must(on, {"--json", "host", "list"}));
    for (const auto& host : all.as_array())
      if (host.at("name").as_string() == who) return host.at("status").as_string() == status;
    return false;
  }
  bool has_peer(const std::string& on, const std::string& whose) {
    return cluster_.has_wg_peer(on, key_[whose]);
  }
  bool only_the_first_stands(const std::string& on) {
    return has_peer(on, "first") && !has_peer(on, "second") && lists(on, "first") &&
           !lists(on, "second") && sees(on, "x", "alive");
  }

  Cluster cluster_;
  std::map<std::string, std::string> key_, machine_;
};

TEST_F(Twin, TheLaterEnrolmentIsRefusedEverywhereAndSaysSo) {
  ASSERT_NO_FATAL_FAILURE(enrol_twice());
  cluster_.internet().heal();
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(eventually([&] { return only_the_first_stands(name); }, 60s)) << status(name);
    EXPECT_TRUE(eventually([&] { return tells(name); }, 60s)) << status(name);
  }
  // Both name the same two.
  ASSERT_TRUE(eventually([&] { return enrolments("a") == enrolments("b"); })) << status("b");
  const auto [standing, lost] = enrolments("a");
  ASSERT_NE(standing, lost);
  for (const char* name : {"a", "b"})
    EXPECT_THAT(status(name), AllOf(ContainsRegex(standing + ".* stands"),
                                    ContainsRegex(lost + ".* is refused")));
  // The one that lost, also after a new start. It has no tunnel: who refuses it tells it.
  auto knows_that_it_lost = [&] {
    return status("second").find("certificate " + standing) != std::string::npos;
  };
  EXPECT_TRUE(eventually(knows_that_it_lost, 90s)) << status("second");
  EXPECT_TRUE(eventually(
      [&] { return !sees("second", "a", "alive") && !sees("second", "b", "alive"); }, 90s))
      << status("second");
  cluster_.kill_agent("second");
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("second"));
  EXPECT_TRUE(eventually(knows_that_it_lost, 90s)) << status("second");
  EXPECT_THAT(status("second"),
              AllOf(HasSubstr("another host refuses this one: the token was already used"),
                    ContainsRegex("so " + lost + ".* is refused")));
  for (const char* name : {"a", "b"}) EXPECT_TRUE(only_the_first_stands(name)) << status(name);
  // Who met only the one that stands has nothing to tell.
  ASSERT_NO_FATAL_FAILURE(cluster_.start_agent("third", cluster_.invite("a", "third", "iad")));
  EXPECT_TRUE(eventually([&] { return only_the_first_stands("third"); }, 60s)) << status("third");
  EXPECT_FALSE(tells("third") || tells("first"));
  EXPECT_THAT(status("first"), Not(HasSubstr("refuses this one")));
}

}  // namespace
}  // namespace sixpn::testing
