#include "dns/core/selection.h"

#include "registry/core/service_health.h"

namespace sixpn::dns {

namespace {

// Something of it runs, or may.
bool may_run(MachineState state) {
  switch (state) {
    case MachineState::kStarting:
    case MachineState::kStarted:
    case MachineState::kStopping:
    case MachineState::kSuspending:
    case MachineState::kDestroying:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool is_registered(const MachineRecord& machine) {
  return !machine.skip_dns && machine.state != MachineState::kDestroyed;
}

bool is_answered(const Snapshot& snapshot, const MachineRecord& machine, const Ip6* own) {
  const HostView* host = snapshot.find_host(machine.host);
  return is_answered(machine, host != nullptr && host->usable(), own);
}

bool is_answered(const MachineRecord& machine, bool host_is_here, const Ip6* own) {
  if (!is_registered(machine)) return false;
  bool started = machine.state == MachineState::kStarted;
  bool asks = own != nullptr && machine.address == *own;
  return (started && host_is_here) || (asks && may_run(machine.state));
}

bool is_healthy(const MachineRecord& machine) {
  Health health = overall_health(machine);
  return health == Health::kPassing || health == Health::kUnknown;
}

}  // namespace sixpn::dns
