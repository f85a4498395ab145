// Observers: the few hosts that check a suspicion at once and sign what they find. Every host
// computes the same ones for a suspect (rendezvous hash, Thaler and Ravishankar 1998), so a
// suspicion needs no broadcast to be confirmed, and a liar cannot choose the witnesses. They
// stand in several regions where there are several, so that one region's broken path convicts
// nobody. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace sixpn::registry {

inline constexpr std::size_t kObservers = 8;
inline constexpr std::size_t kObserverRegions = 3;

// A region as a number: its first four characters.
std::uint32_t region_code(std::string_view region);

struct ObserverCandidate {
  HostId host;
  std::uint32_t region = 0;
};

// At most kObservers of the candidates, heaviest first; from at least kObserverRegions regions
// where there are as many. The suspect is passed over.
std::vector<HostId> choose_observers(HostId suspect,
                                     const std::vector<ObserverCandidate>& candidates);

}  // namespace sixpn::registry
