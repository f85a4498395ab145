#include "tests/sim/interest_bench.h"

#include <malloc.h>

#include <cstdio>
#include <set>

#include "registry/core/address.h"
#include "registry/core/interest.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {
namespace {

constexpr unsigned kMostUsed = 5;
constexpr unsigned kLarge = 1000;  // hosts
const WallTime kNow = from_unix_ms(1'800'000'000'000);

NetworkId network(unsigned number) {
  return NetworkId{0xacc000 + number};
}

// One to five networks each, by chance.
std::vector<std::set<NetworkId>> choose_uses(const InterestBench& what) {
  Rng rng(what.seed + 11);
  std::vector<std::set<NetworkId>> out(what.hosts);
  for (auto& uses : out)
    for (auto left = 1 + rng.below(kMostUsed); left > 0; --left)
      uses.insert(network(static_cast<unsigned>(rng.below(what.networks))));
  return out;
}

NetworkId pick(const std::set<NetworkId>& uses, std::uint64_t number) {
  return *std::next(uses.begin(), static_cast<std::ptrdiff_t>(number % uses.size()));
}

MachineRecord machine_in(NetworkId in, const HostRecord& host, unsigned number) {
  MachineRecord machine;
  machine.host = host.id;
  machine.network = in;
  machine.app = "web";
  machine.group = "app";
  machine.region = host.region;
  machine.address = machine_address(in, host.id, kFirstMachineField + number);
  machine.id = MachineId{std::uint64_t{host.id.value} << 16 | number};
  machine.state = MachineState::kStarted;
  return machine;
}

void figure(const InterestBench& what, const char* name, double all, double used) {
  std::printf("%5u hosts  %-55s %10.2f %10.2f  %6.1fx\n", what.hosts, name, all, used, all / used);
  std::fflush(stdout);
}

double heap_mb() {
  return static_cast<double>(mallinfo2().uordblks) / (1 << 20);
}

Record owned(const RecordValue& value, HostId writer) {
  Record record;
  record.key = key_of(value);
  record.writer = writer;
  record.stamp = {1, 2};
  record.value = value;
  return record;
}

// Host 0 reads its disk: who there is, who wants what, and the machines that it holds. Decoded from
// the wire, as they come in a daemon.
double memory_of_one(const InterestBench& what, bool all) {
  TestCluster cluster;
  auto uses = choose_uses(what);
  double before = heap_mb();
  std::vector<SignedRecordPtr> disk;
  auto put = [&disk](const SignedRecordPtr& record) {
    disk.push_back(*sixpn::decode_record(record->wire()));
  };
  for (unsigned i = 0; i < what.hosts; ++i) {
    EnrolledHost host = cluster.enrol(i);
    put(host.signed_host());
    auto said = registry::make_interest(host.id, all, uses[i], registry::Selection{});
    put(host.sign(owned(said, host.id)));
    for (unsigned m = 0; m < what.machines / what.hosts; ++m) {
      NetworkId in = pick(uses[i], m);
      if (all || uses[0].contains(in))
        put(host.sign(owned(machine_in(in, host.record, m), host.id)));
    }
  }
  Rng rng(1);
  EnrolledHost self = cluster.enrol(0);
  registry::Gossip::Options options{.self = self.id, .root_key = cluster.root().public_key()};
  registry::Gossip gossip(options, rng);
  auto loaded = gossip.load({Instant{}, kNow}, disk);
  disk.clear();
  disk.shrink_to_fit();
  registry::SnapshotBuilder builder(self.id);
  builder.touch(loaded.changes);
  loaded = {};
  auto snapshot = builder.build(gossip.store(), gossip.membership(), true, kNow);
  return heap_mb() - before;
}

double bytes_per_host(const InterestBench& what, bool all, unsigned changes_per_second) {
  // Each change goes to every host of "all": a second of it costs minutes in large clusters.
  const int seconds = changes_per_second > 0 && what.hosts >= kLarge ? 3 : 10;
  auto uses = choose_uses(what);
  SimOptions options;
  options.seed = what.seed;
  options.hosts = what.hosts;
  options.network = {.loss = what.loss, .geographic = true};
  options.warm = true;
  options.check_every = 100'000;
  options.interests = [&](unsigned host) {
    return registry::make_interest(host_id(host), all, uses[host], registry::Selection{});
  };
  Simulator sim(options);
  sim.start_all();
  sim.run_for(20s);
  Rng rng(what.seed + 2);
  auto sent = [&sim] { return sim.packet_bytes() + sim.stream_bytes(); };
  auto before = sent();
  unsigned item = 0;
  for (int second = 0; second < seconds; ++second) {
    if (changes_per_second == 0) sim.run_for(1s);
    for (unsigned i = 0; i < changes_per_second; ++i) {
      auto host = static_cast<unsigned>(rng.below(what.hosts));
      auto value = machine_in(pick(uses[host], rng.below(kMostUsed)), sim.identity(host).record,
                              ++item % 0x8000);
      sim.write(host, {value, false, {}, ""});
      sim.run_for(Duration(1'000'000 / changes_per_second));
    }
  }
  return static_cast<double>(sent() - before) / what.hosts / seconds;
}

}  // namespace

void measure_interest(const InterestBench& what) {
  std::printf("%-67s %10s %10s\n", "", "all", "used");
  figure(what, "memory of a host, 100,000 machines, MB", memory_of_one(what, true),
         memory_of_one(what, false));
  if (!what.traffic) return;
  figure(what, "bytes sent per host and second, idle", bytes_per_host(what, true, 0),
         bytes_per_host(what, false, 0));
  figure(what, "bytes sent per host and second, 200 changes/s", bytes_per_host(what, true, 200),
         bytes_per_host(what, false, 200));
}

}  // namespace sixpn::sim
