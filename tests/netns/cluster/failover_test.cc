// What clients of a Flycast address notice while agents are replaced and machines end, under steady
// requests: nothing. How long it takes is measured by tools/bench flycast-failover, not here.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <sstream>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr const char* kWeb = R"(
app = "web"
[[services]]
protocol = "tcp"
internal_port = 8080
auto_start_machines = false
[[services.ports]]
port = 80
handlers = ["http"]
[[services.ports]]
port = 81
)";

// Asks the resolver for argv[1] twenty times a second until SIGINT; then how often in all, and how
// often no address came within the two seconds after which resolvers begin to ask again.
constexpr const char* kAsking = R"(
import signal, socket, struct, sys, time
going = True
def end(*_):
    global going
    going = False
signal.signal(signal.SIGINT, end)
name = b''.join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split('.')) + b'\0'
asked = lost = 0
while going:
    asked += 1
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.settimeout(2)
    try:
        end.connect(('fdaa::3', 53))
        end.send(struct.pack('!HHHHHH', asked & 0xffff, 0x100, 1, 0, 0, 0) + name + struct.pack('!HH', 28, 1))
        answer = end.recv(4096)
        if answer[3] & 15 or not struct.unpack_from('!H', answer, 6)[0]: lost += 1
    except OSError:
        lost += 1
    end.close()
    time.sleep(0.05)
print(asked, lost)
)";

// What both of these do: a request to [argv[1]]:argv[2], and the page that comes.
constexpr const char* kPage = R"(
import socket, sys
def ask(end, fields=b''):
    said = b''
    end.sendall(b'GET / HTTP/1.1\r\nHost: web\r\n' + fields + b'\r\n')
    while not said.partition(b'\r\n\r\n')[2]:
        got = end.recv(4096)
        if not got: break
        said += got
    return said.partition(b'\r\n\r\n')[2].decode()
def dial():
    return socket.create_connection((sys.argv[1], int(sys.argv[2])), 25)
)";
// Asks the machine argv[3], if that can be had, and says what it got.
constexpr const char* kPrefer = R"(
try: print(ask(dial(), b'fly-prefer-instance-id: ' + sys.argv[3].encode() + b'\r\n'), end='')
except OSError as failed: print(type(failed).__name__, end='')
)";
// Holds a stream to the machine whose page is argv[3], says so, and how it ends.
constexpr const char* kHold = R"(
for _ in range(100):
    end = dial()
    page = ask(end)
    if page == sys.argv[3]: break
print(page, flush=True)
try: print('ended' if end.recv(1) == b'' else 'spoke', end='')
except OSError as failed: print(type(failed).__name__, end='')
)";

// Of requests a second, by each of up to eight loads. WireGuard runs in user space here, and a
// machine that cannot carry them would be what fails.
constexpr const char* kRate = "25";

struct Load {
  std::string what;
  std::string log;
  Process process;
};

// Hosts a, b and c of one region; web runs on a and b, clients on a and c.
class Failover : public ::testing::Test {
 protected:
  Failover() {
    for (const auto& name : {"a", "b", "c"})
      cluster_.add_host(name, "iad", "[flycast]\ndrain = \"20s\"\n").supervised = true;
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    std::string config = cluster_.host("a").folder + "/fly.toml";
    write_file(config, kWeb);
    cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
    cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
    cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
    for (const auto& name : {"b", "c"})
      ASSERT_TRUE(eventually([&, host = std::string(name)] {
        auto apps = cluster_.must(host, {"apps", "list"});
        return apps.find("web") != std::string::npos && apps.find("client") != std::string::npos;
      }));
    for (const auto& name : {"a", "b"})
      web_[name] = cluster_.run_machine(
          name, {"--app", "web", "--", SIXPN_STEADY_LOAD, "serve", "8080", name});
    for (const auto& name : {"a", "c"}) {
      client_[name] = cluster_.run_machine(name, {"--app", "client", "--", "sleep", "1000"});
      ASSERT_TRUE(eventually([&, host = std::string(name)] {
        auto found = cluster_.dig(host, client_[host], "web.flycast");
        if (!found.empty()) flycast_ = found[0];
        return !found.empty() && cluster_.dig(host, client_[host], "web.internal").size() == 2;
      }));
    }
    for (const auto& [host, client] : client_) {
      begin_load(host, "keep", "80");
      begin_load(host, "connect", "80");
    }
  }

  // In the network of the machine, as its programs.
  void begin(const std::string& host, const std::string& what, Words argv) {
    Words all = {"nsenter", "--net=/run/netns/" + client_[host]};
    all.insert(all.end(), argv.begin(), argv.end());
    auto load = std::make_unique<Load>();
    load->what = what + " on " + host;
    load->log = cluster_.host(host).folder + "/load" + std::to_string(loads_.size());
    load->process = Process(all, load->log);
    loads_.push_back(std::move(load));
  }
  void begin_load(const std::string& host, const std::string& mode, const std::string& port) {
    begin(host, mode + " " + port, {SIXPN_STEADY_LOAD, mode, flycast_, port, kRate});
  }

