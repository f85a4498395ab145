// PeakEwma: how long a machine takes to answer, as its next caller should expect. Finagle's rule
// (its p2c peak-EWMA balancer): a slow answer counts at once and in full, a fast one only moves the
// mean, so that trouble is believed quickly and recovery slowly. Pure; a plain value.
//
// What is read back is never below kFloor: differences of a few milliseconds between connects are
// the scheduler's noise, and a ratio of two such would outweigh load.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/time.h"

namespace sixpn::flycast {

class PeakEwma {
 public:
  // In this span a mean forgets 63 %.
  static constexpr Duration kDecay = std::chrono::seconds(10);
  static constexpr Duration kFloor = std::chrono::milliseconds(5);
  // Of a machine nobody has heard from, in this region; elsewhere the round trip comes on top.
  static constexpr Duration kSeed = std::chrono::milliseconds(30);
  // What a failure counts as, unless the machine itself asked for a longer pause.
  static constexpr Duration kFailure = std::chrono::seconds(5);
  static constexpr Duration kLongestPause = std::chrono::seconds(60);

  void add(Duration sample, Instant now) {
    double s = seconds(sample);
    if (!at_ || s > mean_) {
      mean_ = s;
    } else {
      double w = weight(now - *at_);
      mean_ = mean_ * w + s * (1 - w);
    }
    at_ = now;
  }
  // `pause`: its Retry-After, zero when there was none.
  void add_failure(Duration pause, Instant now) {
    add(std::clamp(pause, kFailure, kLongestPause), now);
  }
  void forget() { at_.reset(); }

  // The mean as last sampled, in seconds; nothing before the first sample.
  [[nodiscard]] std::optional<double> raw() const {
    return at_ ? std::optional<double>(mean_) : std::nullopt;
  }
  // In seconds. Unsampled: `seed`. A mean above it wanes towards it while no sample comes, so that
  // a machine that failed is not shunned for ever.
  [[nodiscard]] double expected(Duration seed, Instant now) const {
    double base = seconds(seed);
    if (!at_) return std::max(base, seconds(kFloor));
    double mean = mean_ > base ? base + (mean_ - base) * weight(now - *at_) : mean_;
    return std::max(mean, seconds(kFloor));
  }

  static constexpr double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

 private:
  static double weight(Duration passed) {
    return std::exp(-seconds(std::max(passed, Duration::zero())) / seconds(kDecay));
  }

  double mean_ = 0;  // seconds
  std::optional<Instant> at_;
};

}  // namespace sixpn::flycast
