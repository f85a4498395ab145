// What machines see of their cluster: names, each other, Flycast; and what they must not see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Two hosts; org acme with `web` on both and a client on each; org globex with a spy on a.
class Apps : public ::testing::Test {
 protected:
  Apps() : cluster_("apps") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    std::string config = cluster_.host("a").folder + "/fly.toml";
    write_file(config, kWebService);
    cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
    cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
    cluster_.must("a", {"apps", "create", "spy", "--org", "globex"});
    ASSERT_TRUE(eventually([&] {
      auto apps = cluster_.must("b", {"apps", "list"});
      return std::ranges::all_of(std::array{"web", "client", "spy"}, [&](const char* app) {
        return apps.find(app) != std::string::npos;
      });
    }));
    web_a_ = cluster_.run_machine("a", {"--app", "web", "--", "python3", "-c", kRegionServer});
    web_b_ = cluster_.run_machine(
        "b", {"--app", "web", "--metadata", "role=replica", "--", "python3", "-c", kRegionServer});
    client_ = cluster_.run_machine("a", {"--app", "client", "--", "sleep", "1000"});
    spy_ = cluster_.run_machine("a", {"--app", "spy", "--", "sleep", "1000"});
    web_a_address_ = cluster_.machine_address("a", web_a_);
    web_b_address_ = cluster_.machine_address("b", web_b_);
    ASSERT_TRUE(eventually([&] { return client_digs("web.internal").size() == 2; }));
    // A name may be known a moment before the route to it is installed, on both ends.
    ASSERT_TRUE(eventually([&] { return reaches(web_b_address_); }));
  }

  bool reaches(const std::string& target) {
    return client_does({"ping", "-6", "-c", "1", "-W", "1", target}).status == 0;
  }

  std::vector<std::string> client_digs(const std::string& name, const std::string& type = "AAAA") {
    return cluster_.dig("a", client_, name, type);
  }

  bool serves(const std::string& server) {
    return client_does({"curl", "-sS", "--max-time", "5", "http://[" + server + "]:8080/"})
               .status == 0;
  }

  Finished client_does(const Words& argv) { return cluster_.in_machine("a", client_, argv); }
  Finished spy_does(const Words& argv) { return cluster_.in_machine("a", spy_, argv); }

  Cluster cluster_;
  std::string web_a_, web_b_, client_, spy_, web_a_address_, web_b_address_;
};

TEST_F(Apps, NamesLeadToMachines) {
  EXPECT_THAT(client_digs("web.internal"), UnorderedElementsAre(web_a_address_, web_b_address_));
  EXPECT_THAT(client_digs("fra.web.internal"), ElementsAre(web_b_address_));
  EXPECT_THAT(client_digs(web_a_ + ".vm.web.internal"), ElementsAre(web_a_address_));
  EXPECT_THAT(client_digs("replica.role.kv._metadata.web.internal"), ElementsAre(web_b_address_));
  EXPECT_THAT(client_digs("regions.web.internal", "TXT"), ElementsAre(HasSubstr("fra")));
  EXPECT_THAT(client_digs("web.internal", "A"), IsEmpty());
  auto nearest = client_does({"dig", "+short", "top1.nearest.of.web.internal", "AAAA"});
  EXPECT_EQ(nearest.out, web_a_address_ + "\n");
  auto over_tcp = client_does({"dig", "+tcp", "+short", "fra.web.internal", "AAAA"});
  EXPECT_EQ(over_tcp.out, web_b_address_ + "\n");
  auto pointer = client_does({"dig", "+short", "-x", web_b_address_});
  EXPECT_EQ(pointer.out, web_b_ + ".vm.web.internal.\n");
  // getaddrinfo, as programs use it.
  EXPECT_THAT(client_does({"getent", "ahostsv6", "fra.web.internal"}).out,
              HasSubstr(web_b_address_));
}

TEST_F(Apps, AMachineLooksLikeFlys) {
  auto address = cluster_.machine_address("a", client_);
  EXPECT_EQ(client_does({"hostname"}).out, client_ + "\n");
  EXPECT_THAT(client_does({"cat", "/etc/resolv.conf"}).out, HasSubstr("nameserver fdaa::3"));
  EXPECT_THAT(client_does({"getent", "hosts", "fly-local-6pn"}).out, HasSubstr(address));
  auto printed =
      cluster_.run_machine("a", {"--app", "client", "--env", "COLOUR=blue", "--", "env"});
  ASSERT_TRUE(eventually([&] {
    return cluster_.must("a", {"machine", "status", printed}).find("stopped") != std::string::npos;
  }));
  auto log = cluster_.must("a", {"machine", "logs", printed});
  for (const auto& line :
       {std::string("COLOUR=blue"), std::string("FLY_APP_NAME=client"), "FLY_MACHINE_ID=" + printed,
        std::string("FLY_REGION=iad"), std::string("FLY_PRIVATE_IP=fdaa:")})
    EXPECT_THAT(log, HasSubstr(line));
}

TEST_F(Apps, MachinesPingEachOtherOverTheMesh) {
  auto ping = client_does({"ping", "-6", "-c", "2", "-W", "3", "fra.web.internal"});
  EXPECT_EQ(ping.status, 0) << ping.out << ping.err;
}

