#include "flycast/core/balancer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

namespace sixpn::flycast {
namespace {

using Indexes = std::vector<std::size_t>;

Duration distance(const Candidate& candidate) {
  if (candidate.here) return Duration::zero();
  return candidate.round_trip.value_or(Duration::max());
}

// Machines of one region in classes, best first: (over the soft limit, elsewhere than here).
Indexes best_class(std::span<const Contender> contenders, const Indexes& region,
                   std::uint32_t soft_limit) {
  auto rank = [&](std::size_t i) {
    const Contender& contender = contenders[i];
    bool over = soft_limit != 0 && contender.load >= soft_limit;
    return std::make_tuple(over, !contender.candidate.here);
  };
  std::size_t best =
      *std::min_element(region.begin(), region.end(),
                        [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  Indexes members;
  for (std::size_t i : region)
    if (rank(i) == rank(best)) members.push_back(i);
  return members;
}

// The region to take from: the own one, else the nearest by its nearest machine, else by name.
Indexes nearest_region(std::span<const Contender> contenders, const Indexes& usable,
                       std::string_view home_region) {
  std::map<std::string_view, Indexes> regions;
  for (std::size_t i : usable) regions[contenders[i].candidate.region].push_back(i);
  if (auto home = regions.find(home_region); home != regions.end()) return home->second;
  auto nearest = [&](const Indexes& members) {
    Duration least = Duration::max();
    for (std::size_t i : members) least = std::min(least, distance(contenders[i].candidate));
    return least;
  };
  return std::min_element(
             regions.begin(), regions.end(),
             [&](const auto& a, const auto& b) { return nearest(a.second) < nearest(b.second); })
      ->second;
}

// Two distinct draws, the cheaper wins; equal ones by the order of the draw, which is random.
std::size_t draw(std::span<const Contender> contenders, const Indexes& members,
                 std::uint32_t soft_limit, Rng& rng) {
  auto first = static_cast<std::size_t>(rng.below(members.size()));
  if (members.size() == 1) return members[first];
  auto second = static_cast<std::size_t>(rng.below(members.size() - 1));
  if (second >= first) ++second;
  bool keep = cost(contenders[members[first]].load, soft_limit) <=
              cost(contenders[members[second]].load, soft_limit);
  return members[keep ? first : second];
}

NoPick why_none(std::span<const Contender> contenders) {
  if (contenders.empty()) return NoPick::kNoCandidate;
  bool tried = std::any_of(contenders.begin(), contenders.end(),
                           [](const Contender& contender) { return contender.excluded; });
  return tried ? NoPick::kAllExcluded : NoPick::kAllAtLimit;
}

}  // namespace

std::string_view to_string(NoPick reason) {
  switch (reason) {
    case NoPick::kNoCandidate:
      return "no machine is started and healthy";
    case NoPick::kAllExcluded:
      return "every machine refused or failed";
    case NoPick::kAllAtLimit:
      return "every machine is at its hard limit";
  }
  return "unknown";
}

double cost(double load, std::uint32_t soft_limit) {
  if (soft_limit == 0) return load + 1;
  double share = load / soft_limit;
  return (load + 1) * (1 + share * share * share * share);
}

Choice choose(std::span<const Contender> contenders, std::string_view home_region,
              std::uint32_t soft_limit, Rng& rng) {
  Indexes usable;
  Indexes failing;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (contenders[i].excluded || contenders[i].at_limit) continue;
    (contenders[i].failing ? failing : usable).push_back(i);
  }
  if (usable.empty()) usable = std::move(failing);
  if (usable.empty()) return why_none(contenders);
  Indexes region = nearest_region(contenders, usable, home_region);
  return draw(contenders, best_class(contenders, region, soft_limit), soft_limit, rng);
}

}  // namespace sixpn::flycast
