#include "flycast/core/service_table.h"

#include <algorithm>

#include "registry/core/address.h"
#include "registry/core/service_health.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

// Port 0: the first.
const ServicePort* find_port(const Service& service, std::uint16_t port) {
  if (service.protocol != ServiceProtocol::kTcp) return nullptr;
  if (port == 0) return service.ports.empty() ? nullptr : &service.ports.front();
  for (const ServicePort& range : service.ports)
    if (range.first <= port && port <= range.last) return &range;
  return nullptr;
}

std::variant<Route, LookupFailure> find_service(const AppView& app, std::uint16_t external_port) {
  for (const Service& service : app.app.services) {
    const ServicePort* port = find_port(service, external_port);
    if (port == nullptr) continue;
    if (!is_relayed(*port)) return LookupFailure{LookupError::kUnsupportedHandler, app.app.name};
    return Route{&app, &service, port};
  }
  return LookupFailure{LookupError::kNoServiceOnPort, app.app.name};
}

}  // namespace

std::string_view to_string(LookupError error) {
  switch (error) {
    case LookupError::kNotReady:
      return "the registry is not read yet";
    case LookupError::kNoSuchAddress:
      return "no such address in the client's network";
    case LookupError::kNoServiceOnPort:
      return "no service on that port";
    case LookupError::kUnsupportedHandler:
      return "its handler is not supported";
  }
  return "unknown";
}

bool is_on_duty(const MachineRecord& machine, const Service& service) {
  return machine.state == MachineState::kStarted && !machine.cordoned &&
         is_served_by(service, machine);
}

bool may_serve(const MachineRecord& machine, const Service& service) {
  Health health = health_of(machine, service.internal_port);
  return is_on_duty(machine, service) && health != Health::kCritical && health != Health::kWarning;
}

bool speaks_http(const ServicePort& port) {
  return std::find(port.handlers.begin(), port.handlers.end(), "http") != port.handlers.end();
}

std::variant<Route, LookupFailure> ServiceTable::route(NetworkId client_network,
                                                       const IpEndpoint& dialled) const {
  if (!ready()) return LookupFailure{LookupError::kNotReady, ""};
  const LookupFailure unknown{LookupError::kNoSuchAddress, ""};
  const NetworkView* network = snapshot_->find_network(client_network);
  if (network == nullptr) return unknown;
  auto address = network->flycast.find(dialled.ip);
  if (address == network->flycast.end()) return unknown;
  return route_app(address->second.app_network, address->second.app, dialled.port);
}

const AppView* ServiceTable::find_dialled(NetworkId client_network, const Ip6& address) const {
  const NetworkView* network = ready() ? snapshot_->find_network(client_network) : nullptr;
  if (network == nullptr) return nullptr;
  auto record = network->flycast.find(address);
  if (record == network->flycast.end()) return nullptr;
  const NetworkView* home = snapshot_->find_network(record->second.app_network);
  if (home == nullptr) return nullptr;
  auto app = home->apps.find(record->second.app);
  return app == home->apps.end() ? nullptr : app->second.get();
}

std::variant<Route, LookupFailure> ServiceTable::route_app(NetworkId network,
                                                           const std::string& app,
                                                           std::uint16_t port) const {
  // Part of its machines would be taken for all, and the others get nothing.
  if (!holds(network)) return LookupFailure{LookupError::kNotReady, ""};
  const NetworkView* home = snapshot_->find_network(network);
  const LookupFailure unknown{LookupError::kNoSuchAddress, ""};
  if (home == nullptr) return unknown;
  auto found = home->apps.find(app);
  if (found == home->apps.end()) return unknown;
  return find_service(*found->second, port);
}

bool ServiceTable::is_http(NetworkId client_network, const IpEndpoint& dialled) const {
  auto routed = route(client_network, dialled);
  const Route* found = std::get_if<Route>(&routed);
  return found != nullptr && speaks_http(*found->port);
}

bool ServiceTable::is_tls(NetworkId client_network, const IpEndpoint& dialled) const {
  auto routed = route(client_network, dialled);
  const Route* found = std::get_if<Route>(&routed);
  return found != nullptr && ends_tls(*found->port);
}

std::vector<Candidate> ServiceTable::candidates(const Route& route) const {
  std::vector<Candidate> healthy;
  std::vector<Candidate> failing;
  bool starting = false;  // one waits for its first pass: not all fail
  for (const MachinePtr& machine : route.app->machines) {
    if (!is_on_duty(*machine, *route.service) || !snapshot_->is_serving(*machine)) continue;
    if (!trusts(machine->host)) continue;
    bool waits = health_of(*machine, route.service->internal_port) == Health::kWarning;
    starting = starting || waits;
    if (waits) continue;
    auto& list = may_serve(*machine, *route.service) ? healthy : failing;
    list.push_back({machine->id, machine->host, machine->region, machine->host == snapshot_->self,
                    snapshot_->round_trip_to(machine->host), route.service->soft_limit,
                    route.service->hard_limit});
  }
  return healthy.empty() && !starting ? failing : healthy;
}

bool ServiceTable::takes(const Route& route, const MachineRecord& machine) const {
  if (may_serve(machine, *route.service)) return true;
  if (!is_on_duty(machine, *route.service)) return false;
  auto left = candidates(route);
  return std::any_of(left.begin(), left.end(),
                     [&](const Candidate& candidate) { return candidate.machine == machine.id; });
}

bool ServiceTable::trusts(HostId host) const {
  return ready() && snapshot_->find_host(host) != nullptr && !snapshot_->revocations.contains(host);
}

bool ServiceTable::lives_on(const Ip6& client, HostId host) const {
  const NetworkView* network = ready() ? snapshot_->find_network(network_of(client)) : nullptr;
  if (network == nullptr) return false;
  auto machine = network->machines_by_address.find(client);
  if (machine != network->machines_by_address.end()) return machine->second->host == host;
  // Nobody but an address's birthplace is at home there: enough where this host does not hold the
  // client's network, whose machines dial an app in another (decisions/0063).
  if (classify(client) == AddressKind::kMachine && !holds(network_of(client)))
    return host_of(client) == host;
  return std::any_of(network->peers.begin(), network->peers.end(), [&](const auto& peer) {
    return peer.second.address == client && peer.second.gateway == host;
  });
}

}  // namespace sixpn::flycast
