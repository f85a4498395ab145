// Machines that are suspended, by hand and when idle, and resumed by the connections that need
// them, under real agents.
#include <gmock/gmock.h>

#include <set>

#include "tests/netns/cluster/wake_fixture.h"

namespace sixpn::testing {
namespace {

class Suspended : public Wake {
 protected:
  std::int64_t pid(const std::string& host) {
    return machine(host, web_[host]).at("pid").as_int64();
  }
  bool becomes(const std::string& viewer, const std::string& id, const std::string& wanted) {
    return eventually([&] { return state(viewer, id) == wanted; });
  }
  void suspend_all() {
    for (const auto& [host, id] : web_) {
      cluster_.must(host, {"machine", "suspend", id});
      EXPECT_EQ(state(host, id), "suspended");
    }
    for (const auto& viewer : {"a", "b", "c"})
      for (const auto& [host, id] : web_) ASSERT_TRUE(becomes(viewer, id, "suspended"));
  }
};

TEST_F(Suspended, ManyConnectionsResumeOneAndItIsTheSameProcess) {
  std::map<std::string, std::int64_t> before = {{"a", pid("a")}, {"b", pid("b")}};
  suspend_all();
  EXPECT_TRUE(cluster_.dig("a", client_["a"], "web.internal").empty()) << "withdrawn";
  auto told = dial("a", 20);
  ASSERT_EQ(told.size(), 20U);
  for (const auto& one : told) EXPECT_EQ(one, told[0]);
  ASSERT_THAT(told[0], ::testing::AnyOf(web_["a"], web_["b"]));
  std::string woken = told[0] == web_["a"] ? "a" : "b";
  std::string other = woken == "a" ? "b" : "a";
  EXPECT_EQ(state(woken, web_[woken]), "started");
  EXPECT_EQ(state(other, web_[other]), "suspended");
  EXPECT_EQ(pid(woken), before[woken]);
  EXPECT_EQ(cluster_.dig("a", client_["a"], "web.internal").size(), 1U);
}

TEST_F(Suspended, AnAgentThatRestartsKnowsItAndResumesIt) {
  auto before = pid("a");
  suspend_all();
  cluster_.kill_agent("a");
  cluster_.start_agent("a");
  ASSERT_TRUE(becomes("c", web_["a"], "suspended"));
  EXPECT_EQ(state("a", web_["a"]), "suspended");
  cluster_.must("a", {"machine", "start", web_["a"]});
  EXPECT_EQ(pid("a"), before);
  ASSERT_TRUE(eventually([&] { return dial("c", 1) == std::vector<std::string>{web_["a"]}; }));
  cluster_.must("b", {"machine", "destroy", web_["b"]});
}

TEST_F(Suspended, WhatIsIdleIsSuspendedWhereTheAppWantsThat) {
  auto before = pid("a");
  deploy("auto_stop_machines = \"suspend\"\n");
  for (const auto& host : {"a", "b"}) ASSERT_TRUE(becomes("c", web_[host], "suspended"));
  auto told = dial("c", 5);
  ASSERT_EQ(told.size(), 5U);
  for (const auto& one : told) EXPECT_EQ(one, told[0]);
  EXPECT_EQ(pid("a"), before);
}

// Two services of one machine, and a check of the app itself, each failed by a file of its name.
constexpr const char* kThreePorts = R"(
import http.server, os, socket, sys, threading
me = os.environ['FLY_MACHINE_ID']
class Moody(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = (me + '\n').encode()
        bad = os.path.exists('%s/%s.%d' % (sys.argv[1], me, self.server.server_port))
        self.send_response(503 if bad else 200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
for port in (8080, 9090, 9191):
    threading.Thread(target=Server(('::', port), Moody).serve_forever).start()
)";

constexpr const char* kTwoServices = R"(
app = "web"
[checks.inner]
type = "http"
port = 9191
path = "/"
interval = "2s"
timeout = "5s"
[[services]]
internal_port = 8080
[[services.ports]]
port = 80
[[services.http_checks]]
path = "/"
interval = "1s"
timeout = "5s"
[[services]]
internal_port = 9090
[[services.ports]]
port = 90
[[services.http_checks]]
path = "/"
interval = "1s"
timeout = "5s"
)";

class ServiceChecks : public Wake {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Wake::SetUp());
    folder_ = cluster_.host("a").folder;
    for (auto& [host, id] : web_) {
      cluster_.must(host, {"machine", "destroy", "--force", id});
      id =
          cluster_.run_machine(host, {"--app", "web", "--", "python3", "-c", kThreePorts, folder_});
    }
    std::string config = folder_ + "/two.toml";
    write_file(config, kTwoServices);
    cluster_.must("a", {"deploy", "--config", config, "-a", "web"});
    for (const auto& [host, id] : web_)
      ASSERT_TRUE(eventually([&, machine = id] { return standing("c", machine) == kAllPass; }));
  }

