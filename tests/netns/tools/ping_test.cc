// `sixpn ping` over a real link: a host and a machine in namespaces of their own. Root only.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <stdexcept>

#include "base/io/clock.h"
#include "registry/core/address.h"
#include "tests/unit/tools/agent_stub.h"

namespace sixpn::cli {
namespace {

const HostId kSelf{0x00a1b2c3};
const NetworkId kNetwork{1};
const Ip6 kSource = proxy_address(kNetwork, kSelf);
const Ip6 kMachine = machine_address(kNetwork, kSelf, 0x10001);
const Ip6 kNobody = machine_address(kNetwork, kSelf, 0x10002);

// Two network namespaces joined by a veth pair; gone with this object.
class Link {
 public:
  Link() {
    run("ip netns add " + host());
    run("ip netns add " + machine());
    run("ip -n " + host() + " link add v0 type veth peer name v1 netns " + machine());
    // Both share a /80; the /64 is this test's wire.
    run("ip -n " + host() + " addr add " + to_string(kSource) + "/64 dev v0 nodad");
    run("ip -n " + machine() + " addr add " + to_string(kMachine) + "/64 dev v1 nodad");
    run("ip -n " + host() + " link set v0 up");
    run("ip -n " + machine() + " link set v1 up");
    // The kernel tells of a new carrier later, and drops packets until then.
    wait_until_up(host(), "v0");
    wait_until_up(machine(), "v1");
  }
  ~Link() {
    for (const std::string& name : {host(), machine()})
      run_program("/bin/sh", {"-c", "ip netns del " + name});
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] std::string host() const { return name_ + "host"; }
  [[nodiscard]] std::string machine() const { return name_ + "machine"; }

  static void run(const std::string& command) {
    ProgramRun run = run_program("/bin/sh", {"-c", command});
    if (run.exit_code != 0) throw std::runtime_error(command + ": " + run.err);
  }

 private:
  static void wait_until_up(const std::string& netns, const std::string& link) {
    const Instant deadline = monotonic_now() + std::chrono::seconds(30);
    const std::string show = "ip -n " + netns + " -o link show " + link;
    while (run_program("/bin/sh", {"-c", show}).out.find("state UP") == std::string::npos)
      if (monotonic_now() > deadline) throw std::runtime_error(link + " does not come up");
  }

  const std::string name_ = "sxcli-" + std::to_string(getpid()) + "-";
};

class Ping : public testing::Test {
 protected:
  Ping() {
    agent_.answer("GET /v1/status", 200,
                  R"({"host":{"address":")" + to_string(host_address(kSelf)) + R"("},"hosts":[],)" +
                      R"("machines":[{"id":"148e21dad76789","app":"web","region":"iad",)" +
                      R"("address":")" + to_string(kMachine) + "\"}]}");
    resolves_to({kMachine});
  }

  void resolves_to(const std::vector<Ip6>& addresses) {
    boost::json::array answers;
    for (const Ip6& ip : addresses)
      answers.emplace_back("web.internal. 5 IN AAAA " + to_string(ip));
    agent_.answer("GET /v1/dig?name=web.internal&type=AAAA&own=1", 200,
                  boost::json::serialize(
                      boost::json::object{{"rcode", "NOERROR"}, {"answers", std::move(answers)}}));
  }

  ProgramRun ping(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"netns", "exec", link_.host(), SIXPN_PROGRAM, "--socket",
                                         agent_.socket_path(), "ping"});
    return run_program("/sbin/ip", arguments);
  }

  AgentStub agent_;
  Link link_;
};

TEST_F(Ping, RepliesArePrintedAsTheyCome) {
  ProgramRun run = ping({"web.internal", "-c", "3", "-i", "10ms"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  for (const char* sequence : {"1", "2", "3"})
    EXPECT_NE(run.out.find("64 bytes from " + to_string(kMachine) +
                           " (web 148e21dad76789, iad): seq=" + sequence + " time="),
              std::string::npos)
        << run.out;
  EXPECT_NE(run.out.find("--- web.internal ---\n" + to_string(kMachine) +
                         ": 3 sent, 3 received, 0% lost, round trip min "),
            std::string::npos)
      << run.out;
}

TEST_F(Ping, AnAddressNeedsNoName) {
  EXPECT_EQ(ping({to_string(kMachine), "-c", "1"}).exit_code, 0);
}

TEST_F(Ping, AnAddressThatNeverAnswersIsAFailure) {
  resolves_to({kMachine, kNobody});
  ProgramRun run = ping({"web.internal", "-c", "2", "-i", "10ms", "-W", "300ms", "--json"});
  EXPECT_EQ(run.exit_code, 1);
  auto counts = boost::json::parse(run.out).at("addresses").as_array();
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].at("received").to_number<int>(), 2);
  EXPECT_GT(counts[0].at("min_us").to_number<int>(), 0);
  EXPECT_EQ(counts[1].at("sent").to_number<int>(), 2);
  EXPECT_EQ(counts[1].at("received").to_number<int>(), 0);
  EXPECT_EQ(counts[1].as_object().if_contains("min_us"), nullptr);
}

TEST_F(Ping, WhatTheNetworkSaysIsTold) {
  Link::run("ip netns exec " + link_.machine() +
            " nft 'add table ip6 t; add chain ip6 t in { type filter hook input priority 0; }; add "
            "rule ip6 t in icmpv6 type echo-request reject with icmpv6 type admin-prohibited'");
  ProgramRun run = ping({"web.internal", "-c", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.out.find(": seq=1 forbidden by a firewall\n"), std::string::npos) << run.out;
}

TEST_F(Ping, ASourceThatThisHostHasNotIsNamed) {
  Link::run("ip -n " + link_.host() + " addr flush dev v0 scope global");
  ProgramRun run = ping({"web.internal", "-c", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err,
            "sixpn: " + to_string(kSource) +
                " is not an address of this host (Cannot assign requested address): is the "
                "agent's mesh up?\n");
}

}  // namespace
}  // namespace sixpn::cli
