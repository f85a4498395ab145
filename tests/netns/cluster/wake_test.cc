// Machines that sleep, that are put to sleep, and that fail their checks, under real agents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>

#include "tests/netns/cluster/wake_fixture.h"

namespace sixpn::testing {
namespace {

using ::testing::HasSubstr;

// How long a stopped machine takes to answer: asked to start by its host's agent and dialled
// directly, and woken by a connection to the Flycast address. Milliseconds, median of seven each.
constexpr const char* kMeasure = R"(
import socket, statistics, sys, time
agent, machine, direct, flycast = sys.argv[1:5]
def ask(verb, wait=True):
    end = socket.socket(socket.AF_UNIX)
    end.connect(agent)
    end.sendall(b'POST /v1/machines/%s/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
                % (machine.encode(), verb.encode()))
    if wait: end.recv(1)
    return end
def first_byte(address, port):
    while True:
        end = socket.socket(socket.AF_INET6)
        try:
            end.connect((address, port))
            if end.recv(1): return
        except OSError: pass
        finally: end.close()
        time.sleep(0.0005)
times = {'own': [], 'woken': []}
for _ in range(7):
    ask('stop')
    began = time.monotonic()
    kept = ask('start', False)
    first_byte(direct, 8080)
    times['own'].append(time.monotonic() - began)
    kept.recv(1)
    ask('stop')
    began = time.monotonic()
    first_byte(flycast, 80)
    times['woken'].append(time.monotonic() - began)
own, woken = (1000 * statistics.median(times[kind]) for kind in ('own', 'woken'))
print('started by its agent %.1f ms, woken by a connection %.1f ms: %.1f ms more' % (own, woken, woken - own))
)";

TEST_F(Wake, AConnectionStartsAMachineOfItsRegion) {
  stop_all();
  auto told = dial("a", 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], ::testing::AnyOf(web_["a"], web_["b"]));
  EXPECT_EQ(running(), 1);
}

TEST_F(Wake, ACordonedMachineGetsNothingNew) {
  auto told = cluster_.must("a", {"machine", "cordon", web_["a"]});
  EXPECT_THAT(told, ::testing::HasSubstr("is started, cordoned"));
  for (const auto& each : dial("a", 20)) EXPECT_EQ(each, web_["b"]);
  EXPECT_THAT(cluster_.must("a", {"flycast", "explain", "web"}), ::testing::HasSubstr("cordoned"));
  EXPECT_THAT(cluster_.must("b", {"machine", "list"}), ::testing::HasSubstr("started, cordoned"));
  EXPECT_EQ(cluster_.dig("a", client_["a"], "web.internal").size(), 2U) << "its names stay";
  // Nor is it woken; who comes meanwhile waits, and has it once it may be had.
  stop_all();
  cluster_.must("b", {"machine", "cordon", web_["b"]});
  Process waiting(
      {"nsenter", "--net=/run/netns/" + client_["a"], "python3", "-c", kClients, flycast_, "1"},
      cluster_.host("a").folder + "/waiting.log");
  auto waits = [&] {
    auto status = json::parse(cluster_.must("a", {"--json", "flycast", "status"})).as_object();
    return status.at("stats").at("open").to_number<std::int64_t>() > 0;
  };
  ASSERT_TRUE(eventually(waits));
  EXPECT_EQ(running(), 0);
  cluster_.must("a", {"machine", "uncordon", web_["a"]});
  EXPECT_EQ(waiting.wait(), 0);
  EXPECT_EQ(lines(read_file(cluster_.host("a").folder + "/waiting.log")),
            std::vector<std::string>{web_["a"]});
}

TEST_F(Wake, ManyConnectionsFromEverywhereStartOne) {
  stop_all();
  Process far(
      {"nsenter", "--net=/run/netns/" + client_["c"], "python3", "-c", kClients, flycast_, "10"},
      cluster_.host("c").folder + "/far.log");
  auto told = dial("a", 20);
  EXPECT_EQ(far.wait(), 0);
  auto also = lines(read_file(cluster_.host("c").folder + "/far.log"));
  EXPECT_EQ(told.size(), 20U);
  EXPECT_EQ(also.size(), 10U);
  told.insert(told.end(), also.begin(), also.end());
  for (const auto& one : told) EXPECT_EQ(one, told[0]);
  EXPECT_THAT(told[0], ::testing::AnyOf(web_["a"], web_["b"]));
  EXPECT_EQ(running(), 1);
}

