// flycast_host: one host with a FlycastService, a client's machine and a server's machine in
// namespaces of their own (tests/netns/flycast/lab.h), for tools/bench_flycast.py. Prints a line
// per namespace and address, then serves until its input ends. With "hop", the server is on a
// second host ("server_host"), whose service runs in this process too; with "http" the port has
// that handler, with "requests" its limits count requests; with "kernel" nftables hand the client's
// connections to the machine, as the mesh room would; with "two-loops" the service has two.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

#include "flycast/core/kernel_path.h"
#include "flycast/io/commons.h"
#include "mesh/core/service_map.h"
#include "registry/core/address.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

TestCluster cluster_with(std::uint32_t machine) {
  TestCluster cluster = Lab::cluster();
  for (std::uint32_t id : {1u, 2u, 3u, 4u})
    if (id != machine) cluster.machines[MachineId{id}].state = MachineState::kStopped;
  return cluster;
}

void hand_to_kernel(Lab& lab, TestCluster& cluster) {
  cluster.app.services[0].kernel_path = true;
  auto services = KernelPath("iad").plan(cluster.snapshot(1), {kNetwork});
  lab.host(1).ip("link set m9 name sx9");
  lab.host(1).feed("nft -j -f -",
                   mesh::service_map_document(mesh::make_service_map(services.value(), {})));
}

void serve(const std::set<std::string_view>& words) {
  bool hop = words.contains("hop");
  std::uint32_t machine = hop ? 2 : 1;
  TestCluster cluster = cluster_with(machine);
  Service& service = cluster.app.services[0];
  if (words.contains("http")) service.ports[0].handlers = {"http"};
  if (words.contains("requests")) service.concurrency = ConcurrencyType::kRequests;
  FlycastOptions limits;
  limits.max_sessions = limits.max_sessions_per_client = 1'000'000;
  // As an agent has them here; RunningHost gives tests two.
  unsigned processors = std::thread::hardware_concurrency();
  limits.loops = words.contains("two-loops") ? 2 : std::clamp(processors / 2, 1u, kMaxProxyLoops);
  Lab& lab = Lab::instance();
  RunningHost host1(1, cluster, limits);
  std::optional<RunningHost> host2;
  if (hop) host2.emplace(2u, cluster, limits);
  if (words.contains("kernel")) hand_to_kernel(lab, cluster);
  auto say = [](const char* what, const std::string& value) {
    std::printf("%s %s\n", what, value.c_str());
  };
  say("host", lab.host(1).path());
  say("server_host", lab.host(hop ? 2 : 1).path());
  say("client", lab.machine(9).path());
  say("server", lab.machine(machine).path());
  say("host_address", to_string(host_address(host(1))));
  say("server_address", to_string(lab.address(machine)));
  say("flycast_address", to_string(kDialled.ip));
  std::printf("ready\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace
}  // namespace sixpn::flycast

int main(int argc, char** argv) {
  sixpn::flycast::serve({argv + 1, argv + argc});
}
