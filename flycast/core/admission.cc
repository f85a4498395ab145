#include "flycast/core/admission.h"

#include <algorithm>

#include "registry/core/address.h"

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

}  // namespace

Ip6 source_for(const Ip6& client, const MachineRecord& machine, HostId self) {
  bool keeps = network_of(client) == machine.network && client != machine.address;
  return keeps ? client : proxy_address(machine.network, self);
}

Admission admit(const ServiceTable& table, HostId from, const Preamble& preamble) {
  if (!table.ready()) return HopStatus::kNotReady;
  if (!may_ask(table, from, preamble.client.ip)) {
    // Whoever does not hold the client's network cannot know where the client lives.
    bool knows = table.holds(network_of(preamble.client.ip));
    return knows ? HopStatus::kNotPermitted : HopStatus::kNotReady;
  }
  auto routed = table.route(network_of(preamble.client.ip), preamble.dialled);
  if (const auto* failure = std::get_if<LookupFailure>(&routed)) {
    if (failure->error == LookupError::kNotReady) return HopStatus::kNotReady;
    bool no_address = failure->error == LookupError::kNoSuchAddress;
    return no_address ? HopStatus::kNotPermitted : HopStatus::kUnknown;
  }
  const Route& route = std::get<Route>(routed);
  const MachineRecord* machine = find_machine(route, preamble);
  HostId self = table.snapshot()->self;
  if (machine == nullptr || machine->host != self) return HopStatus::kUnknown;
  if (route.service->internal_port != preamble.internal_port) return HopStatus::kUnknown;
  if (!may_serve(*machine, *route.service)) return HopStatus::kStopped;
  return Admitted{{machine->address, preamble.internal_port},
                  source_for(preamble.client.ip, *machine, self),
                  {machine->id, preamble.internal_port},
                  route.service->hard_limit};
}

}  // namespace sixpn::flycast
