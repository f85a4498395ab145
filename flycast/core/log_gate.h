// LogGate: lets one line through per interval and counts those it held back, so that a client in a
// loop cannot fill a disk. Pure; one loop.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace sixpn::flycast {

class LogGate {
 public:
  explicit LogGate(Duration interval) : interval_(interval) {}

  // How many were held back since the last line, when this one may pass.
  std::optional<std::uint64_t> pass(Instant now) {
    if (now < next_) {
      ++held_back_;
      return std::nullopt;
    }
    next_ = now + interval_;
    return std::exchange(held_back_, 0);
  }

 private:
  Duration interval_;
  Instant next_ = Instant::min();
  std::uint64_t held_back_ = 0;
};

}  // namespace sixpn::flycast
