// flycast_path = "kernel" under real agents: nftables hand connections to machines, the proxy sees
// none of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Says its machine's id and whom it takes the client for, then sends back what it gets. UDP too.
constexpr const char* kServer = R"(
import os, socket, threading
me = os.environ['FLY_MACHINE_ID']
def serve(peer, address):
    peer.sendall((me + ' ' + address[0] + '\n').encode())
    try:
        while True:
            got = peer.recv(4096)
            if not got: break
            peer.sendall(got)
    except OSError: pass
    peer.close()
def datagrams():
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.bind(('::', 8080))
    while True:
        got, address = end.recvfrom(2000)
        end.sendto(got, address)
threading.Thread(target=datagrams, daemon=True).start()
server = socket.create_server(('::', 8080), family=socket.AF_INET6, backlog=512)
while True:
    threading.Thread(target=serve, args=server.accept(), daemon=True).start()
)";

// One connection after the other to argv[1], port argv[2], argv[3] of them: what each was told.
constexpr const char* kClients = R"(
import socket, sys
for _ in range(int(sys.argv[3])):
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 60) as end:
            print(end.makefile().readline().strip() or 'closed')
    except OSError as failed:
        print(failed)
)";

// Opens argv[2] connections to argv[1], says so in the folder argv[3], and waits there for the file
// "go". Then a word must come back on each; prints the machine of each and what became of it.
constexpr const char* kHolder = R"(
import os, socket, sys, time
ends = []
for _ in range(int(sys.argv[2])):
    end = socket.create_connection((sys.argv[1], 80), 60)
    lines = end.makefile()
    ends.append((end, lines, lines.readline().split()[0]))
open(sys.argv[3] + '/held', 'w').close()
while not os.path.exists(sys.argv[3] + '/go'): time.sleep(0.02)
for end, lines, machine in ends:
    end.settimeout(60)
    try:
        for _ in range(3):
            end.sendall(b'word\n')
            if lines.readline() != 'word\n': raise OSError('closed')
            time.sleep(0.02)
        print(machine, 'whole')
    except TimeoutError: print(machine, 'hangs')
    except OSError: print(machine, 'ended')
)";

// Connects to argv[1] again and again until the file argv[2] is there; prints what went wrong, and
// at the end how many went well.
constexpr const char* kLoad = R"(
import os, socket, sys
done = 0
while not os.path.exists(sys.argv[2]):
    try:
        with socket.create_connection((sys.argv[1], 80), 60) as end:
            end.sendall(b'word\n')
            lines = end.makefile()
            if not lines.readline() or lines.readline() != 'word\n': print('cut')
            done += 1
            if done == 1: open(sys.argv[2] + '-began', 'w').close()
    except OSError as failed: print(failed)
print(done)
)";

constexpr const char* kService = R"(
app = "web"
[[services]]
protocol = "tcp"
internal_port = 8080
flycast_path = "kernel"
[[services.ports]]
port = 80
[[services.ports]]
start_port = 7000
end_port = 7999
)";

