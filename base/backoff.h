// Exponential backoff with full jitter: delay n is uniform in (0, min(cap, first * 2^n)].
// A plain value; the caller waits. (Marc Brooker, "Exponential Backoff And Jitter", 2015.)
#pragma once

#include <algorithm>

#include "base/rng.h"
#include "base/time.h"

namespace sixpn {

class Backoff {
 public:
  Backoff(Duration first, Duration cap) : first_(first), cap_(cap), ceiling_(first) {}

  Duration next(Rng& rng) {
    auto micros = static_cast<std::uint64_t>(ceiling_.count());
    ceiling_ = std::min(cap_, ceiling_ * 2);
    return Duration(static_cast<Duration::rep>(rng.below(micros) + 1));
  }

  void reset() { ceiling_ = first_; }

 private:
  Duration first_;
  Duration cap_;
  Duration ceiling_;
};

}  // namespace sixpn
