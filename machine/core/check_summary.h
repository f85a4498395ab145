// CheckSummary: what the cluster is told of a machine's checks: the health of each service, which
// the app's readiness checks are part of, and that of its informational ones, which nothing is
// routed by. From how each check stands (check_board.h). A value; pure.
#pragma once

#include <cstdint>
#include <vector>

#include "machine/core/check_board.h"
#include "registry/core/record.h"

namespace sixpn::machine {

// As in MachineRecord.
struct CheckSummary {
  Health health = Health::kUnknown;
  ServiceHealths services;
  Health app_health = Health::kUnknown;
  friend bool operator==(const CheckSummary&, const CheckSummary&) = default;
};

// `ports`: internal ports of the services that the machine serves, ascending. A service without
// checks is kUnknown, which routes.
CheckSummary summarise(const std::vector<CheckResult>& checks,
                       const std::vector<std::uint16_t>& ports);

}  // namespace sixpn::machine
