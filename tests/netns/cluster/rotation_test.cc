// New WireGuard keys for a running host: no packet lost, no address changed, no old key left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kHosts = {"a", "b", "c"};

// Until SIGTERM: numbered datagrams (500 a second), answered by the other machine, and on one TCP
// connection 50 numbered messages a second of 1000 bytes, answered too. Then waits for what is
// under way, and prints what was sent, answered, and how long the slowest answer took.
constexpr const char* kTraffic = R"(
import signal, socket, struct, sys, threading, time
address = sys.argv[1]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
u.settimeout(3)
u.connect((address, 9000))
t = socket.create_connection((address, 9000), timeout=20)
t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
sent, seen, slow = 0, set(), {'udp': 0.0, 'tcp': 0.0}
messages, echoed = 0, 0
def hear_udp():
    while True:
        try: number, at = struct.unpack('!Id', u.recv(2000)[:12])
        except OSError:
            if stop.is_set(): return
            continue
        seen.add(number)
        slow['udp'] = max(slow['udp'], time.monotonic() - at)
def hear_tcp():
    global echoed
    rest = b''
    while True:
        try: piece = t.recv(65536)
        except socket.timeout: return
        if not piece: return
        rest += piece
        while len(rest) >= 1000:
            number, at = struct.unpack('!Id', rest[:12])
            if number == echoed: echoed += 1
            slow['tcp'] = max(slow['tcp'], time.monotonic() - at)
            rest = rest[1000:]
ears = [threading.Thread(target=f) for f in (hear_udp, hear_tcp)]
for ear in ears: ear.start()
print('running', flush=True)
start = time.monotonic()
while not stop.is_set():
    now = time.monotonic()
    while sent < (now - start) * float(sys.argv[2]):
        u.send(struct.pack('!Id', sent, now) + b'x' * 52)
        sent += 1
    while messages < (now - start) * 50:
        t.sendall(struct.pack('!Id', messages, now) + b'x' * 988)
        messages += 1
    time.sleep(0.001)
took = time.monotonic() - start
ears[0].join()
t.shutdown(socket.SHUT_WR)
ears[1].join()
print('%d datagrams in %.1f s, %d lost, slowest %.0f ms; %d messages, %d lost, slowest %.0f ms' % (
    sent, took, sent - len(seen), slow['udp'] * 1000,
    messages, messages - echoed, slow['tcp'] * 1000))
sys.exit(0 if sent == len(seen) and messages == echoed else 3)
)";
constexpr const char* kEcho = R"(
import socket, threading
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
u.bind(('::', 9000))
def echo_udp():
    while True:
        data, peer = u.recvfrom(2000)
        u.sendto(data, peer)
threading.Thread(target=echo_udp, daemon=True).start()
l = socket.create_server(('::', 9000), family=socket.AF_INET6)
def echo_tcp(s):
    while True:
        piece = s.recv(65536)
        if not piece: return s.close()
        s.sendall(piece)
while True:
    s, _ = l.accept()
    threading.Thread(target=echo_tcp, args=(s,), daemon=True).start()
)";

// What full queues have dropped in a network namespace, and in the processors' backlogs.
constexpr const char* kDrops = R"(
import subprocess
dropped = 0
errors = ['UdpRcvbufErrors', 'UdpSndbufErrors', 'Udp6RcvbufErrors', 'Udp6SndbufErrors']
for line in subprocess.check_output(['nstat', '-asz'] + errors, text=True).splitlines()[1:]:
    dropped += int(line.split()[1])
for line in open('/proc/net/dev').read().splitlines()[2:]:
    words = line.split(':')[1].split()
    dropped += int(words[3]) + int(words[11])
for line in open('/proc/net/softnet_stat'):
    dropped += int(line.split()[1], 16)