// Hosts a and b in iad with three machines of web, c in fra with one; clients on a.
class KernelPath : public ::testing::Test {
 protected:
  KernelPath() : cluster_("kern") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "iad");
    cluster_.add_host("c", "fra");
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    folder_ = cluster_.host("a").folder;
    write_file(folder_ + "/fly.toml", std::string(kService) +
                                          "[[services.script_checks]]\ninterval = \"1s\"\n"
                                          "timeout = \"20s\"\ncommand = [\"/bin/sh\", \"-c\", "
                                          "\"test ! -e " +
                                          folder_ + "/$FLY_MACHINE_ID\"]\n");
    cluster_.must("a",
                  {"apps", "create", "web", "--org", "acme", "--config", folder_ + "/fly.toml"});
    cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
    cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
    for (const auto& name : {"b", "c"})
      ASSERT_TRUE(eventually([&, host = std::string(name)] {
        return cluster_.must(host, {"apps", "list"}).find("web") != std::string::npos;
      }));
    for (const auto& host : {"a", "a", "b", "c"})
      web_[cluster_.run_machine(host, {"--app", "web", "--", "python3", "-c", kServer})] = host;
    client_ = cluster_.run_machine("a", {"--app", "client", "--", "sleep", "1000"});
    for (const auto& [machine, host] : web_) (host == "c" ? far_ : near_).insert(machine);
    ASSERT_TRUE(eventually([&] { return chosen() == near_; })) << explained();
    flycast_ = cluster_.dig("a", client_, "web.flycast").at(0);
  }

  std::string explained() { return cluster_.must("a", {"flycast", "explain", "web"}); }
  // The machines that host a's kernel hands new connections to.
  std::set<std::string> chosen() {
    auto said = json::parse(cluster_.must("a", {"--json", "flycast", "explain", "web"}));
    const auto* path = said.as_object().at("kernel_path").if_object();
    std::set<std::string> machines;
    if (path == nullptr || !path->contains("machines")) return machines;
    for (const auto& machine : path->at("machines").as_array())
      machines.insert(std::string(machine.as_string()));
    return machines;
  }
  // Connections that a's proxy took.
  std::int64_t proxied() {
    auto status = json::parse(cluster_.must("a", {"--json", "flycast", "status"})).as_object();
    return status.at("stats").at("accepted").to_number<std::int64_t>();
  }

  // How often each machine answered, or an error came.
  std::map<std::string, int> dial(const std::string& from, int port, int count) {
    auto done = cluster_.in_machine(
        "a", from,
        {"python3", "-c", kClients, flycast_, std::to_string(port), std::to_string(count)}, 180s);
    std::map<std::string, int> told;
    const std::string client = " " + cluster_.machine_address("a", from);
    for (std::string line : lines(done.out)) {
      if (line.ends_with(client)) line.resize(line.size() - client.size());
      ++told[line];
    }
    return told;
  }
  std::set<std::string> answering(const std::string& from, int port, int count = 40) {
    std::set<std::string> machines;
    for (const auto& [machine, times] : dial(from, port, count)) machines.insert(machine);
    return machines;
  }

  Process start(const char* script, const Words& words, const std::string& log) {
    Words argv{"nsenter", "--net=/run/netns/" + client_, "python3", "-c", script, flycast_};
    argv.insert(argv.end(), words.begin(), words.end());
    return Process(argv, log);
  }

  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size();) {
      auto end = std::min(text.find('\n', at), text.size());
      found.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return found;
  }
  bool there(const std::string& file) {
    return eventually([&] { return std::filesystem::exists(file); });
  }

  Cluster cluster_;
  std::map<std::string, std::string> web_;  // machine -> host
  std::set<std::string> near_, far_;        // those of the client's region, and the others
  std::string client_, flycast_, folder_;
};

TEST_F(KernelPath, ThreeMachinesOfTwoHostsShareConnectionsWithoutTheProxy) {
  EXPECT_THAT(explained(), HasSubstr("kernel path: new connections go to"));
  EXPECT_THAT(cluster_.must("a", {"flycast", "status"}),
              HasSubstr("Handed to machines by the kernel"));
  auto before = proxied();
  EXPECT_EQ(answering(client_, 80, 90), near_) << "each, from the client's own address";
  EXPECT_EQ(answering(client_, 7503), near_) << "a port of a range";
  EXPECT_EQ(proxied(), before);
  // A machine could be handed its own connection: the proxy takes those.
  for (const auto& machine : near_) {
    if (web_[machine] != "a") continue;
    for (const auto& answer : answering(machine, 80, 10))
      EXPECT_TRUE(web_.contains(answer.substr(0, answer.find(' ')))) << answer;
  }
  EXPECT_GT(proxied(), before);
  // Another port is no service, datagrams are nobody's but their machine's.
  for (const auto& answer : answering(client_, 8000, 1)) EXPECT_FALSE(web_.contains(answer));
  const char* datagram = R"(
import socket, sys
end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
end.settimeout(20)
end.sendto(b'word', (sys.argv[1], 8080))
print(end.recvfrom(100)[0].decode())
)";
  auto echoed = cluster_.in_machine(
      "a", client_, {"python3", "-c", datagram, cluster_.machine_address("a", *near_.begin())});
  EXPECT_EQ(echoed.out, "word\n") << echoed.err;
  // Who is of another network reaches neither the address nor, by it, a machine.
  cluster_.must("a", {"apps", "create", "alien", "--org", "acme", "--network", "other"});
  auto alien = cluster_.run_machine("a", {"--app", "alien", "--", "sleep", "1000"});
  auto refused = cluster_.in_machine("a", alien,
                                     {"python3", "-c", R"(
import socket, sys
try: socket.create_connection((sys.argv[1], 80), 2); print('joined')
except OSError as failed: print('refused')
)",
                                      flycast_});
  EXPECT_EQ(refused.out, "refused\n");
}

