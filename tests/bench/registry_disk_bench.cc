// How long a host takes to serve its last state after a cold start: registry.db of 1,000 hosts and
// 50,000 records, read, merged and made into a snapshot, as RegistryService::open() does it. Prints
// a line per figure: name, value, unit. The file is in the page cache.
//
//   registry_disk_bench [RECORDS]
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <utility>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "registry/core/gossip.h"
#include "registry/core/snapshot_builder.h"
#include "registry/io/disk.h"
#include "registry/io/registry_service.h"
#include "registry/io/sql_query.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

constexpr unsigned kHosts = 1000;
constexpr unsigned kNetworks = 100;
constexpr int kRepeats = 9;

void figure(const std::string& name, double value, const char* unit) {
  std::printf("%-52s %10.2f %s\n", name.c_str(), value, unit);
  std::fflush(stdout);
}

// Of all threads of this process.
double processor_ms() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

// Elapsed time and processor time: on a busy machine only the latter says much. What `work` returns
// is destroyed after the clocks were read.
template <class Work>
void measure(const std::string& name, Work work) {
  std::vector<double> took;
  std::vector<double> worked;
  for (int i = 0; i < kRepeats; ++i) {
    Instant begin = monotonic_now();
    double work_begin = processor_ms();
    [[maybe_unused]] auto kept = work();
    worked.push_back(processor_ms() - work_begin);
    took.push_back(static_cast<double>((monotonic_now() - begin).count()) / 1000);
  }
  for (auto* each : {&took, &worked}) std::sort(each->begin(), each->end());
  figure(name, took[took.size() / 2], "ms");
  figure(name + ", processor", worked[worked.size() / 2], "ms");
}

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "registry_disk_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}

Disk::Write as_write(const SignedRecordPtr& record) {
  return {slot_of(record->record), record};
}

// Hosts, one org, its networks and an app in each, and machines for the rest.
std::vector<Disk::Write> make_registry(const sim::TestCluster& cluster, std::size_t records) {
  std::vector<Disk::Write> writes;
  std::vector<sim::EnrolledHost> hosts;
  for (unsigned i = 0; i < kHosts; ++i) {
    hosts.push_back(cluster.enrol(i));
    writes.push_back(as_write(hosts.back().signed_host()));
  }
  auto stamp = HybridClock::from_wall(wall_now());
  auto shared = [&](const RecordValue& value) {
    writes.push_back(
        as_write(hosts[0].sign(test::make_shared_record(hosts[0], value, "acme", ++stamp))));
  };
  shared(OrgRecord{"acme"});
  for (unsigned i = 1; i <= kNetworks; ++i) {
    shared(NetworkRecord{NetworkId{i}, "acme", "n" + std::to_string(i)});
    shared(AppRecord{"web", "acme", NetworkId{i}, "iad", {}});
  }
  for (unsigned i = 0; writes.size() < records; ++i) {
    const auto& host = hosts[i % kHosts];
    auto machine = test::make_machine(host, i, NetworkId{1 + i % kNetworks});
    machine.metadata = {{"role", "replica"}, {"release", "v42"}};
    writes.push_back(as_write(host.sign(test::make_owned_record(host, machine, 1, 1))));
  }
  return writes;
}

struct Merged {
  std::unique_ptr<Gossip> gossip;
  Changes changes;
};

void measure_parts(const std::string& folder, const sim::TestCluster& cluster) {
  measure("open and decode", [&] {
    auto disk = must(Disk::open(folder));
    auto read = must(disk->read());
    return std::pair(std::move(disk), std::move(read));
  });
  auto disk = must(Disk::open(folder));
  const Disk::Content content = must(disk->read());
  measure("check for damage (later, on the disk's thread)", [&] {
    if (auto checked = disk->check(); !checked) fail(checked.error().message);
    return 0;
  });
  Rng rng(1);
  auto merge = [&] {
    Gossip::Options options;
    options.self = sim::host_id(0);
    options.root_key = cluster.root().public_key();
    Merged merged{std::make_unique<Gossip>(options, rng), {}};
    merged.changes = merged.gossip->load(read_clocks(), content.records).changes;
    return merged;
  };
  measure("merge", merge);
  Merged merged = merge();
  SnapshotBuilder builder(sim::host_id(0));
  measure("build the snapshot", [&] {
    builder.touch(merged.changes);
    auto snapshot =
        builder.build(merged.gossip->store(), merged.gossip->membership(), true, wall_now());
    if (snapshot->networks.size() != kNetworks) fail("the snapshot lacks networks");
    return snapshot;
  });
}

void run(std::size_t records) {
  std::string folder = std::filesystem::temp_directory_path() / "sixpn-disk-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) fail("no temporary folder");
  sim::TestCluster cluster;
  auto writes = make_registry(cluster, records);
  {
    auto disk = must(Disk::open(folder));
    Instant begin = monotonic_now();
    if (auto done = disk->apply(writes, 0); !done) fail(done.error().message);
    figure("writing all, readable tables included",
           static_cast<double>((monotonic_now() - begin).count()) / 1000, "ms");
  }
  figure("records", static_cast<double>(writes.size()), "");
  figure("database", static_cast<double>(std::filesystem::file_size(folder + "/registry.db")) / 1e6,
         "MB");
  measure_parts(folder, cluster);

  auto self = cluster.enrol(0);
  EventLoop loop("bench");
  RegistryOptions options{self.id, self.key};
  options.root_key = cluster.root().public_key();
  options.state_dir = folder;
  options.own_host = self.record;
  measure("cold start until a snapshot is served", [&] {
    auto service = std::make_unique<RegistryService>(loop, options);
    if (auto opened = service->open(); !opened) fail(opened.error().message);
    if (service->snapshot()->networks.size() != kNetworks) fail("not all is served");
    return service;
  });
  measure("sql: machines by region and state", [&] {
    return must(run_sql(folder + "/registry.db",
                        "SELECT region, state, count(*) FROM machines GROUP BY region, state"));
  });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sixpn::registry

int main(int argc, char** argv) {
  sixpn::registry::run(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 50'000);
}
