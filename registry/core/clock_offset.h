// ClockOffset: how far another host's wall clock is ahead of ours, from the times it writes into
// probes and their answers. Only reported: nothing is decided by it. A value; bounded.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace sixpn::registry {

// Reported beyond this. Probes take milliseconds, a loop that stalls for seconds is filtered.
inline constexpr std::chrono::milliseconds kClockOffsetNoted = std::chrono::seconds(5);

class ClockOffset {
 public:
  // `ahead`: what the other wrote, plus half a round trip, less our clock when it arrived.
  void add(std::chrono::milliseconds ahead) {
    samples_.at(next_) = ahead;
    next_ = (next_ + 1) % samples_.size();
    count_ = std::min(count_ + 1, samples_.size());
  }
  // Whatever delays a datagram makes its sender's clock look behind, never ahead: the greatest of
  // the last few is the best. Nothing before the second.
  [[nodiscard]] std::optional<std::chrono::milliseconds> ahead() const {
    if (count_ < 2) return std::nullopt;
    return *std::max_element(samples_.begin(),
                             samples_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

 private:
  std::array<std::chrono::milliseconds, 4> samples_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace sixpn::registry
