// The bytes of a name in lower case, eight at a step: every query's name goes through here. Only
// ASCII letters change (RFC 4343); length bytes are below 'A', so a name in wire form is lowered as
// a whole. Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "dns/core/name.h"

namespace sixpn::dns {

// Each of the eight bytes as to_lower() (name.h) has it.
constexpr std::uint64_t lower_eight(std::uint64_t bytes) {
  constexpr std::uint64_t kEach = 0x0101010101010101, kHigh = 0x80 * kEach;
  std::uint64_t low = bytes & ~kHigh;
  // The high bit of each byte: above 'Z', and 'A' or above.
  std::uint64_t above = low + (0x7f - 'Z') * kEach;
  std::uint64_t reached = low + (0x80 - 'A') * kEach;
  return bytes | ((reached & ~above & ~bytes & kHigh) >> 2);
}

// `to` has room for them, and is another place.
inline void copy_lower(std::string_view from, char* to) {
  constexpr std::size_t kStep = sizeof(std::uint64_t);
  auto step = [&](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, from.data() + at, kStep);
    word = lower_eight(word);
    std::memcpy(to + at, &word, kStep);
  };
  std::size_t at = 0;
  for (; at + kStep <= from.size(); at += kStep) step(at);
  if (at == from.size()) return;
  if (at > 0) return step(from.size() - kStep);  // some of them a second time
  for (; at < from.size(); ++at) to[at] = to_lower(from[at]);
}

}  // namespace sixpn::dns