TEST_F(KernelPath, WhoFailsIsLeftOutAndConnectionsStay) {
  auto holder = start(kHolder, {"40", folder_}, folder_ + "/holder.log");
  ASSERT_TRUE(there(folder_ + "/held"));
  auto load = start(kLoad, {folder_ + "/enough"}, folder_ + "/load.log");
  ASSERT_TRUE(there(folder_ + "/enough-began"));
  // One after the other fails its check, until the next region has to take over.
  auto left = near_;
  for (const auto& machine : near_) {
    write_file(folder_ + "/" + machine, "");
    left.erase(machine);
    if (left.empty()) break;
    ASSERT_TRUE(eventually([&] { return chosen() == left; })) << explained();
    EXPECT_EQ(answering(client_, 80), left);
  }
  ASSERT_TRUE(eventually([&] { return chosen() == far_; })) << explained();
  EXPECT_EQ(answering(client_, 80), far_);
  for (const auto& machine : near_) std::filesystem::remove(folder_ + "/" + machine);
  ASSERT_TRUE(eventually([&] { return chosen() == near_; })) << explained();
  write_file(folder_ + "/enough", "");
  EXPECT_EQ(load.wait(), 0);
  EXPECT_EQ(lines(read_file(folder_ + "/load.log")).size(), 1U)
      << "connections failed while the map changed: " << read_file(folder_ + "/load.log");
  write_file(folder_ + "/go", "");
  EXPECT_EQ(holder.wait(), 0);
  auto held = lines(read_file(folder_ + "/holder.log"));
  EXPECT_EQ(held.size(), 40U);
  for (const auto& line : held) EXPECT_THAT(line, HasSubstr("whole"));
}

// The table may be replaced between the chain that marks a first packet and the one that translates
// it. Here the second chain is emptied, so that this happens for sure.
TEST_F(KernelPath, AFirstPacketThatMissesTheTranslationIsSentAgain) {
  auto load = start(kLoad, {folder_ + "/enough"}, folder_ + "/load.log");
  ASSERT_TRUE(there(folder_ + "/enough-began"));
  auto dropped = [&] {
    return cluster_.on_host("a", {"nft", "list", "counter", "inet", "sixpn", "input_refused"}).out;
  };
  auto before = dropped();
  ASSERT_TRUE(eventually([&] {
    cluster_.on_host("a", {"nft", "flush", "chain", "inet", "sixpn_services", "choose"});
    return dropped() != before;
  }));
  // The agent finds that its table was changed, and puts it back.
  write_file(folder_ + "/enough", "");
  EXPECT_EQ(load.wait(), 0);
  EXPECT_EQ(lines(read_file(folder_ + "/load.log")).size(), 1U)
      << "refused: " << read_file(folder_ + "/load.log");
}

TEST_F(KernelPath, ADeadHostsConnectionsAreResetAndSleepersWoken) {
  auto holder = start(kHolder, {"40", folder_}, folder_ + "/holder.log");
  ASSERT_TRUE(there(folder_ + "/held"));
  auto left = near_;
  std::erase_if(left, [&](const auto& machine) { return web_[machine] == "b"; });
  cluster_.kill_host("b");
  ASSERT_TRUE(eventually([&] { return chosen() == left; })) << explained();
  EXPECT_EQ(answering(client_, 80), left);
  write_file(folder_ + "/go", "");
  EXPECT_EQ(holder.wait(), 0);
  auto held = lines(read_file(folder_ + "/holder.log"));
  EXPECT_EQ(held.size(), 40U);
  for (const auto& line : held)
    EXPECT_THAT(line, HasSubstr(left.contains(line.substr(0, line.find(' '))) ? "whole" : "ended"));
  // All asleep: the proxy takes a connection and wakes one, then the kernel has somewhere to go.
  for (const auto& [machine, host] : web_)
    if (host != "b") cluster_.must(host, {"machine", "stop", machine});
  ASSERT_TRUE(eventually([&] { return chosen().empty(); })) << explained();
  EXPECT_THAT(explained(), HasSubstr("kernel path: left to the proxy"));
  auto before = proxied();
  auto woken = answering(client_, 80, 1);
  ASSERT_EQ(woken.size(), 1U);
  EXPECT_TRUE(left.contains(*woken.begin())) << *woken.begin();
  EXPECT_EQ(proxied(), before + 1);
  ASSERT_TRUE(eventually([&] { return chosen() == woken; })) << explained();
  EXPECT_EQ(answering(client_, 80, 5), woken);
  EXPECT_EQ(proxied(), before + 1);
}

}  // namespace
}  // namespace sixpn::testing
