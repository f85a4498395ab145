#include "machine/core/check_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

bool is_for(const std::vector<std::string>& groups, const std::string& group) {
  return groups.empty() || std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool is_runnable(const ServiceCheck& check, bool has_processes) {
  if (check.kind == CheckKind::kScript) return has_processes;
  return true;
}

void add(CheckPlan& plan, PlannedCheck check) {
  if (plan.checks.size() < kMaxChecksPerMachine)
    plan.checks.push_back(std::move(check));
  else
    ++plan.left_out;
}

}  // namespace

CheckPlan plan_checks(const AppRecord& app, const std::string& group, bool has_processes) {
  CheckPlan plan;
  int number = 0;
  for (const Service& service : app.services) {
    bool served = is_for(service.groups, group);
    if (served) plan.ports.push_back(service.internal_port);
    for (const ServiceCheck& check : service.checks) {
      std::string name = fmt::format("servicecheck-{:02}-{}-{}", number++, kind_name(check.kind),
                                     service.internal_port);
      if (served)
        add(plan, {std::move(name), service.internal_port, CheckScope::kService, check,
                   is_runnable(check, has_processes)});
    }
  }
  for (const AppCheck& own : app.checks) {
    if (!is_for(own.groups, group)) continue;
    CheckScope scope = own.readiness ? CheckScope::kReadiness : CheckScope::kInformational;
    add(plan, {own.name, own.port, scope, own.check, is_runnable(own.check, has_processes)});
  }
  std::sort(plan.ports.begin(), plan.ports.end());
  plan.ports.erase(std::unique(plan.ports.begin(), plan.ports.end()), plan.ports.end());
  return plan;
}

}  // namespace sixpn::machine