print(dropped)
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
      machine_[name] = cluster_.run_machine(name, {"--app", "web", "--", "python3", "-c", kEcho});
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
        })) << from
            << " " << to;
  }

  // From every machine to the next, and answered: both directions of every link.
  void start_traffic() {
    for (std::size_t i = 0; i < kHosts.size(); ++i) {
      const std::string& from = kHosts[i];
      const std::string& to = kHosts[(i + 1) % kHosts.size()];
      std::string log = cluster_.host(from).folder + "/traffic." + to;
      std::filesystem::remove(log);
      traffic_.push_back({from + " to " + to, log,
                          Process({"ip", "netns", "exec", machine_[from], "python3", "-c", kTraffic,
                                   address_[to], std::to_string(rate_)},
                                  log)});
    }
    for (const auto& flow : traffic_)
      ASSERT_TRUE(eventually([&] { return !read_file(flow.log).empty(); }, 30s)) << flow.name;
  }

  static constexpr int kLost = 3;  // the traffic's exit code; any other is a fault of the test
  // Whether every packet of the traffic was answered.
  bool stop_traffic() {
    bool all = true;
    for (auto& flow : traffic_) flow.process.signal(SIGTERM);
    for (auto& flow : traffic_) {
      int status = flow.process.wait();
      EXPECT_TRUE(status == 0 || status == kLost) << flow.name << ": " << read_file(flow.log);
      all = all && status == 0;
      std::printf("%s: %s", flow.name.c_str(), read_file(flow.log).c_str());
    }
    traffic_.clear();
    return all;
  }

  // Where a busy machine loses packets: full queues of sockets, devices and processors, each of
  // which counts what it drops. Nothing else may.
  std::uint64_t dropped_by_full_queues() {
    std::uint64_t sum = cluster_.internet().dropped();
    std::vector<Words> places;
    for (const auto& name : kHosts) {
      places.push_back({"nsenter", "--net=" + cluster_.host(name).netns_path()});
      places.push_back({"ip", "netns", "exec", machine_[name]});
    }
    for (Words& place : places) {
      place.insert(place.end(), {"python3", "-c", kDrops});
      auto counted = run(place);
      EXPECT_EQ(counted.status, 0) << counted.err;
      sum += std::strtoull(counted.out.c_str(), nullptr, 10);
    }
    return sum;
  }

  enum class Loss { kNone, kOfTheMachine, kReal };
  // Of the traffic while `act` runs.
  template <class Act>
  Loss loss_while(Act act) {
    const std::uint64_t before = dropped_by_full_queues();
    start_traffic();
    act();
    if (stop_traffic()) return Loss::kNone;
    const std::uint64_t dropped = dropped_by_full_queues() - before;
    std::printf("packets were lost, %llu by full queues\n",
                static_cast<unsigned long long>(dropped));
    return dropped > 0 ? Loss::kOfTheMachine : Loss::kReal;
  }

  // Finds what this machine carries without a rotation.
  void find_rate() {
    for (; !rate_found_; rate_ /= 2) {
      std::printf("without a rotation, %d datagrams a second:\n", rate_);
      const Loss loss = loss_while([] { std::this_thread::sleep_for(3s); });
      ASSERT_NE(loss, Loss::kReal) << "without a rotation";
      rate_found_ = loss == Loss::kNone || rate_ / 2 < kLeastRate;
      if (rate_found_) return;
    }
  }

  // Whether `act` loses no packet. A try in which a queue was full says nothing: then another, with
  // less traffic. One in which none was and a packet is gone is a fault, `known` or not.
  template <class Act>
  bool loses_nothing(Act act, bool known = false) {
    find_rate();
    for (int tries = 0; tries < 3 && !HasFatalFailure(); ++tries) {
      const Loss loss = loss_while(act);
      if (HasFatalFailure() || (loss == Loss::kReal && !known)) return false;
      if (loss == Loss::kNone) return true;
      rate_ = std::max(rate_ / 2, kLeastRate);
    }
    return false;
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
  bool spare_is_gone(const std::string& name) {
    auto links = cluster_.on_host(name, {"ip", "-br", "link"}).out;
    return links.find(cluster_.host(name).interface + "-s") == std::string::npos;
  }
  bool has_file(const std::string& host, const std::string& name) {
    return std::filesystem::exists(cluster_.host(host).state_dir() + "/identity/" + name);
  }
  // An agent that was just started has no spare device yet, but the files of what it will go on
  // with.
  bool at_rest() {
    return std::all_of(kHosts.begin(), kHosts.end(), [&](const auto& name) {
      return spare_is_gone(name) && !has_file(name, "wireguard.key.next") &&
             !has_file(name, "spare.key.next") &&
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
  struct Flow {
    std::string name, log;
    Process process;
  };
  std::vector<Flow> traffic_;
  static constexpr int kLeastRate = 30;
  int rate_ = 500;  // datagrams a second of each flow
  bool rate_found_ = false;
};

// What the others rest on: that a lost packet is noticed, and whose doing it is.
TEST_F(RotationTest, ALostPacketAndAFullQueueAreNoticed) {
  EXPECT_EQ(loss_while([&] {
              const std::string file = cluster_.host("a").folder + "/lost.nft";
              write_file(file,
                         "table inet lost {\n chain passing {\n"
                         "  type filter hook forward priority 300;\n"
                         "  udp dport 9000 numgen inc mod 200 == 100 counter drop\n }\n}\n");
              auto fed = cluster_.on_host("a", {"nft", "-f", file});
              ASSERT_EQ(fed.status, 0) << fed.err;
              EXPECT_TRUE(eventually([&] {
                auto rules = cluster_.on_host("a", {"nft", "list", "table", "inet", "lost"}).out;
                return rules.find("packets") != std::string::npos &&
                       rules.find("packets 0 ") == std::string::npos;
              }));
              cluster_.on_host("a", {"nft", "delete", "table", "inet", "lost"});
            }),
            Loss::kReal);
  // A socket that nobody reads.
  const std::uint64_t before = dropped_by_full_queues();
  auto flooded = cluster_.in_machine("b", machine_["b"], {"python3", "-c", R"(
import socket
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(('::1', 0))
for _ in range(5000): u.sendto(b'x' * 1000, u.getsockname())
)"});
  EXPECT_EQ(flooded.status, 0) << flooded.err;
  EXPECT_GT(dropped_by_full_queues(), before);
}

TEST_F(RotationTest, EachHostGetsANewKeyWithoutALostPacket) {
  for (const auto& name : kHosts) {
    EXPECT_TRUE(loses_nothing([&] {
      std::string old_key = cluster_.wg(name, "public-key");
      auto answer = rotate(name);
      ASSERT_TRUE(answer.is_object());
      EXPECT_EQ(answer.at("replaced_key").as_string(), old_key);
      EXPECT_EQ(answer.at("wireguard_key").as_string(), cluster_.wg(name, "public-key"));
      EXPECT_NE(cluster_.wg(name, "public-key"), old_key);
      expect_unchanged_but_for(old_key);
    }));
  }
}

TEST_F(RotationTest, TwoHostsMayRotateAtOnce) {
  EXPECT_TRUE(loses_nothing([&] {
    std::string old_a = cluster_.wg("a", "public-key");
    std::string old_b = cluster_.wg("b", "public-key");
    json::value b;
    std::thread other([&] { b = rotate("b"); });
    auto a = rotate("a");
    other.join();
    expect_unchanged_but_for(old_a);
    expect_unchanged_but_for(old_b);
  }));
}

// ---- an agent that is killed in the middle; the rotation goes on when it is back

class KilledRotationTest : public RotationTest {
 protected:
  // Whether `host` sends to `other` through its spare device.
  bool is_on_spare(const std::string& host, const std::string& other) {
    auto route = cluster_.on_host(host, {"ip", "-6", "route", "get", infra_[other]}).out;
    return route.find(cluster_.host(host).interface + "-s") != std::string::npos;
  }
  bool leaves() { return has_file("a", "wireguard.key.next"); }
  bool returns() { return has_file("a", "spare.key.next") && !leaves(); }

  // Rotates a's keys and kills the agent of `victim` as soon as `moment` has come.
  void rotate_and_kill(const std::string& victim, const std::function<bool()>& moment) {
    std::string old_key = cluster_.wg("a", "public-key");
    Process command({"nsenter", "--net=" + cluster_.host("a").netns_path(), SIXPN_CLI, "--socket",
                     cluster_.host("a").socket(), "host", "rotate-key"},
                    cluster_.host("a").folder + "/rotate.log");
    // The spare key is written first: its file alone means a return only after links have left.
    ASSERT_TRUE(eventually([&] { return leaves(); }, 30s));
    ASSERT_TRUE(eventually(moment, 30s)) << read_file(cluster_.host("a").folder + "/rotate.log");
    cluster_.kill_agent(victim);
    ASSERT_NO_FATAL_FAILURE(cluster_.start_agent(victim));
    EXPECT_TRUE(eventually([&] { return at_rest(); }, 90s));
    EXPECT_NE(cluster_.wg("a", "public-key"), old_key);
    for (const auto& name : kHosts) EXPECT_THAT(wireguard(name), Not(HasSubstr(old_key))) << name;
    command.wait();
  }
};

TEST_F(KilledRotationTest, OfTheHostThatRotates) {
  EXPECT_TRUE(loses_nothing([&] {
    rotate_and_kill("a", [&] { return leaves(); });
    rotate_and_kill("a", [&] { return leaves() && is_on_spare("a", "b"); });
    rotate_and_kill("a", [&] { return returns(); });
    rotate_and_kill("a", [&] { return returns() && !is_on_spare("a", "b"); });
  }));
}

TEST_F(KilledRotationTest, OfAHostThatFollows) {
  EXPECT_TRUE(loses_nothing(
      [&] {
        rotate_and_kill("b", [&] { return leaves() && !spare_is_gone("b"); });
        rotate_and_kill("b", [&] { return leaves() && is_on_spare("b", "a"); });
        rotate_and_kill("b", [&] { return returns(); });
        rotate_and_kill("b", [&] { return returns() && !is_on_spare("b", "a"); });
      },
      true));  // the known fault of decision 0036: one link, at times
}

}  // namespace
}  // namespace sixpn::testing
