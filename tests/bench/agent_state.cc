// Makes the state folder of an agent that knows a large cluster: an identity of its own, enrolled
// under the cluster's root, and the registry of all others on its disk. For tools/bench
// registry-agent, which starts sixpnd on it.
//
//   agent_state FOLDER [MACHINES_PER_HOST [NETWORKS]]      FOLDER: does not exist yet
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/io/clock.h"
#include "mesh/io/host_keys.h"
#include "mesh/io/identity_store.h"
#include "tests/bench/full_registry.h"

int main(int argc, char** argv) {
  using namespace sixpn::registry;
  if (argc < 2) fail("usage: agent_state FOLDER [MACHINES_PER_HOST [NETWORKS]]");
  auto number = [&](int index) {
    return static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10));
  };
  ClusterSize size;
  if (argc > 2) size.machines = number(2);
  if (argc > 3) size.networks = std::max(1U, number(3));
  sixpn::sim::TestCluster cluster;
  const auto now = sixpn::wall_now();
  cluster.set_invites_expire(now + std::chrono::hours(1));
  must(sixpn::mesh::IdentityStore::enrol_host(argv[1], cluster.token(size.hosts), now));
  must(sixpn::mesh::load_tls_identity(argv[1]));  // as the run before this one left it
  store_cluster(argv[1], cluster, size);
}
