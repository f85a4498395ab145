#include "flycast/core/admission.h"

#include <algorithm>

#include "flycast/core/autostart.h"
#include "flycast/core/proxy_header.h"
#include "flycast/core/replay_reach.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

bool may_ask(const ServiceTable& table, HostId from, const Ip6& client) {
  AddressKind kind = classify(client);
  if (kind != AddressKind::kMachine && kind != AddressKind::kPeer) return false;
  // A client of this host: the firewall lets nothing but its own address out of its interface.
  if (from == table.snapshot()->self) return true;
  return table.trusts(from) && table.lives_on(client, from);
}

const MachineRecord* find_machine(const Route& route, const Preamble& preamble) {
  if (route.app->app.network != preamble.network) return nullptr;
  const auto& machines = route.app->machines;
  auto found = std::find_if(machines.begin(), machines.end(), [&](const MachinePtr& machine) {
    return machine->id == preamble.machine;
  });
  return found == machines.end() ? nullptr : found->get();
}

// Of a machine of another app than the one that was dialled, if that may replay requests to it.
std::optional<Route> replayed_route(const ServiceTable& table, const ReplayReach& reach,
                                    const Preamble& preamble) {
  const AppView* dialled = table.find_dialled(network_of(preamble.client.ip), preamble.dialled.ip);
  const NetworkView* network = table.snapshot()->find_network(preamble.network);
  if (dialled == nullptr || network == nullptr) return std::nullopt;
  auto machine = network->machines.find(preamble.machine);
  if (machine == network->machines.end()) return std::nullopt;
  auto routed = table.route_app(preamble.network, machine->second->app, preamble.dialled.port);
  const Route* route = std::get_if<Route>(&routed);
  if (route == nullptr || !may_replay(reach, dialled->app, route->app->app)) return std::nullopt;
  return *route;
}

// What the machine serves for this client, or why nothing.
std::variant<Route, HopStatus> find_route(const ServiceTable& table, const ReplayReach& reach,
                                          const Preamble& preamble) {
  auto routed = table.route(network_of(preamble.client.ip), preamble.dialled);
  const Route* route = std::get_if<Route>(&routed);
  if (route != nullptr && find_machine(*route, preamble) != nullptr) return *route;
  if (auto replayed = replayed_route(table, reach, preamble)) return *replayed;
  if (route != nullptr) return HopStatus::kUnknown;
  LookupError error = std::get<LookupFailure>(routed).error;
  if (error == LookupError::kNotReady) return HopStatus::kNotReady;
  return error == LookupError::kNoSuchAddress ? HopStatus::kNotPermitted : HopStatus::kUnknown;
}

}  // namespace

Ip6 source_for(const Ip6& client, const MachineRecord& machine, HostId self) {
  bool keeps = network_of(client) == machine.network && client != machine.address;
  return keeps ? client : proxy_address(machine.network, self);
}

Admission admit(const ServiceTable& table, HostId from, const Preamble& preamble,
                const ReplayReach& reach) {
  if (!table.ready()) return HopStatus::kNotReady;
  if (!may_ask(table, from, preamble.client.ip)) {
    // Whoever does not hold the client's network cannot know where the client lives.
    bool knows = table.holds(network_of(preamble.client.ip));
    return knows ? HopStatus::kNotPermitted : HopStatus::kNotReady;
  }
  auto found = find_route(table, reach, preamble);
  if (const auto* refusal = std::get_if<HopStatus>(&found)) return *refusal;
  const Route& route = std::get<Route>(found);
  const MachineRecord* machine = find_machine(route, preamble);
  HostId self = table.snapshot()->self;
  if (machine == nullptr || machine->host != self) return HopStatus::kUnknown;
  if (route.service->internal_port != preamble.internal_port) return HopStatus::kUnknown;
  bool asleep = preamble.wake != Wake::kNo && may_wake(*machine, *route.service);
  if (!asleep && !table.takes(route, *machine)) return HopStatus::kStopped;
  return Admitted{
      {machine->address, preamble.internal_port},
      source_for(preamble.client.ip, *machine, self),
      {machine->id, preamble.internal_port},
      route.service->hard_limit,
      asleep,
      encode_proxy_header(proxy_protocol_of(*route.port), preamble.client, preamble.dialled)};
}

}  // namespace sixpn::flycast
