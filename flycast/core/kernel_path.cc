#include "flycast/core/kernel_path.h"

#include <algorithm>

namespace sixpn::flycast {
namespace {

bool asks_for_kernel(const AppView& app) {
  return std::any_of(app.app.services.begin(), app.app.services.end(),
                     [](const Service& service) { return service.kernel_path; });
}

// Its process may still end what it was asked; one that is frozen keeps what it has.
bool may_have_connections(const Snapshot& snapshot, const MachineRecord& machine) {
  const HostView* host = snapshot.find_host(machine.host);
  bool runs = machine.state == MachineState::kStarted || machine.state == MachineState::kStopping ||
              machine.state == MachineState::kSuspending ||
              machine.state == MachineState::kSuspended;
  return runs && host != nullptr && host->usable() && !snapshot.revocations.contains(machine.host);
}

// The region that new connections go to: the own one if it has a candidate, else the nearest, else
// the first by name.
std::string nearest_region(const std::map<std::string, Duration>& regions, const std::string& own) {
  if (regions.contains(own)) return own;
  auto nearest = std::min_element(regions.begin(), regions.end(),
                                  [](const auto& a, const auto& b) { return a.second < b.second; });
  return nearest == regions.end() ? "" : nearest->first;
}

// The Flycast addresses of each app that asks for the kernel. Only in the network of the app:
// packets between two networks do not pass, only the proxy's connections do.
std::map<std::string, std::vector<Ip6>> addresses_by_app(const NetworkView& network) {
  std::map<std::string, std::vector<Ip6>> apps;
  for (const auto& [address, record] : network.flycast) {
    if (record.app_network != network.network.id) continue;
    auto app = network.apps.find(record.app);
    if (app != network.apps.end() && asks_for_kernel(*app->second))
      apps[record.app].push_back(address);
  }
  return apps;
}

}  // namespace

std::string_view why_proxied(const Service& service) {
  if (service.protocol != ServiceProtocol::kTcp) return "it is not TCP";
  for (const ServicePort& port : service.ports) {
    if (!port.handlers.empty()) return "its ports have handlers";
    if (port.http.idle_timeout != Duration{}) return "it has an idle_timeout";
  }
  if (service.hard_limit != 0) return "it has a hard_limit";
  if (service.auto_stop != AutoStop::kOff) return "its machines are stopped when idle";
  return "";
}

std::vector<Ip6> KernelPath::choose(const ServiceTable& table, const Route& route) {
  Key key{route.app->app.network, route.app->app.name, route.service->ports.front().first};
  auto candidates = table.candidates(route);
  std::string region = nearest_region(orders_[key].update(candidates), region_);
  seen_.insert(std::move(key));
  const auto& machines = table.snapshot()->find_network(route.app->app.network)->machines;
  std::vector<Ip6> chosen;
  for (const Candidate& candidate : candidates)
    if (candidate.region == region)
      chosen.push_back(machines.find(candidate.machine)->second->address);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void KernelPath::add_app(const ServiceTable& table, const AppView& app,
                         const std::vector<Ip6>& addresses, KernelServices& into) {
  for (const MachinePtr& machine : app.machines)
    if (may_have_connections(*table.snapshot(), *machine)) into.running.push_back(machine->address);
  for (const Service& service : app.app.services) {
    if (!service.kernel_path || service.ports.empty() || !why_proxied(service).empty()) continue;
    auto machines = choose(table, {&app, &service, &service.ports.front()});
    if (machines.empty()) continue;
    std::size_t ranges = addresses.size() * service.ports.size();
    if (machines.size() > kMostKernelMachines ||
        into.services.size() + ranges > kMostKernelServices ||
        targets_ + ranges * machines.size() > kMostKernelTargets) {
      ++into.left_out;
      continue;
    }
    targets_ += ranges * machines.size();
    for (const Ip6& address : addresses)
      for (const ServicePort& port : service.ports)
        into.services.push_back({address, port.first, port.last, service.internal_port, machines});
  }
}

std::optional<KernelServices> KernelPath::plan(const SnapshotPtr& snapshot,
                                               const std::set<NetworkId>& networks) {
  ServiceTable table(snapshot);
  auto held = [&](NetworkId network) { return table.holds(network); };
  if (!table.ready() || !std::all_of(networks.begin(), networks.end(), held)) return std::nullopt;
  KernelServices services;
  targets_ = 0;
  seen_.clear();
  for (NetworkId id : networks) {
    const NetworkView* network = snapshot->find_network(id);
    if (network == nullptr) continue;
    for (const auto& [app, addresses] : addresses_by_app(*network)) {
      services.wanted = true;
      add_app(table, *network->apps.find(app)->second, addresses, services);
    }
  }
  std::erase_if(orders_, [&](const auto& order) { return !seen_.contains(order.first); });
  std::sort(services.services.begin(), services.services.end());
  std::sort(services.running.begin(), services.running.end());
  return services;
}

}  // namespace sixpn::flycast
