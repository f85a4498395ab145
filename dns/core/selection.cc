#include "dns/core/selection.h"

namespace sixpn::dns {

bool is_registered(const MachineRecord& machine) {
  return !machine.skip_dns && machine.state != MachineState::kDestroyed;
}

bool is_answered(const Snapshot& snapshot, const MachineRecord& machine, const Ip6* own) {
  if (!is_registered(machine)) return false;
  bool running =
      machine.state == MachineState::kStarting || machine.state == MachineState::kStarted;
  if (own != nullptr && running && machine.address == *own) return true;
  return snapshot.is_serving(machine);
}

bool is_healthy(const MachineRecord& machine) {
  return machine.health == Health::kPassing || machine.health == Health::kUnknown;
}

}  // namespace sixpn::dns
