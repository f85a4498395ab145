// RoundTrip: smoothed round trip and its deviation, as TCP does it (Jacobson and Karels; RFC 6298),
// from direct probe answers that were not repeated (Karn). A value.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/time.h"

namespace sixpn::registry {

class RoundTrip {
 public:
  void sample(Duration measured) {
    if (!smoothed_) {
      smoothed_ = measured;
      deviation_ = measured / 2;
      return;
    }
    Duration error = measured - *smoothed_;
    deviation_ += (std::max(error, -error) - deviation_) / 4;
    *smoothed_ += error / 8;
  }

  [[nodiscard]] std::optional<Duration> smoothed() const { return smoothed_; }

  // When to stop waiting for a direct answer and ask others.
  [[nodiscard]] Duration timeout(Duration least, Duration most) const {
    if (!smoothed_) return most;
    return std::clamp(*smoothed_ + 4 * deviation_ + kSlack, least, most);
  }

 private:
  static constexpr Duration kSlack{50'000};  // scheduling of a busy peer
  std::optional<Duration> smoothed_;
  Duration deviation_{};
};

}  // namespace sixpn::registry
