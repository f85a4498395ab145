// LoadReport: what an owner says of one service of one of its machines, on every answer and every
// refusal (hop.proto). Values only.
#pragma once

#include <cstdint>

namespace sixpn::flycast {

struct LoadReport {
  std::uint32_t load = 0;   // open connections or requests, the one answered included if admitted
  std::uint32_t queue = 0;  // waiting at its owner for a place
  std::uint64_t sequence = 0;  // grows, over the owner's restarts too; 0: it does not say
  friend bool operator==(const LoadReport&, const LoadReport&) = default;
};

}  // namespace sixpn::flycast
