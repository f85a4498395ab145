// CheckPlan: which checks run against a machine, from its app's record: those of the services that
// its process group serves, in their order, named as Fly names them, then the app's own
// (fly.toml's [checks]) for that group. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "registry/core/record.h"

namespace sixpn::machine {

// What a check speaks for, and so whom it takes out of rotation.
enum class CheckScope : std::uint8_t {
  kService,        // the service with its port
  kReadiness,      // the app's own, of Fly's kind "readiness": every service of the machine
  kInformational,  // the app's own: nothing
};

struct PlannedCheck {
  std::string name;        // "servicecheck-00-http-8080"
  std::uint16_t port = 0;  // where the machine is asked
  CheckScope scope = CheckScope::kService;
  ServiceCheck check;
  bool runnable = true;  // by this agent, against this machine
  friend bool operator==(const PlannedCheck&, const PlannedCheck&) = default;
};

inline constexpr std::size_t kMaxChecksPerMachine = 64;

// At most kMaxChecksPerMachine; `left_out` is how many more there would be. Numbers count the
// app's checks, so that a check has one name on all of its machines.
struct CheckPlan {
  std::vector<PlannedCheck> checks;
  std::vector<std::uint16_t> ports;  // of the services that the machine serves, ascending
  std::size_t left_out = 0;
};
// `has_processes`: they are sixpn's, so that scripts can be run among them.
CheckPlan plan_checks(const AppRecord& app, const std::string& group, bool has_processes);

}  // namespace sixpn::machine
