// Time as values. Core code never reads a clock: `now` is passed in. Instant is monotonic (virtual
// in the simulator), WallTime is Unix time and may step. The real clocks are in base/io/clock.h.
#pragma once

#include <chrono>
#include <cstdint>

namespace sixpn {

using Duration = std::chrono::microseconds;

// Monotonic time. No now(): see base/io/clock.h.
struct MonotonicTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicTime, duration>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicTime::time_point;
inline constexpr Instant kNever = Instant::max();

// Unix time in milliseconds.
struct UnixTime {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<UnixTime, duration>;
  static constexpr bool is_steady = false;
};
using WallTime = UnixTime::time_point;

// Both clocks read at one moment: what every event method of a protocol core receives.
struct Now {
  Instant mono;
  WallTime wall;
};

constexpr std::int64_t unix_ms(WallTime t) {
  return t.time_since_epoch().count();
}
constexpr WallTime from_unix_ms(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

}  // namespace sixpn
