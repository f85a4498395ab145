// What a machine's record says of its health, to whoever routes or answers by it: a service of a
// machine stands as its own checks do, whatever those of another service say. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "registry/core/record.h"

namespace sixpn {

// Of the service with that internal port. A record of sixpn 0.1 has one health for all.
inline Health health_of(const MachineRecord& machine, std::uint16_t internal_port) {
  for (const ServiceHealth& service : *machine.service_health)
    if (service.internal_port == internal_port) return service.health;
  return machine.health;
}

// Critical before warning before unknown before passing.
constexpr Health worse(Health a, Health b) {
  constexpr auto rank = [](Health health) {
    return health == Health::kUnknown   ? 1
           : health == Health::kPassing ? 0
                                        : static_cast<int>(health);
  };
  return rank(a) < rank(b) ? b : a;
}

// Of the machine as a whole: all of its checks, the app's own included.
inline Health overall_health(const MachineRecord& machine) {
  if (machine.health == Health::kUnknown) return machine.app_health;  // no checks, or not run yet
  if (machine.app_health == Health::kUnknown) return machine.health;
  return worse(machine.health, machine.app_health);
}

}  // namespace sixpn
