// What the benches of a full registry share: the records of a cluster that its first host has on
// its disk, the network they run in, and how figures are printed. For tests/bench only.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/io/disk.h"
#include "registry/io/registry_service.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {

void figure(const std::string& name, double value, const char* unit);
// Says why, and ends the process.
[[noreturn]] void fail(const std::string& why);

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}

// In a process of its own, so that what came before leaves no trace in its memory.
template <class Work>
void apart(Work work) {
  std::fflush(stdout);
  pid_t child = ::fork();
  if (child < 0) fail("no process");
  if (child == 0) {
    work();
    std::fflush(stdout);
    std::_Exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) fail("a part failed");
}

// A network namespace of its own, with the addresses of these hosts on loopback.
void use_own_network(const std::vector<unsigned>& hosts);

RegistryOptions options_for(const std::string& folder, const sim::TestCluster& cluster,
                            const sim::EnrolledHost& self);

// Org acme, its networks 1 to `networks`, app web in each; and what is added.
class FullRegistry {
 public:
  FullRegistry(const sim::TestCluster& cluster, unsigned networks);
  void add(const SignedRecordPtr& record);
  void store(const std::string& folder) const;  // as a host's disk

 private:
  std::vector<Disk::Write> writes_;
};

struct ClusterSize {
  unsigned hosts = 1000;
  unsigned machines = 40;  // per host
  unsigned networks = 100;
};

// Machine `number` of all, as the cluster below has it.
MachineRecord machine_of(const sim::EnrolledHost& host, unsigned number, const ClusterSize& size);

// Hosts 0 to hosts - 1 and their machines, as a host's disk in `folder`.
void store_cluster(const std::string& folder, const sim::TestCluster& cluster,
                   const ClusterSize& size);

}  // namespace sixpn::registry