  // "8080 passing, 9090 passing, app passing", as a host's registry says.
  std::string standing(const std::string& viewer, const std::string& id) {
    auto of = machine(viewer, id);
    std::string text;
    for (const auto& service : of.at("services").as_array())
      text += std::to_string(service.at("port").as_int64()) + " " +
              std::string(service.at("health").as_string()) + ", ";
    return text + "app " + std::string(of.at("app_health").as_string());
  }
  void fail(const std::string& id, const std::string& port) {
    write_file(folder_ + "/" + id + "." + port, "");
  }
  // Which machines answer ten requests to a port.
  std::set<std::string> answering(const std::string& port) {
    auto done = cluster_.in_machine("c", client_["c"],
                                    {"curl", "-sS", "--max-time", "20", "-H", "Connection: close",
                                     "http://[" + flycast_ + "]:" + port + "/[1-10]"});
    auto told = lines(done.out);
    EXPECT_EQ(told.size(), 10U) << done.err;
    return {told.begin(), told.end()};
  }

  static constexpr const char* kAllPass = "8080 passing, 9090 passing, app passing";
  std::string folder_;
};

TEST_F(ServiceChecks, AServiceThatFailsLeavesRotationAndTheOtherStays) {
  std::string bad = web_["a"];
  std::string good = web_["b"];
  fail(bad, "8080");
  for (const auto& viewer : {"a", "b", "c"})
    ASSERT_TRUE(eventually([&, at = std::string(viewer)] {
      return standing(at, bad) == "8080 critical, 9090 passing, app passing";
    })) << viewer
        << ": " << standing(viewer, bad);
  EXPECT_EQ(health("c", bad), "critical") << "the worst";
  EXPECT_EQ(answering("80"), std::set<std::string>{good});
  EXPECT_TRUE(eventually([&] { return answering("90").contains(bad); }));
  EXPECT_THAT(cluster_.must("c", {"checks", "list", "web"}),
              ::testing::ContainsRegex("\\(service 8080\\) +critical +" + bad));
  auto explained = cluster_.must("c", {"flycast", "explain", "web", "--as", client_["c"]});
  EXPECT_THAT(explained, ::testing::HasSubstr("its checks fail"));
  auto other =
      cluster_.must("c", {"flycast", "explain", "web", "--port", "90", "--as", client_["c"]});
  EXPECT_THAT(other, ::testing::Not(::testing::HasSubstr("its checks fail")));
}

TEST_F(ServiceChecks, TheAppsOwnCheckIsShownAndTakesNothingOutOfRotation) {
  std::string bad = web_["a"];
  fail(bad, "9191");
  for (const auto& viewer : {"a", "b", "c"})
    ASSERT_TRUE(eventually([&, at = std::string(viewer)] {
      return standing(at, bad) == "8080 passing, 9090 passing, app critical";
    }));
  EXPECT_EQ(health("c", bad), "passing");
  for (const auto& port : {"80", "90"})
    EXPECT_TRUE(eventually([&, on = std::string(port)] { return answering(on).contains(bad); }));
  auto listed = cluster_.must("a", {"checks", "list", "web"});
  EXPECT_THAT(listed, ::testing::ContainsRegex("inner +critical"));
  EXPECT_THAT(listed, ::testing::HasSubstr("503"));
  EXPECT_EQ(cluster_.dig("c", client_["c"], "healthy.web.internal").size(), 1U);
  EXPECT_EQ(cluster_.dig("c", client_["c"], "web.internal").size(), 2U);
}

}  // namespace
}  // namespace sixpn::testing
