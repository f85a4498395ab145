#include "tests/netns/flycast/lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace sixpn::flycast {
namespace {

[[noreturn]] void fatal(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

// As the mesh room installs it: first what the kernel hands to machines itself, then what belongs
// to transparent sockets (but no SYN: decision 0102), then calls of Flycast addresses.
constexpr std::string_view kRules = R"(table inet sixpn_test {{
  chain prerouting {{
    type filter hook prerouting priority mangle
    meta mark 0x6f accept
    tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 meta mark set 0x6e accept
    ip6 daddr {{ {}, {} }} meta l4proto tcp tproxy ip6 to [::1]:7948 meta mark set 0x6e accept
  }}
}}
)";

// A veth pair between two namespaces; no duplicate address detection, no addresses of the kernel's
// own.
void join(const NetNs& a, const std::string& a_end, const std::string& a_address, const NetNs& b,
          const std::string& b_end, const std::vector<std::string>& b_addresses) {
  a.ip("link add {} type veth peer name {} netns {}", a_end, b_end, b.path());
  a.ip("link set {} up addrgenmode none", a_end);
  b.ip("link set {} up addrgenmode none", b_end);
  a.ip("addr add {} dev {} nodad", a_address, a_end);
  for (const std::string& address : b_addresses) b.ip("addr add {} dev {} nodad", address, b_end);
}

}  // namespace

NetNs::NetNs() {
  std::thread([this] {
    if (unshare(CLONE_NEWNET) != 0) fatal("these tests need root: unshare");
    fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    std::ofstream("/proc/sys/net/ipv6/conf/all/forwarding") << "1";
    std::ofstream("/proc/sys/net/ipv6/conf/default/accept_dad") << "0";
  }).join();
  ip("link set lo up");
}

void NetNs::enter() const {
  if (setns(fd_.get(), CLONE_NEWNET) != 0) fatal("setns");
}

void NetNs::run(const std::function<void()>& body) const {
  std::thread([&] {
    enter();
    body();
  }).join();
}

std::string NetNs::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), fd_.get());
}

void NetNs::feed(const std::string& program, const std::string& input) const {
  std::string command = "nsenter --net=" + path() + " " + program;
  FILE* pipe = popen(command.c_str(), "w");
  if (pipe == nullptr) fatal("popen");
  std::fwrite(input.data(), 1, input.size(), pipe);
  if (int status = pclose(pipe); status != 0) {
    std::fprintf(stderr, "%s failed (%d) on:\n%s", program.c_str(), status, input.c_str());
    std::abort();
  }
}

void NetNs::lose(const std::string& coming, const std::string& leaving) const {
  mend();
  feed("nft -f -",
       fmt::format("table inet lost {{\n"
                   "  chain coming {{ type filter hook prerouting priority raw; {}; }}\n"
                   "  chain leaving {{ type filter hook postrouting priority raw; {}; }}\n"
                   "}}\n",
                   coming, leaving));
}

void NetNs::mend() const {
  feed("nft -f -", "add table inet lost\ndelete table inet lost\n");
}

Lab& Lab::instance() {
  static Lab lab;
  return lab;
}

void start_only(TestCluster& cluster, const std::set<std::uint32_t>& machines) {
  for (std::uint32_t id : {1u, 2u, 3u, 4u})
    cluster.machines[MachineId{id}].state =
        machines.contains(id) ? MachineState::kStarted : MachineState::kStopped;
}

TestCluster Lab::cluster() {
  using std::chrono::milliseconds;
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  cluster.add_host(2, "fra", milliseconds(80));
  cluster.add_host(3, "nrt", milliseconds(160));
  cluster.add_machine(1, 1);
  cluster.add_machine(2, 2);
  cluster.add_machine(3, 2);
  cluster.add_machine(4, 3);
  cluster.add_machine(9, 1, "caller");
  cluster.add_machine(8, 1, "caller", kOtherNetwork);
  return cluster;
}

TestCluster Lab::cluster_of(const std::set<std::uint32_t>& started) {
  TestCluster made = cluster();
  start_only(made, started);
  return made;
}

Lab::Lab() {
  for (std::uint32_t n : {1u, 2u, 3u}) {
    hosts_[n] = std::make_unique<NetNs>();
    join_wire(n);
  }
  for (const auto& [id, machine] : cluster().machines) {
    auto number = static_cast<std::uint32_t>(id.value);
    add_machine(machine, machine.host.value - flycast::host(0).value);
    addresses_[number] = machine.address;
  }
}

void Lab::join_wire(std::uint32_t n) {
  HostId id = flycast::host(n);
  join(wire_, fmt::format("h{}", n), "fe80::1/64", host(n), "wire", {"fe80::2/64"});
  for (NetworkId network : {kInfrastructureNetwork, kNetwork, kOtherNetwork})
    wire_.ip("route add {} via fe80::2 dev h{}", to_string(host_prefix(network, id)), n);
  host(n).ip("addr add {}/128 dev lo nodad", to_string(host_address(id)));
  host(n).ip("route add fdaa::/16 via fe80::1 dev wire");
  host(n).ip("route add local ::/0 dev lo table 110");
  host(n).ip("-6 rule add fwmark 0x6e lookup 110");
  host(n).feed("nft -f -", fmt::format(kRules, to_string(flycast_prefix(kNetwork)),
                                       to_string(flycast_prefix(kOtherNetwork))));
}

void Lab::add_machine(const MachineRecord& record, std::uint32_t on) {
  auto number = static_cast<std::uint32_t>(record.id.value);
  machines_[number] = std::make_unique<NetNs>();
  std::string end = fmt::format("m{}", number);
  join(host(on), end, "fe80::1/64", machine(number), "sixpn0",
       {"fe80::2/64", to_string(record.address) + "/112"});
  host(on).ip("route add {} dev {}", to_string(machine_prefix(record.address)), end);
  machine(number).ip("route add fdaa::/16 via fe80::1 dev sixpn0");
}

}  // namespace sixpn::flycast
