#include "machine/core/check_summary.h"

#include <optional>

#include "registry/core/service_health.h"

namespace sixpn::machine {
namespace {

// The worst of the checks that `counts` takes; kUnknown when there are none.
template <class Counts>
Health worst(const std::vector<CheckResult>& checks, Counts counts) {
  std::optional<Health> found;
  for (const CheckResult& check : checks)
    if (counts(check)) found = found ? worse(*found, check.status) : check.status;
  return found.value_or(Health::kUnknown);
}

}  // namespace

CheckSummary summarise(const std::vector<CheckResult>& checks,
                       const std::vector<std::uint16_t>& ports) {
  CheckSummary out;
  auto informs = [](const CheckResult& check) { return check.scope == CheckScope::kInformational; };
  out.health = worst(checks, [&](const CheckResult& check) { return !informs(check); });
  out.app_health = worst(checks, informs);
  for (std::uint16_t port : ports) {
    Health of = worst(checks, [port](const CheckResult& check) {
      return check.scope == CheckScope::kReadiness ||
             (check.scope == CheckScope::kService && check.port == port);
    });
    if (of != out.health) out.services.push_back({port, of});
  }
  return out;
}

}  // namespace sixpn::machine
