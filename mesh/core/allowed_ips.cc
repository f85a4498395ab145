#include "mesh/core/allowed_ips.h"

#include "mesh/core/gateway.h"
#include "registry/core/address.h"
#include "registry/core/machine_id.h"

namespace sixpn::mesh {
namespace {

// A record could say anything; only a machine address of its own network counts.
bool is_routable(const MachineRecord& machine, NetworkId network) {
  return machine.state != MachineState::kDestroyed &&
         classify(machine.address) == AddressKind::kMachine &&
         network_of(machine.address) == network;
}

bool lives_at_birthplace(const MachineRecord& machine) {
  return machine.host == host_of(machine.address);
}

// Nobody but an address's birthplace is at home there; an id that proves it goes before others.
bool outranks(const MachineRecord& a, const MachineRecord& b) {
  auto rank = [](const MachineRecord& machine) {
    return std::pair(lives_at_birthplace(machine), machine.id == machine_id_of(machine.address));
  };
  return rank(a) > rank(b);
}

// Each address with the machine that has it. Machines come by id, so the smaller one stays.
std::map<Ip6, const MachineRecord*> claim_addresses(const NetworkView& view) {
  std::map<Ip6, const MachineRecord*> owners;
  for (const auto& [id, machine] : view.machines) {
    if (!is_routable(*machine, view.network.id)) continue;
    auto [slot, fresh] = owners.try_emplace(machine->address, machine.get());
    if (!fresh && outranks(*machine, *slot->second)) slot->second = machine.get();
  }
  return owners;
}

}  // namespace

std::map<HostId, std::set<Prefix6>> make_allowed_ips(const Snapshot& snapshot,
                                                     const std::set<NetworkId>& networks,
                                                     const std::set<Ip6>& local) {
  std::map<HostId, std::set<Prefix6>> allowed;
  for (const auto& [id, host] : snapshot.hosts)
    if (id != snapshot.self) allowed[id].insert({host_address(id), 128});
  for (NetworkId network : networks) {
    const NetworkView* view = snapshot.find_network(network);
    if (view == nullptr) continue;
    for (const auto& [address, machine] : claim_addresses(*view)) {
      auto peer = allowed.find(machine->host);
      if (peer == allowed.end() || local.contains(address)) continue;
      peer->second.insert(lives_at_birthplace(*machine) ? host_prefix(network, machine->host)
                                                        : machine_prefix(address));
    }
    for (HostId gateway : gateways_of(*view))
      if (auto peer = allowed.find(gateway); peer != allowed.end())
        peer->second.insert(host_prefix(network, gateway));
  }
  return allowed;
}

}  // namespace sixpn::mesh
