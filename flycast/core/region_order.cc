#include "flycast/core/region_order.h"

#include <algorithm>
#include <cmath>

namespace sixpn::flycast {
namespace {

constexpr Duration kUnmeasured = Duration::max();

Duration distance(const Candidate& candidate) {
  if (candidate.here) return Duration::zero();
  return candidate.round_trip.value_or(kUnmeasured);
}

}  // namespace

Duration RegionOrder::hold(const std::string& region, Duration measured) {
  auto [held, is_new] = held_.try_emplace(region, measured);
  if (is_new || held->second == measured) return held->second;
  bool unmeasured = held->second == kUnmeasured || measured == kUnmeasured;
  auto known = static_cast<double>(held->second.count());
  auto drift = std::abs(static_cast<double>(measured.count()) - known);
  if (unmeasured || drift > known * kHysteresis) held->second = measured;
  return held->second;
}

std::map<std::string, Duration> RegionOrder::update(const std::vector<Candidate>& candidates) {
  std::map<std::string, Duration> nearest;
  for (const Candidate& candidate : candidates) {
    auto [found, is_new] = nearest.try_emplace(candidate.region, distance(candidate));
    if (!is_new) found->second = std::min(found->second, distance(candidate));
  }
  std::erase_if(held_, [&](const auto& held) { return !nearest.contains(held.first); });
  for (auto& [region, round_trip] : nearest) round_trip = hold(region, round_trip);
  return nearest;
}

}  // namespace sixpn::flycast
