// New WireGuard keys for a running host: no packet lost, no address changed, no old key left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <thread>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<std::string> kHosts = {"a", "b", "c"};

// Counts up on one connection, both ways, at 100 messages a second of 1000 bytes; ends by itself.
// Prints the longest time between a message and its echo.
constexpr const char* kStream = R"(
import socket, sys, time
s = socket.create_connection((sys.argv[1], 9000), timeout=20)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
worst = 0.0
for number in range(int(sys.argv[2])):
    sent = time.monotonic()
    s.sendall(b'%08d' % number + b'x' * 992)
    got = b''
    while len(got) < 1000:
        piece = s.recv(1000 - len(got))
        if not piece: sys.exit('the connection was closed')
        got += piece
    if int(got[:8]) != number: sys.exit('the stream is out of order')
    worst = max(worst, time.monotonic() - sent)
    time.sleep(0.01)
print('worst round trip %.0f ms' % (worst * 1000))
)";
constexpr const char* kEcho = R"(
import socket
l = socket.create_server(('::', 9000), family=socket.AF_INET6)
while True:
    s, _ = l.accept()
    while True:
        piece = s.recv(65536)
        if not piece: break
        s.sendall(piece)
)";

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() : cluster_("rotate") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
    cluster_.add_host("c", "nrt");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    cluster_.must("a", {"apps", "create", "web", "--org", "acme"});
    for (const auto& name : kHosts) {
      ASSERT_TRUE(eventually([&] {
        return cluster_.must(name, {"apps", "list"}).find("web") != std::string::npos;
      }));
      machine_[name] =
          cluster_.run_machine(name, {"--app", "web", "--", "python3", "-c", kEcho});
      address_[name] = cluster_.machine_address(name, machine_[name]);
      infra_[name] = cluster_.infrastructure_address(name);
    }
    for (const auto& from : kHosts)
      for (const auto& to : kHosts)
        ASSERT_TRUE(eventually([&] {
          return cluster_
                     .in_machine(from, machine_[from],
                                 {"ping", "-6", "-c", "1", "-W", "1", address_[to]})
                     .status == 0;
        })) << from << " " << to;
  }

  // Packets for about `seconds`, 500 a second and their answers on every link, from machines.
  void start_traffic(int seconds) {
    std::string count = std::to_string(seconds * 500);
    for (std::size_t i = 0; i < kHosts.size(); ++i) {
      const std::string& from = kHosts[i];
      const std::string& to = kHosts[(i + 1) % kHosts.size()];
      std::string log = cluster_.host(from).folder + "/traffic";
      std::filesystem::remove(log + ".ping");
      std::filesystem::remove(log + ".tcp");
      pings_.emplace_back(Words{"ip", "netns", "exec", machine_[from], "ping", "-6", "-q", "-i",
                                "0.002", "-c", count, "-W", "3", address_[to]},
                          log + ".ping");
      // A message and its echo take a round trip.
      streams_.emplace_back(Words{"ip", "netns", "exec", machine_[from], "python3", "-c", kStream,
                                  address_[to], std::to_string(seconds * 4)},
                            log + ".tcp");
    }
  }

  void expect_no_loss() {
    for (std::size_t i = 0; i < kHosts.size(); ++i) {
      EXPECT_TRUE(pings_[i].running()) << "the flood ended before the rotation did; lengthen it";
      EXPECT_EQ(pings_[i].wait(), 0);
      std::string log = cluster_.host(kHosts[i]).folder + "/traffic";
      EXPECT_THAT(read_file(log + ".ping"), HasSubstr(" 0% packet loss")) << kHosts[i];
      EXPECT_EQ(streams_[i].wait(), 0) << read_file(log + ".tcp");
      std::printf("%s: %s%s\n", kHosts[i].c_str(), read_file(log + ".ping").c_str(),
                  read_file(log + ".tcp").c_str());
    }
    pings_.clear();
    streams_.clear();
  }

  json::value rotate(const std::string& name) {
    auto begin = std::chrono::steady_clock::now();
    auto done = cluster_.sixpn(name, {"--json", "host", "rotate-key"}, 120s);
    EXPECT_EQ(done.status, 0) << done.err;
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%s rotated in %.1f s\n", name.c_str(), took.count());
    return done.status == 0 ? json::parse(done.out) : json::value();
  }

  // Everything that WireGuard says on a host, of both devices.
  std::string wireguard(const std::string& name) {
    std::string out;
    const std::string& interface = cluster_.host(name).interface;
    for (const auto& device : {interface, interface + "-s"}) out += run({"wg", "show", device}).out;
    return out;
  }
  std::string key_of(const std::string& name) {
    auto shown = run({"wg", "show", cluster_.host(name).interface, "public-key"}).out;
    return shown.substr(0, shown.find('\n'));
  }
  bool spare_is_gone(const std::string& name) {
    auto links = cluster_.on_host(name, {"ip", "-br", "link"}).out;
    return links.find(cluster_.host(name).interface + "-s") == std::string::npos;
  }
  bool at_rest() {
    return std::all_of(kHosts.begin(), kHosts.end(), [&](const auto& name) {
      return spare_is_gone(name) &&
             !std::filesystem::exists(cluster_.host(name).state_dir() +
                                      "/identity/spare.key.next") &&
             cluster_.must(name, {"mesh", "plan"}).find("Nothing to do") != std::string::npos;
    });
  }

  void expect_unchanged_but_for(const std::string& old_key) {
    EXPECT_TRUE(eventually([&] { return at_rest(); }, 20s));
    for (const auto& name : kHosts) {
      EXPECT_THAT(wireguard(name), Not(HasSubstr(old_key))) << name;
      EXPECT_EQ(cluster_.infrastructure_address(name), infra_[name]);
      EXPECT_EQ(cluster_.machine_address(name, machine_[name]), address_[name]);
    }
    EXPECT_TRUE(eventually([&] { return cluster_.all_see_alive(kHosts); }));
  }

  Cluster cluster_;
  std::map<std::string, std::string> machine_, address_, infra_;
  std::vector<Process> pings_, streams_;
};

TEST_F(RotationTest, EachHostGetsANewKeyWithoutALostPacket) {
  for (const auto& name : kHosts) {
    std::string old_key = key_of(name);
    start_traffic(25);
    auto answer = rotate(name);
    expect_no_loss();
    ASSERT_TRUE(answer.is_object());
    EXPECT_EQ(answer.at("replaced_key").as_string(), old_key);
    EXPECT_EQ(answer.at("wireguard_key").as_string(), key_of(name));
    EXPECT_NE(key_of(name), old_key);
    expect_unchanged_but_for(old_key);
  }
}

TEST_F(RotationTest, TwoHostsMayRotateAtOnce) {
  std::string old_a = key_of("a");
  std::string old_b = key_of("b");
  start_traffic(40);
  json::value b;
  std::thread other([&] { b = rotate("b"); });
  auto a = rotate("a");
  other.join();
  expect_no_loss();
  expect_unchanged_but_for(old_a);
  expect_unchanged_but_for(old_b);
}

}  // namespace
}  // namespace sixpn::testing
