// News for an agent that knows the cluster of agent_state: machines of its hosts change their
// state, each change signed by its own host, at a fixed rate, as the second host passes them on;
// each twice, as two trees bring it. For tools/bench registry-agent, in the agent's network
// namespace.
//
//   registry_load HOST RATE SECONDS      HOST: the agent's number; RATE: changes a second
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/io/sockaddr.h"
#include "registry/core/address.h"
#include "registry/core/gossip_codec.h"
#include "tests/bench/full_registry.h"

namespace {

using namespace sixpn::registry;

sockaddr_in6 socket_address(unsigned host) {
  return sixpn::to_sockaddr({sixpn::host_address(sixpn::sim::host_id(host)), kGossipPort});
}

// Of another host each, so that no two need the same writer.
std::vector<std::string> datagrams(unsigned count) {
  const ClusterSize size;
  sixpn::sim::TestCluster cluster;
  std::vector<sixpn::sim::EnrolledHost> hosts;
  for (unsigned h = 0; h < size.hosts; ++h) hosts.push_back(cluster.enrol(h));
  std::vector<std::string> out;
  for (unsigned i = 0; i < count; ++i) {
    unsigned h = i % size.hosts;
    auto machine = machine_of(hosts[h], h * size.machines + i / size.hosts % size.machines, size);
    machine.state = sixpn::MachineState::kStopped;
    GossipDatagram datagram;
    datagram.incarnation = 1;
    datagram.records = {
        hosts[h].sign(sixpn::test::make_owned_record(hosts[h], machine, 2, 1 + i))->wire()};
    out.push_back(encode_datagram(datagram));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: registry_load HOST RATE SECONDS");
  auto number = [&](int index) {
    return static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10));
  };
  const unsigned rate = std::max(1U, number(2));
  const auto news = datagrams(rate * number(3));
  sixpn::Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto from = socket_address(1);
  auto to = socket_address(number(1));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) != 0)
    fail("the second host's address is not here");
  std::puts("ready");  // the caller measures from here
  std::fflush(stdout);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < news.size(); ++i) {
    std::this_thread::sleep_until(begin + std::chrono::microseconds(1'000'000 * i / rate));
    for (int copy = 0; copy < 2; ++copy)
      if (::sendto(socket.get(), news[i].data(), news[i].size(), 0,
                   reinterpret_cast<sockaddr*>(&to), sizeof to) < 0)
        fail("cannot send");
  }
  return 0;
}
