// dns_serve PORT APPS MACHINES [CHANGES [UPSTREAM]]: our resolver on [::1]:PORT over a registry
// made up here: APPS apps app0, app1, ... of MACHINES machines each, on one host, and optionally
// CHANGES changes a second: a machine that stops or starts, each published as the agent does. Other
// names are asked of [::1]:UPSTREAM. One answering thread; prints how many milliseconds making up
// the registry took, and "ready" when it answers. Run by tools/bench dns beside other servers.
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "base/io/event_loop.h"
#include "base/log.h"
#include "dns/io/dns_service.h"
#include "registry/core/address.h"
#include "registry/core/machine_id.h"

namespace sixpn {
namespace {

constexpr NetworkId kNetwork{0x00010203};
constexpr HostId kHost{0x00a10001};

struct World {
  World(int apps, int machines) {
    snapshot.generation = 1;
    snapshot.self = kHost;
    snapshot.synced = true;
    HostView host;
    host.record.id = kHost;
    host.record.region = "iad";
    host.round_trip = Duration::zero();
    snapshot.hosts[kHost] = host;
    auto view = std::make_shared<NetworkView>();
    view->network = {kNetwork, "acme", "default"};
    std::vector<MachinePtr> all;
    for (int app = 0; app < apps; ++app) {
      auto entry = std::make_shared<AppView>();
      entry->app.name = "app" + std::to_string(app);
      entry->app.network = kNetwork;
      for (int i = 0; i < machines; ++i) {
        auto machine = std::make_shared<MachineRecord>();
        auto field = kFirstMachineField + static_cast<std::uint32_t>(app * machines + i);
        machine->address = machine_address(kNetwork, kHost, field);
        machine->id = machine_id_of(machine->address);
        machine->host = kHost;
        machine->network = kNetwork;
        machine->app = entry->app.name;
        machine->group = "app";
        machine->region = "iad";
        machine->state = MachineState::kStarted;
        entry->machines.push_back(machine);
        all.push_back(machine);
      }
      view->apps[entry->app.name] = entry;
    }
    auto by_id = [](const MachinePtr& a, const MachinePtr& b) { return a->id < b->id; };
    auto by_address = [](const auto& a, const auto& b) { return a->address < b->address; };
    std::sort(all.begin(), all.end(), by_id);
    for (const auto& machine : all) view->machines.try_emplace(machine->id, machine);
    std::sort(all.begin(), all.end(), by_address);
    for (const auto& machine : all)
      view->machines_by_address.try_emplace(machine->address, machine);
    for (const auto& [name, entry] : view->apps) app_names.push_back(name);
    view->generation = snapshot.generation;
    view->changed_apps = {snapshot.generation, {}};
    snapshot.networks[kNetwork] = view;
    names = view;
  }

  // The next change: the first machine of an app stops, or starts again.
  SnapshotPtr change(std::uint64_t turn) {
    auto view = std::make_shared<NetworkView>(*names);
    const std::string& name = app_names[turn / 2 % app_names.size()];
    auto entry = std::make_shared<AppView>(*view->apps.at(name));
    auto machine = std::make_shared<MachineRecord>(*entry->machines.front());
    machine->state = turn % 2 == 0 ? MachineState::kStopped : MachineState::kStarted;
    view->machines[machine->id] = machine;
    view->machines_by_address[machine->address] = machine;
    entry->machines.front() = machine;
    view->apps[name] = entry;
    view->generation = ++snapshot.generation;
    view->changed_apps.add(view->generation, name);
    names = view;
    snapshot.networks[kNetwork] = view;
    return std::make_shared<const Snapshot>(snapshot);
  }

  Snapshot snapshot;
  std::shared_ptr<NetworkView> names;
  std::vector<std::string> app_names;
};

[[noreturn]] void run(int port, int apps, int machines, int changes, int upstream) {
  log::set_level(log::Level::kWarn);
  auto began = std::chrono::steady_clock::now();
  World world(apps, machines);
  std::chrono::duration<double, std::milli> made = std::chrono::steady_clock::now() - began;
  std::cout << "made " << made.count() << std::endl;
  EventLoop loop("forward");
  dns::DnsOptions options;
  options.listen = {{*parse_ip("::1"), static_cast<std::uint16_t>(port)}};
  options.upstreams = {{*parse_ip("::1"), static_cast<std::uint16_t>(upstream)}};
  options.self = kHost;
  options.region = "iad";
  options.extra_views = {{*parse_prefix6("::1/128"), kNetwork}};
  options.threads = 1;
  options.server_id = "bench";
  // All load comes from one source: it is metered as any, and never over.
  options.rates.known = options.rates.stream = {10'000'000, 10'000'000};
  dns::DnsService service(loop, options);
  service.set_snapshot(std::make_shared<const Snapshot>(world.snapshot));
  if (auto started = service.start(); !started) {
    std::cerr << "dns_serve: " << started.error().message << '\n';
    std::exit(1);
  }
  std::cout << "ready" << std::endl;
  auto next = std::chrono::steady_clock::now();
  for (std::uint64_t turn = 0;; ++turn) {
    next += changes > 0 ? std::chrono::nanoseconds(1'000'000'000 / changes) : std::chrono::hours(1);
    std::this_thread::sleep_until(next);
    if (changes > 0) service.set_snapshot(world.change(turn));
  }
}

}  // namespace
}  // namespace sixpn

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: dns_serve PORT APPS MACHINES [CHANGES [UPSTREAM]]\n";
    return 1;
  }
  sixpn::run(std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]),
             argc > 4 ? std::atoi(argv[4]) : 0, argc > 5 ? std::atoi(argv[5]) : 9);
}