  // One of the programs above, as a client on host c.
  Load begin_page(const char* program, const std::string& port, const std::string& whom) {
    Load load{"page " + port, cluster_.host("c").folder + "/page" + port, {}};
    load.process = Process({"nsenter", "--net=/run/netns/" + client_["c"], "python3", "-c",
                            std::string(kPage) + program, flycast_, port, whom},
                           load.log);
    return load;
  }

  // All that were begun: each has asked, and nothing has failed.
  void expect_no_failure() {
    for (const auto& load : loads_) load->process.signal(SIGINT);
    for (const auto& load : loads_) {
      EXPECT_EQ(load->process.wait(), 0);
      std::string said = read_file(load->log);
      std::size_t asked = 0;
      std::size_t failed = 1;
      std::istringstream(said) >> asked >> failed;
      EXPECT_GT(asked, 0u) << load->what;
      EXPECT_EQ(failed, 0u) << load->what << ": " << said;
      std::cout << load->what << ": " << said;
    }
  }

  json::object machine(const std::string& viewer, const std::string& id) {
    return json::parse(cluster_.must(viewer, {"--json", "machine", "status", id})).as_object();
  }
  // Until every host routes to the machine of `host`.
  bool is_started(const std::string& host) {
    return eventually([&] {
      for (const auto& viewer : {"a", "b", "c"})
        if (machine(viewer, web_[host]).at("state").as_string() != "started") return false;
      return true;
    });
  }

  Cluster cluster_{"failover"};
  std::string flycast_;
  std::map<std::string, std::string> web_;     // machine by host
  std::map<std::string, std::string> client_;  // machine by host
  std::vector<std::unique_ptr<Load>> loads_;
};

TEST_F(Failover, AgentsAreReplacedOneByOneAndNobodyNotices) {
  for (const auto& [host, client] : client_) {
    begin_load(host, "connect", "81");
    begin_load(host, "keep", "81");
    begin(host, "names", {"python3", "-c", kAsking, "web.flycast"});
  }
  for (int round = 0; round < 2; ++round)
    for (const auto& name : {"a", "b", "c"}) {
      ASSERT_NO_FATAL_FAILURE(cluster_.restart_agent(name));
      ASSERT_TRUE(eventually([&] { return cluster_.all_see_alive({"a", "b", "c"}); }));
    }
  expect_no_failure();
}

TEST_F(Failover, MachinesAreRestartedOneByOneAndNobodyNotices) {
  for (const auto& name : {"a", "b", "a", "b"}) {
    cluster_.must(name, {"machine", "stop", web_[name]});
    cluster_.must(name, {"machine", "start", web_[name]});
    ASSERT_TRUE(is_started(name));
  }
  expect_no_failure();
}

// What it had taken and not answered is asked again of the other, for it was a GET.
TEST_F(Failover, AMachineIsKilledAndNobodyNotices) {
  for (const auto& name : {"a", "b"}) {
    auto pid = static_cast<pid_t>(machine(name, web_[name]).at("pid").as_int64());
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    ASSERT_TRUE(
        eventually([&] { return machine("c", web_[name]).at("state").as_string() != "started"; }));
    cluster_.must(name, {"machine", "start", web_[name]});
    ASSERT_TRUE(is_started(name));
  }
  expect_no_failure();
}

// Its kernel has acknowledged what it will never answer; and of a stream that rests nobody expects
// anything.
TEST_F(Failover, AHostDiesWithRequestsInIt) {
  Load stream = begin_page(kHold, "81", "b");
  ASSERT_TRUE(eventually([&] { return read_file(stream.log) == "b\n"; }));
  auto pid = static_cast<pid_t>(machine("b", web_["b"]).at("pid").as_int64());
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  Load request = begin_page(kPrefer, "80", web_["b"]);
  ASSERT_FALSE(eventually([&] { return !request.process.running(); }, 2s)) << "it was answered";
  ASSERT_TRUE(stream.process.running());
  cluster_.internet().cut_off("b");
  auto cut_at = std::chrono::steady_clock::now();
  for (Load* each : {&request, &stream}) {
    EXPECT_TRUE(eventually([&] { return !each->process.running(); }, 15s)) << each->what;
    auto took = std::chrono::steady_clock::now() - cut_at;
    std::cout << each->what << ": " << took / 1ms << " ms after the host's death\n";
  }
  EXPECT_EQ(read_file(request.log), "a");
  EXPECT_EQ(read_file(stream.log), "b\nConnectionResetError");
  expect_no_failure();
}

}  // namespace
}  // namespace sixpn::testing
