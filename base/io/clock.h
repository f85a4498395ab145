// The real clocks. Only io code and main may include this; cores get time passed in.
#pragma once

#include <chrono>

#include "base/time.h"

namespace sixpn {

inline Instant monotonic_now() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Instant(std::chrono::duration_cast<Duration>(since));
}

inline WallTime wall_now() {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(since));
}

inline Now read_clocks() {
  return {monotonic_now(), wall_now()};
}

}  // namespace sixpn
