// The real clocks. Only io code and main may include this; cores get time passed in.
#pragma once

#include <time.h>

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

// The same as of the last tick of the kernel, some milliseconds ago, for a few nanoseconds.
inline Now read_coarse_clocks() {
  auto read = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  return {
      Instant(std::chrono::duration_cast<Duration>(read(CLOCK_MONOTONIC_COARSE))),
      WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(read(CLOCK_REALTIME_COARSE)))};
}

}  // namespace sixpn
