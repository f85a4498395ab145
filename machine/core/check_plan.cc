#include "machine/core/check_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace sixpn::machine {
namespace {

std::string_view kind_name(CheckKind kind) {
  switch (kind) {
    case CheckKind::kTcp:
      return "tcp";
    case CheckKind::kHttp:
      return "http";
    case CheckKind::kScript:
      return "script";
  }
  return "unknown";
}

bool serves(const Service& service, const std::string& group) {
  return service.groups.empty() ||
         std::find(service.groups.begin(), service.groups.end(), group) != service.groups.end();
}

bool is_runnable(const ServiceCheck& check, bool has_processes) {
  if (check.kind == CheckKind::kScript) return has_processes;
  return true;
}

}  // namespace

CheckPlan plan_checks(const std::vector<Service>& services, const std::string& group,
                      bool has_processes) {
  CheckPlan plan;
  int number = 0;
  for (const Service& service : services) {
    for (const ServiceCheck& check : service.checks) {
      std::string name = fmt::format("servicecheck-{:02}-{}-{}", number++, kind_name(check.kind),
                                     service.internal_port);
      if (!serves(service, group)) continue;
      if (plan.checks.size() < kMaxChecksPerMachine)
        plan.checks.push_back(
            {std::move(name), service.internal_port, check, is_runnable(check, has_processes)});
      else
        ++plan.left_out;
    }
  }
  return plan;
}

}  // namespace sixpn::machine
