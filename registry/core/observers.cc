#include "registry/core/observers.h"

#include <algorithm>
#include <set>

namespace sixpn::registry {
namespace {

std::uint64_t weight(HostId suspect, HostId observer) {
  std::uint64_t h = (std::uint64_t{suspect.value} << 32 | observer.value) + 0x9e3779b97f4a7c15ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

struct Weighted {
  std::uint64_t weight;
  ObserverCandidate candidate;
};

bool heavier(const Weighted& a, const Weighted& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.candidate.host < b.candidate.host;
}

}  // namespace

std::uint32_t region_code(std::string_view region) {
  std::uint32_t code = 0;
  for (char c : region.substr(0, 4)) code = code << 8 | static_cast<unsigned char>(c);
  return code;
}

std::vector<HostId> choose_observers(HostId suspect,
                                     const std::vector<ObserverCandidate>& candidates) {
  std::vector<Weighted> order;
  order.reserve(candidates.size());
  for (const auto& each : candidates)
    if (each.host != suspect) order.push_back({weight(suspect, each.host), each});
  std::sort(order.begin(), order.end(), heavier);
  std::size_t most = std::min(order.size(), kObservers);
  // The heaviest of the first regions have their places; the rest go by weight.
  std::set<std::uint32_t> regions;
  std::set<HostId> chosen;
  for (const auto& [w, each] : order) {
    if (chosen.size() == most || regions.size() == kObserverRegions) break;
    if (regions.insert(each.region).second) chosen.insert(each.host);
  }
  for (const auto& [w, each] : order) {
    if (chosen.size() == most) break;
    chosen.insert(each.host);
  }
  std::vector<HostId> out;
  for (const auto& [w, each] : order) {
    if (chosen.contains(each.host)) out.push_back(each.host);
    if (out.size() == most) break;
  }
  return out;
}

}  // namespace sixpn::registry