TEST_F(Wake, AnAppWithoutAutostartStaysAsleep) {
  deploy("auto_start_machines = false\n");
  stop_all();
  Process waiting(
      {"nsenter", "--net=/run/netns/" + client_["a"], "python3", "-c", kClients, flycast_, "1"},
      cluster_.host("a").folder + "/waiting.log");
  // Its rounds go by without a start; a start by hand serves it.
  cluster_.must("b", {"machine", "start", web_["b"]});
  EXPECT_EQ(waiting.wait(), 0);
  EXPECT_THAT(read_file(cluster_.host("a").folder + "/waiting.log"), HasSubstr(web_["b"]));
  EXPECT_EQ(state("a", web_["a"]), "stopped");
}

TEST_F(Wake, WhatIsNotNeededSleepsUntilItIs) {
  deploy("auto_stop_machines = \"stop\"\nmin_machines_running = 1\n");
  // No primary region: each region keeps one.
  auto [kept, other] = std::minmax(web_["a"], web_["b"]);
  ASSERT_TRUE(eventually([&, id = other] { return state("c", id) == "stopped"; }));
  deploy("auto_stop_machines = \"stop\"\n");
  ASSERT_TRUE(eventually([&, id = kept] { return state("c", id) == "stopped"; }));
  EXPECT_EQ(running(), 0);
  auto told = dial("c", 5);
  ASSERT_EQ(told.size(), 5U);
  for (const auto& one : told) EXPECT_EQ(one, told[0]);
  EXPECT_THAT(told[0], ::testing::AnyOf(web_["a"], web_["b"]));
  ASSERT_TRUE(eventually([&] { return running() == 0; })) << "idle again";
}

// No assertion on times: the figures are for people, on a machine that does nothing else.
TEST_F(Wake, WhatWakingCosts) {
  cluster_.must("b", {"machine", "destroy", "--force", web_["b"]});
  web_.erase("b");
  auto measured =
      cluster_.in_machine("a", client_["a"],
                          {"python3", "-c", kMeasure, cluster_.host("a").socket(), web_["a"],
                           cluster_.machine_address("a", web_["a"]), flycast_},
                          120s);
  EXPECT_EQ(measured.status, 0) << measured.err;
  EXPECT_THAT(measured.out, HasSubstr("more"));
  std::printf("%s", measured.out.c_str());
}

// A web server that says its machine's id, and 503 while a file of its id lies in its folder.
constexpr const char* kMoody = R"(
import http.server, os, socket, sys
me = os.environ['FLY_MACHINE_ID']
class Moody(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = (me + '\n').encode()
        self.send_response(503 if os.path.exists(sys.argv[1] + '/' + me) else 200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(('::', 8080), Moody).serve_forever()
)";

class Checked : public Wake {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Wake::SetUp());
    folder_ = cluster_.host("a").folder;
    for (auto& [host, id] : web_) {
      cluster_.must(host, {"machine", "destroy", "--force", id});
      id = cluster_.run_machine(host, {"--app", "web", "--", "python3", "-c", kMoody, folder_});
    }
    deploy("[[services.http_checks]]\npath = \"/up\"\ninterval = \"1s\"\ntimeout = \"5s\"\n");
    for (const auto& viewer : {"a", "b", "c"}) ASSERT_TRUE(sees(viewer, "passing", "passing"));
  }
  bool sees(const std::string& viewer, const std::string& of_a, const std::string& of_b) {
    return eventually(
        [&] { return health(viewer, web_["a"]) == of_a && health(viewer, web_["b"]) == of_b; });
  }
  // Which machines answer ten requests of a host's client.
  std::set<std::string> answering(const std::string& host) {
    auto done = cluster_.in_machine(host, client_[host],
                                    {"curl", "-sS", "--max-time", "20", "-H", "Connection: close",
                                     "http://[" + flycast_ + "]/[1-10]"});
    auto told = lines(done.out);
    EXPECT_EQ(told.size(), 10U) << done.err;
    return {told.begin(), told.end()};
  }

  std::string folder_;
};

