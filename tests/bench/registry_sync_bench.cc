// What a new host waits for: two registries as the agent has them (RegistryService), each on a
// control loop and thread of its own, over loopback. One has read the records of 1,000 hosts from
// its disk, the other one joins as the 1,001st; signatures are checked. Told for a host that holds
// all and for one that holds what it uses: until it knows all hosts, until its view is usable,
// which is all that its own machines may ask for (all hosts, orgs, networks, apps and Flycast
// addresses, and all machines of the networks that have a machine on it), and until nothing is
// missing. "Longest turn" is what anything else on its control loop waited at most. Prints a line
// per figure: name, value, unit.
//
//   sudo registry_sync_bench [MACHINES_PER_HOST [NETWORKS_USED [NETWORKS]]]  (its own namespace)
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/log.h"
#include "registry/core/address.h"
#include "registry/core/interest.h"
#include "registry/io/registry_service.h"
#include "tests/bench/full_registry.h"

namespace sixpn::registry {
namespace {

constexpr unsigned kHosts = 1000;  // the joining one has this number
constexpr std::chrono::seconds kPatience{60};

struct Scale {
  unsigned machines = 40;  // per host
  unsigned used = 5;       // networks with a machine on the joining host
  unsigned networks = 100;
};

double ms(Duration d) {
  return static_cast<double>(d.count()) / 1000;
}

double processor_ms() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

// The first host's disk.
void fill(const std::string& folder, const sim::TestCluster& cluster, const Scale& scale) {
  FullRegistry full(cluster, scale.networks);
  for (unsigned h = 0; h < kHosts; ++h) {
    auto host = cluster.enrol(h);
    full.add(host.signed_host());
    InterestRecord all{host.id, true, {}, {}};
    full.add(host.sign(test::make_owned_record(host, all, 1, 2)));
    for (unsigned m = 0; m < scale.machines; ++m) {
      auto machine = test::make_machine(host, h << 10U | m,
                                        NetworkId{1 + (h * scale.machines + m) % scale.networks});
      full.add(host.sign(test::make_owned_record(host, machine, 1, m + 3)));
    }
  }
  full.store(folder);
}

// What the joining host has, as its snapshots tell.
struct Joined {
  std::set<NetworkId> used;
  std::size_t of_used = 0;  // machines
  std::size_t of_all = 0;
  Hold hold = Hold::kAll;

  [[nodiscard]] static std::size_t count(const Snapshot& now, NetworkId network) {
    const NetworkView* view = now.find_network(network);
    return view == nullptr ? 0 : view->machines.size();
  }
  [[nodiscard]] static bool knows_hosts(const Snapshot& now) { return now.hosts.size() > kHosts; }
  [[nodiscard]] bool is_usable(const Snapshot& now) const {
    std::size_t machines = 0;
    for (NetworkId network : used) {
      if (!now.holds(network)) return false;
      machines += count(now, network);
    }
    return now.synced && knows_hosts(now) && machines == of_used;
  }
  [[nodiscard]] bool is_whole(const Snapshot& now) const {
    if (hold == Hold::kUsed) return is_usable(now);
    std::size_t machines = 0;
    for (const auto& [id, view] : now.networks) machines += view->machines.size();
    return now.held.all && machines == of_all;
  }
};

void measure(const std::string& name, const std::string& full, const sim::TestCluster& cluster,
             const Scale& scale, Hold hold) {
  use_own_network({0, kHosts});
  EventLoop far_loop("far");
  EventLoop near_loop("near");
  auto far_host = cluster.enrol(0);
  auto near_host = cluster.enrol(kHosts);
  Joined goal{{}, 0, std::size_t{kHosts} * scale.machines, hold};
  for (unsigned n = 1; n <= scale.used; ++n) goal.used.insert(NetworkId{n});

  RegistryService far(far_loop, options_for(full, cluster, far_host));
  if (auto opened = far.open(); !opened) fail(opened.error().message);
  for (NetworkId network : goal.used) goal.of_used += Joined::count(*far.snapshot(), network);

  const std::string folder = full + "-joining-" + std::to_string(static_cast<int>(hold));
  std::filesystem::create_directory(folder);
  auto near_options = options_for(folder, cluster, near_host);
  near_options.expects_peers = true;
  RegistryService near(near_loop, near_options);
  if (auto opened = near.open(); !opened) fail(opened.error().message);
  // As the agent does before it starts the registry.
  LocalWrite interest;
  interest.value =
      make_interest(near_host.id, hold == Hold::kAll, goal.used, near.snapshot()->held);
  near.write({interest}, [](const Result<void>& done) {
    if (!done) fail(done.error().message);
  });

  struct Milestone {
    Instant at{};
    double processor = 0;  // ms, of the joining host's control loop
    void reach() {
      if (at == Instant{}) *this = {monotonic_now(), processor_ms()};
    }
  };
  Milestone start, hosts, usable, all;
  Duration longest{};
  std::atomic<bool> whole{false};
  Instant last_turn{};
  LoopTimer turns(near_loop, [&] {
    Instant now = monotonic_now();
    longest = std::max(longest, now - std::exchange(last_turn, now));
    turns.arm_after(Duration(500));
  });
  near.on_snapshot([&](const SnapshotPtr& now) {
    if (whole || start.at == Instant{}) return;
    if (Joined::knows_hosts(*now)) hosts.reach();
    if (goal.is_usable(*now)) usable.reach();
    if (!goal.is_whole(*now)) return;
    all.reach();
    auto tell = [&](const std::string& what, const Milestone& reached) {
      figure(name + ", until " + what, ms(reached.at - start.at), "ms");
      figure(name + ", until " + what + ", processor", reached.processor - start.processor, "ms");
    };
    tell("all hosts are known", hosts);
    tell("its view is usable", usable);
    if (hold == Hold::kAll) tell("nothing is missing", all);
    figure(name + ", longest turn of the control loop", ms(longest), "ms");
    whole = true;
  });
  // What a knock does, on both sides.
  far_loop.post([&] {
    if (auto started = far.start(); !started) fail(started.error().message);
    far.admit(near.own_host_record());
    near_loop.post([&, record = far.own_host_record()] {
      start.reach();
      last_turn = start.at;
      turns.arm_after(Duration(500));
      if (auto started = near.start(); !started) fail(started.error().message);
      near.admit(record);
    });
  });
  far_loop.start_thread();
  near_loop.start_thread();
  for (auto waited = monotonic_now(); !whole;) {
    if (monotonic_now() - waited > kPatience) fail("it does not get all");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::_Exit((std::fflush(stdout), 0));
}

void run(const Scale& scale) {
  log::set_level(log::Level::kError);
  std::string folder = std::filesystem::temp_directory_path() / "sixpn-join-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) fail("no temporary folder");
  const std::string full = folder + "/full";
  std::filesystem::create_directory(full);
  sim::TestCluster cluster;
  apart([&] { fill(full, cluster, scale); });
  figure("machines", static_cast<double>(kHosts * scale.machines), "");
  figure("networks used, of " + std::to_string(scale.networks), scale.used, "");
  apart([&] { measure("holding all", full, cluster, scale, Hold::kAll); });
  apart([&] { measure("holding what is used", full, cluster, scale, Hold::kUsed); });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sixpn::registry

int main(int argc, char** argv) {
  sixpn::registry::Scale scale;
  auto number = [&](int index) {
    return static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10));
  };
  if (argc > 1) scale.machines = number(1);
  if (argc > 3) scale.networks = std::max(1U, number(3));
  if (argc > 2) scale.used = std::min(number(2), scale.networks);
  sixpn::registry::run(scale);
}
