// Fields of wire messages into narrower types: false when the number does not fit. For the codecs
// of values only.
#pragma once

#include <cstdint>
#include <limits>

namespace sixpn::registry {

inline bool take(std::uint32_t in, std::uint16_t& out) {
  out = static_cast<std::uint16_t>(in);
  return in <= std::numeric_limits<std::uint16_t>::max();
}

template <class Enum>
bool take(std::uint32_t in, Enum& out, Enum first, Enum last) {
  out = static_cast<Enum>(in);
  return in >= static_cast<std::uint32_t>(first) && in <= static_cast<std::uint32_t>(last);
}

}  // namespace sixpn::registry
