// RoundTrip: what probes tell of the path to a host. Smoothed round trip and its deviation, as TCP
// does it (Jacobson and Karels; RFC 6298), from direct probe answers that were not repeated (Karn),
// time the probes; the least of the newest samples tells how far away the host is, because a
// handshake or a busy processor only ever adds. One also serves for all hosts of a region, and
// tells what a path may be like that was never measured, or once. A value.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

#include "base/time.h"

namespace sixpn::registry {

class RoundTrip {
 public:
  // `region`: of the hosts around it. A first sample says nothing of the deviation: theirs counts,
  // and how far it is from them; half of the sample (RFC 6298) where they are not known either.
  void sample(Duration measured, const RoundTrip* region = nullptr) {
    newest_[count_++ % newest_.size()] = measured;
    if (!smoothed_) {
      smoothed_ = measured;
      deviation_ = measured / 2;
      if (region == nullptr || !region->smoothed_) return;
      Duration apart = measured - *region->smoothed_;
      deviation_ = std::max({region->deviation_, apart, -apart});
      return;
    }
    Duration error = measured - *smoothed_;
    deviation_ += (std::max(error, -error) - deviation_) / 4;
    *smoothed_ += error / 8;
  }

  [[nodiscard]] std::optional<Duration> smoothed() const { return smoothed_; }

  // The least of the newest samples.
  [[nodiscard]] std::optional<Duration> distance() const {
    auto known = std::min(count_, newest_.size());
    if (known == 0) return std::nullopt;
    return *std::min_element(newest_.begin(), newest_.begin() + static_cast<std::ptrdiff_t>(known));
  }

  // When to stop waiting for a direct answer and ask others.
  [[nodiscard]] Duration timeout(Duration least, Duration most) const {
    if (!smoothed_) return most;
    return std::clamp(*smoothed_ + 4 * deviation_ + kSlack, least, most);
  }

 private:
  static constexpr Duration kSlack{50'000};  // scheduling of a busy peer
  std::array<Duration, 8> newest_{};
  std::size_t count_ = 0;
  std::optional<Duration> smoothed_;
  Duration deviation_{};
};

}  // namespace sixpn::registry
