#include "tests/bench/full_registry.h"

#include <errno.h>
#include <sched.h>

#include "base/io/clock.h"
#include "registry/core/address.h"
#include "registry/core/hybrid_clock.h"

namespace sixpn::registry {

void figure(const std::string& name, double value, const char* unit) {
  std::printf("%-66s %10.2f %s\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

void fail(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(1);
}

void use_own_network(const std::vector<unsigned>& hosts) {
  bool ready = ::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0;
  for (unsigned i : hosts)
    ready = ready && std::system(("ip -6 addr add " + to_string(host_address(sim::host_id(i))) +
                                  "/128 dev lo nodad")
                                     .c_str()) == 0;
  if (!ready) fail("no network namespace (run it as root)");
}

RegistryOptions options_for(const std::string& folder, const sim::TestCluster& cluster,
                            const sim::EnrolledHost& self) {
  RegistryOptions options{self.id, self.key};
  options.root_key = cluster.root().public_key();
  options.state_dir = folder;
  options.own_host = self.record;
  return options;
}

FullRegistry::FullRegistry(const sim::TestCluster& cluster, unsigned networks) {
  auto first = cluster.enrol(0);
  auto stamp = HybridClock::from_wall(wall_now());
  auto shared = [&](const RecordValue& value) {
    add(first.sign(test::make_shared_record(first, value, "acme", ++stamp)));
  };
  shared(OrgRecord{"acme"});
  for (unsigned i = 1; i <= networks; ++i) {
    shared(NetworkRecord{NetworkId{i}, "acme", "n" + std::to_string(i)});
    shared(AppRecord{"web", "acme", NetworkId{i}, "iad", {}});
  }
}

void FullRegistry::add(const SignedRecordPtr& record) {
  writes_.push_back({slot_of(record->record), record});
}

void FullRegistry::store(const std::string& folder) const {
  auto disk = must(Disk::open(folder));
  if (auto done = disk->apply(writes_, 0); !done) fail(done.error().message);
}

MachineRecord machine_of(const sim::EnrolledHost& host, unsigned number, const ClusterSize& size) {
  auto machine = test::make_machine(host, number, NetworkId{1 + number % size.networks});
  machine.metadata = {{"role", "replica"}, {"release", "v42"}};
  return machine;
}

void store_cluster(const std::string& folder, const sim::TestCluster& cluster,
                   const ClusterSize& size) {
  FullRegistry full(cluster, size.networks);
  for (unsigned h = 0; h < size.hosts; ++h) {
    auto host = cluster.enrol(h);
    full.add(host.signed_host());
    for (unsigned m = 0; m < size.machines; ++m) {
      auto machine = machine_of(host, h * size.machines + m, size);
      full.add(host.sign(test::make_owned_record(host, machine, 1, 1)));
    }
  }
  full.store(folder);
}

}  // namespace sixpn::registry