TEST_F(Checked, AMachineThatFailsLeavesRotationEverywhereAndGoesOn) {
  std::string mood = folder_ + "/" + web_["a"];
  write_file(mood, "");
  ASSERT_TRUE(sees("c", "critical", "passing"));
  auto seen = std::chrono::system_clock::now().time_since_epoch();
  auto verdict = machine("a", web_["a"]).at("checks").at(0).at("updated_ms").as_int64();
  // For people: the bound holds on a machine that does nothing else.
  std::printf("critical on another host %lld ms after the verdict, at most\n",
              static_cast<long long>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(seen).count() - verdict));
  for (const auto& viewer : {"a", "b"}) ASSERT_TRUE(sees(viewer, "critical", "passing"));
  for (const auto& host : {"a", "c"})
    EXPECT_EQ(answering(host), std::set<std::string>{web_["b"]}) << host;
  EXPECT_EQ(state("c", web_["a"]), "started") << "a check stops nothing";
  auto listed = cluster_.must("a", {"checks", "list", "web"});
  EXPECT_THAT(listed, HasSubstr("servicecheck-00-http-8080"));
  EXPECT_THAT(listed, HasSubstr("503 Service Unavailable"));
  std::filesystem::remove(mood);
  for (const auto& viewer : {"a", "b", "c"}) ASSERT_TRUE(sees(viewer, "passing", "passing"));
  EXPECT_TRUE(eventually([&] { return answering("a").contains(web_["a"]); }));
}

TEST_F(Checked, AReadinessCheckOfTheAppTakesAMachineOutToo) {
  deploy(
      "[checks.ready]\ntype = \"http\"\nkind = \"readiness\"\nport = 8080\npath = \"/up\"\n"
      "interval = \"2s\"\ntimeout = \"5s\"\n");
  for (const auto& [host, id] : web_)
    ASSERT_TRUE(eventually([&, at = host, machine_id = id] {
      const auto checks = machine(at, machine_id).at("checks").as_array();
      return checks.size() == 1 && checks[0].at("kind").as_string() == "readiness" &&
             checks[0].at("status").as_string() == "passing";
    }));
  for (const auto& viewer : {"a", "b", "c"}) ASSERT_TRUE(sees(viewer, "passing", "passing"));
  write_file(folder_ + "/" + web_["a"], "");
  for (const auto& viewer : {"a", "b", "c"}) ASSERT_TRUE(sees(viewer, "critical", "passing"));
  for (const auto& host : {"a", "c"})
    EXPECT_EQ(answering(host), std::set<std::string>{web_["b"]}) << host;
  EXPECT_THAT(cluster_.must("a", {"checks", "list", "web"}), HasSubstr("ready"));
}

TEST_F(Checked, AServerThatIsKilledLeavesRotation) {
  auto pid = machine("a", web_["a"]).at("pid").as_int64();
  ASSERT_EQ(kill(static_cast<pid_t>(pid), SIGKILL), 0);
  for (const auto& viewer : {"a", "b", "c"})
    ASSERT_TRUE(
        eventually([&, at = std::string(viewer)] { return state(at, web_["a"]) == "stopped"; }));
  for (const auto& host : {"a", "c"})
    EXPECT_EQ(answering(host), std::set<std::string>{web_["b"]}) << host;
}

// A warning from the start until it answers as it should; routed to only then.
TEST_F(Checked, AMachineThatStartsIsRoutedToAfterItsFirstPass) {
  cluster_.must("a", {"machine", "stop", web_["a"]});
  write_file(folder_ + "/" + web_["a"], "");
  cluster_.must("a", {"machine", "start", web_["a"]});
  EXPECT_EQ(health("a", web_["a"]), "warning");
  EXPECT_EQ(answering("a"), std::set<std::string>{web_["b"]});
  std::filesystem::remove(folder_ + "/" + web_["a"]);
  ASSERT_TRUE(sees("c", "passing", "passing"));
}

// A new agent takes its machines over as they are, and none leaves rotation for it.
TEST_F(Checked, AnAgentThatRestartsTakesNothingOutOfRotation) {
  cluster_.kill_agent("a");
  cluster_.start_agent("a");
  for (int i = 0; i < 20; ++i) {
    auto now = health("c", web_["a"]);
    EXPECT_TRUE(now == "passing" || now == "unknown") << now;
  }
  ASSERT_TRUE(sees("c", "passing", "passing"));
}

}  // namespace
}  // namespace sixpn::testing
