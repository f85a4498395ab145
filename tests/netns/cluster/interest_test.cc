// Hosts that hold the machines of the networks that they use, and no others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kUsed = "[registry]\nhold = \"used\"\n";

// Two networks of one organisation: `web` in default on a and b, `shop` in blue on b and c.
class Interest : public ::testing::Test {
 protected:
  Interest() : cluster_("used") {
    cluster_.add_host("a", "iad", kUsed);
    cluster_.add_host("b", "fra", kUsed);
    cluster_.add_host("c", "nrt", kUsed);
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    std::string config = cluster_.host("a").folder + "/fly.toml";
    write_file(config, kWebService);
    cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
    cluster_.must("a", {"apps", "create", "shop", "--org", "acme", "--network", "blue"});
    for (const char* host : {"b", "c"})
      ASSERT_TRUE(eventually([&] {
        auto apps = cluster_.must(host, {"apps", "list"});
        return apps.find("web") != std::string::npos && apps.find("shop") != std::string::npos;
      }));
    web_a_ = run("a", "web");
    web_b_ = run("b", "web");
    shop_b_ = run("b", "shop");
    shop_c_ = run("c", "shop");
  }

  std::string run(const std::string& host, const std::string& app) {
    return cluster_.run_machine(
        host, {"--app", app, "--", "python3", "-m", "http.server", "--bind", "::", "8080"});
  }
  bool digs(const std::string& host, const std::string& machine, const std::string& name,
            std::size_t count) {
    return eventually([&] { return cluster_.dig(host, machine, name).size() == count; });
  }

  Cluster cluster_;
  std::string web_a_, web_b_, shop_b_, shop_c_;
};

TEST_F(Interest, AHostHoldsWhatItUsesAndSaysWhatItDoesNot) {
  EXPECT_TRUE(digs("a", web_a_, "web.internal", 2));
  EXPECT_TRUE(digs("b", web_b_, "web.internal", 2));
  EXPECT_TRUE(digs("b", shop_b_, "shop.internal", 2));
  EXPECT_TRUE(digs("c", shop_c_, "shop.internal", 2));

  // What a does not hold is nowhere taken for nothing.
  EXPECT_THAT(cluster_.must("a", {"status"}), HasSubstr("not held"));
  EXPECT_THAT(cluster_.must("a", {"apps", "list"}), HasSubstr("not held"));
  auto dump = cluster_.sixpn("a", {"registry", "dump"});
  EXPECT_THAT(dump.out, Not(HasSubstr(shop_c_)));
  EXPECT_THAT(dump.err, HasSubstr("does not hold the machines of 1 network (acme/blue)"));
  auto rows = cluster_.sixpn("a", {"registry", "sql", "SELECT id FROM machines", "--state-dir",
                                   cluster_.host("a").state_dir()});
  EXPECT_THAT(rows.out, Not(HasSubstr(shop_c_)));
  EXPECT_THAT(rows.err, HasSubstr("(acme/blue)"));
  EXPECT_THAT(cluster_.sixpn("a", {"machine", "list"}).err, HasSubstr("(acme/blue)"));
  for (const Words& words :
       {Words{"machine", "list", "-a", "shop"}, Words{"registry", "watch", "--network", "blue"},
        Words{"apps", "destroy", "shop"}}) {
    auto refused = cluster_.sixpn("a", words);
    EXPECT_EQ(refused.status, 1) << words[1];
    EXPECT_THAT(refused.err, HasSubstr("does not hold all machines of network blue of acme"));
    EXPECT_THAT(refused.err, HasSubstr("run this on "));
  }
  auto asked = cluster_.must("a", {"dig", "shop.internal", "--network", "blue"});
  EXPECT_THAT(asked, HasSubstr("SERVFAIL"));
  EXPECT_THAT(cluster_.must("c", {"dig", "shop.internal", "--network", "blue"}),
              HasSubstr("NOERROR"));
}

TEST_F(Interest, AUseThatBeginsLaterAnswersWithAllOrNotAtAll) {
  ASSERT_TRUE(digs("b", shop_b_, "shop.internal", 2));
  std::string shop_a = run("a", "shop");
  std::size_t answers = 0;
  ASSERT_TRUE(eventually([&] {
    answers = cluster_.dig("a", shop_a, "shop.internal").size();
    EXPECT_TRUE(answers == 0 || answers == 3) << answers;
    return answers == 3;
  }));
  EXPECT_TRUE(digs("c", shop_c_, "shop.internal", 3));
  EXPECT_THAT(cluster_.must("a", {"status"}), Not(HasSubstr("not held")));

  // It knows after a restart what it held before.
  cluster_.kill_agent("a");
  cluster_.start_agent("a");
  EXPECT_TRUE(digs("a", shop_a, "shop.internal", 3));
}

TEST_F(Interest, FlycastBringsTheNetworkThatItLeadsTo) {
  EXPECT_THAT(cluster_.must("c", {"status"}), HasSubstr("not held"));
  cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web", "--network", "blue"});
  Words curl = {"curl",         "-sS",        "-o", "/dev/null",          "-w",
                "%{http_code}", "--max-time", "5",  "http://web.flycast/"};
  EXPECT_TRUE(eventually([&] { return cluster_.in_machine("c", shop_c_, curl).out == "200"; }));
  EXPECT_TRUE(eventually(
      [&] { return cluster_.must("c", {"status"}).find("not held") == std::string::npos; }));
  // Its names stay those of its own network.
  EXPECT_THAT(cluster_.dig("c", shop_c_, "web.internal"), IsEmpty());
}

}  // namespace
}  // namespace sixpn::testing
