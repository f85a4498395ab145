// HybridClock: hybrid logical clock (Kulkarni et al., 2014) that stamps shared records: 48 bits of
// Unix milliseconds, 16 bits of counter. Later than everything this host has seen, close to wall
// time, safe against a clock that steps back. A value; time is passed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace sixpn::registry {

// A stamp further ahead of our wall clock is refused: one bad clock must not drag the cluster's
// with it. The refused record heals by anti-entropy once time has caught up. Minutes, as the knock
// tolerates: clocks that differ by less delay nothing.
inline constexpr std::chrono::seconds kMaxClockAhead{300};

class HybridClock {
 public:
  static constexpr std::uint64_t from_wall(WallTime t) {
    auto ms = unix_ms(t);
    return ms <= 0 ? 0 : static_cast<std::uint64_t>(ms) << kCounterBits;
  }

  // The wall time that a stamp was made at, as its writer's clock had it.
  static constexpr WallTime to_wall(std::uint64_t stamp) {
    return from_unix_ms(static_cast<std::int64_t>(stamp >> kCounterBits));
  }

  static constexpr bool too_far_ahead(std::uint64_t stamp, WallTime now) {
    return stamp > from_wall(now + kMaxClockAhead);
  }

  // The stamp of a new write: greater than every stamp made or seen before.
  std::uint64_t tick(WallTime now) {
    last_ = std::max(last_ + 1, from_wall(now));
    return last_;
  }

  void observe(std::uint64_t stamp) { last_ = std::max(last_, stamp); }
  [[nodiscard]] std::uint64_t last() const { return last_; }

 private:
  static constexpr int kCounterBits = 16;
  std::uint64_t last_ = 0;
};

}  // namespace sixpn::registry
