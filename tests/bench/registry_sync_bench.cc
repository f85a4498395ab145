// What a new host waits for: one store with the records of 1,000 hosts, an empty one, and a sync
// between their endpoints over TCP on loopback, signatures checked, both ends on one thread. Prints
// a line per figure: name, value, unit. "longest turn" is what anything else on the control loop
// waited at most.
//
//   sudo registry_sync_bench [MACHINES_PER_HOST]     (its own network namespace)
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "registry/core/address.h"
#include "registry/core/store.h"
#include "registry/io/sync_endpoint.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

constexpr unsigned kHosts = 1000;
constexpr std::uint16_t kPort = 7946;

void figure(const char* name, double value, const char* unit) {
  std::printf("%-52s %10.2f %s\n", name, value, unit);
  std::fflush(stdout);
}

double ms(Duration d) {
  return static_cast<double>(d.count()) / 1000;
}

long resident_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmRSS:") {
      long kb = 0;
      status >> kb;
      return kb;
    }
  return 0;
}

void use_own_network() {
  bool ready = ::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0;
  for (unsigned i : {0, 1})
    ready = ready && std::system(("ip -6 addr add " + to_string(host_address(sim::host_id(i))) +
                                  "/128 dev lo nodad")
                                     .c_str()) == 0;
  if (!ready) {
    std::fprintf(stderr, "registry_sync_bench: no network namespace (run it as root)\n");
    std::exit(1);
  }
}

void fill(Store& store, const sim::TestCluster& cluster, unsigned machines) {
  for (unsigned h = 0; h < kHosts; ++h) {
    auto host = cluster.enrol(h);
    store.merge(host.signed_host(), wall_now(), Origin::kDisk);
    for (unsigned m = 0; m < machines; ++m) {
      auto machine = test::make_machine(host, h << 10U | m);
      store.merge(host.sign(test::make_owned_record(host, machine, 1, m + 2)), wall_now(),
                  Origin::kDisk);
    }
  }
}

void run(unsigned machines) {
  use_own_network();
  sim::TestCluster cluster;
  EventLoop loop("bench");
  Rng rng(1);
  Store far(cluster.root().public_key());
  long before = resident_kb();
  fill(far, cluster, machines);
  auto count = static_cast<double>(far.records().size());
  figure("records", count, "");
  figure("memory of store and records, each",
         static_cast<double>(resident_kb() - before) * 1024 / count, "B");

  Store near(cluster.root().public_key());
  Duration longest{};
  Instant begin{};
  Instant hosts_known{};
  bool settled = false;
  auto calls = [&](Store& store, bool joining) {
    SyncEndpoint::Callbacks out;
    out.is_member = [](HostId) { return true; };
    out.is_new = [joining] { return joining; };
    out.shared_with = [](HostId) { return Selection{}; };
    out.on_records = [&store, &longest, &hosts_known](HostId, const auto& records) {
      Instant start = monotonic_now();
      for (const auto& record : records) store.merge(record, wall_now());
      longest = std::max(longest, monotonic_now() - start);
      if (hosts_known == Instant{} && store.certificates().size() == kHosts)
        hosts_known = monotonic_now();
    };
    out.on_finished = [&loop, &settled](HostId, bool whole, Duration) {
      settled = whole;
      loop.stop();
    };
    return out;
  };
  SyncEndpoint a(loop, rng, near, host_address(sim::host_id(0)), kPort, calls(near, true));
  SyncEndpoint b(loop, rng, far, host_address(sim::host_id(1)), kPort, calls(far, false));
  if (auto listening = b.listen(); !listening) {
    std::fprintf(stderr, "registry_sync_bench: %s\n", listening.error().message.c_str());
    std::exit(1);
  }
  begin = monotonic_now();
  loop.post([&] { a.connect(sim::host_id(1)); });
  loop.run();
  figure("until all hosts are known", ms(hosts_known - begin), "ms");
  figure("until all is known", ms(monotonic_now() - begin), "ms");
  figure("longest turn of merging", ms(longest), "ms");
  if (!settled || near.root_hash() != far.root_hash()) {
    std::fprintf(stderr, "registry_sync_bench: the stores still differ\n");
    std::exit(1);
  }
}

}  // namespace
}  // namespace sixpn::registry

int main(int argc, char** argv) {
  sixpn::registry::run(argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 40);
}