TEST_F(Apps, FlycastTakesTheNearestAndThenTheNext) {
  cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
  std::string mine = cluster_.machine_address("a", client_);
  Words curl = {"curl", "-sS", "--max-time", "5", "http://web.flycast/"};
  ASSERT_TRUE(eventually([&] { return serves(web_a_address_) && serves(web_b_address_); }));
  EXPECT_EQ(client_does(curl).out, "iad " + mine + "\n");
  cluster_.must("a", {"machine", "stop", web_a_});
  EXPECT_EQ(client_does(curl).out, "fra " + mine + "\n");
  EXPECT_THAT(client_digs("web.internal"), ElementsAre(web_b_address_));
  cluster_.must("a", {"machine", "start", web_a_});
  ASSERT_TRUE(eventually([&] { return client_does(curl).out == "iad " + mine + "\n"; }));
  EXPECT_EQ(client_does({"ping", "-6", "-c", "1", "-W", "1", "web.flycast"}).status, 0);
}

TEST_F(Apps, AnotherOrganisationSeesNothing) {
  cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
  auto flycast = client_digs("web.flycast");
  ASSERT_EQ(flycast.size(), 1U);
  EXPECT_THAT(spy_does({"dig", "web.internal", "AAAA"}).out, HasSubstr("NXDOMAIN"));
  EXPECT_THAT(spy_does({"dig", "+short", "_apps.internal", "TXT"}).out, HasSubstr("\"spy\""));
  EXPECT_THAT(spy_does({"dig", "-x", web_a_address_}).out, HasSubstr("NXDOMAIN"));
  for (const auto& target : {web_a_address_, web_b_address_}) {
    EXPECT_NE(spy_does({"ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", target}).status, 0);
    EXPECT_NE(spy_does({"curl", "-sS", "--max-time", "1", "http://[" + target + "]:8080/"}).status,
              0);
  }
  EXPECT_NE(spy_does({"curl", "-sS", "--max-time", "2", "http://[" + flycast[0] + "]/"}).status, 0);
}

TEST_F(Apps, ASpoofedSourceIsDropped) {
  // The spy takes addresses of the other network for its own: its packets must not leave its host
  // end, and answers must not reach it.
  std::string neighbour = web_a_address_.substr(0, web_a_address_.rfind(':')) + ":9";
  for (const auto& borrowed : {web_b_address_, neighbour}) {
    ASSERT_EQ(
        run({"ip", "-n", spy_, "addr", "add", borrowed + "/128", "dev", "sixpn0", "nodad"}).status,
        0);
    EXPECT_NE(
        spy_does({"ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", "-I", borrowed, web_a_address_})
            .status,
        0);
    EXPECT_NE(
        spy_does({"dig", "-b", borrowed, "+time=1", "+tries=1", "web.internal", "AAAA"}).status, 0);
  }
}

TEST_F(Apps, InfrastructureIsOutOfReach) {
  std::string own = cluster_.infrastructure_address("a");
  ASSERT_THAT(own, HasSubstr("fdaa:"));
  EXPECT_NE(client_does({"ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", own}).status, 0);
  for (const char* port : {"7946", "7947"}) {
    auto connect =
        client_does({"curl", "-sS", "--max-time", "1", "telnet://[" + own + "]:" + port});
    EXPECT_EQ(connect.status, 28) << "a dropped packet times out: " << connect.err;
  }
}

TEST_F(Apps, AnAttachedNamespaceIsAMachine) {
  std::string netns = "sxt-" + std::to_string(getpid()) + "-guest";
  ASSERT_EQ(run({"ip", "netns", "add", netns}).status, 0);
  auto attached =
      cluster_.sixpn("b", {"machine", "attach", "--netns", "/run/netns/" + netns, "--app", "web"});
  EXPECT_EQ(attached.status, 0) << attached.err;
  EXPECT_TRUE(eventually([&] { return client_digs("web.internal").size() == 3; }));
  auto ping =
      run({"ip", "netns", "exec", netns, "ping", "-6", "-c", "1", "-W", "3", web_a_address_});
  EXPECT_EQ(ping.status, 0) << ping.out;
  run({"ip", "netns", "del", netns});
}

TEST_F(Apps, ClearErrorsForPeople) {
  const struct {
    Words words;
    const char* says;
    int status = 1;
  } kCases[] = {
      {{"machine", "run", "--app", "nope", "--", "true"}, "app nope does not exist"},
      {{"apps", "create", "web", "--org", "acme"}, "exists already"},
      {{"apps", "create", "We b", "--org", "acme"}, "expected 1 to 63"},
      {{"machine", "status", "zz"}, "14 hexadecimal digits", 2},
      {{"machine", "stop", web_b_}, "lives on host b"},
      {{"machine", "run", "--app", "client", "--", "/no/such/program"}, "/no/such/program"},
      {{"machine", "attach", "--netns", "/no/such/netns", "--app", "web"}, "/no/such/netns"},
      {{"apps", "destroy", "web", "--org", "acme"}, "still has 2 machines"},
  };
  for (const auto& [words, says, status] : kCases) {
    auto finished = cluster_.sixpn("a", words);
    EXPECT_EQ(finished.status, status) << says;
    EXPECT_THAT(finished.err, HasSubstr(says));
  }
}

}  // namespace
}  // namespace sixpn::testing
