// How fast anti-entropy may go: SyncPace bounds the bytes sent, SyncChunk how many records are
// merged in one go, so that neither a link nor the control loop is taken up by a large difference.
// Plain values; time is passed in. Used by registry/io/sync_endpoint.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace sixpn::registry {

// Bytes per second. A host's first sync goes faster: it has no view to serve until then. One at a
// time; who asks while another runs gets the usual pace.
inline constexpr std::uint64_t kSyncRatePerPeer = 256'000;
inline constexpr std::uint64_t kSyncRateInAll = 2'000'000;
inline constexpr std::uint64_t kFirstSyncRate = 16'000'000;

// At most `rate` bytes a second, over any time longer than kBurst.
class SyncPace {
 public:
  static constexpr Duration kBurst = std::chrono::milliseconds(100);

  // How long to wait before more may be sent; zero: now.
  [[nodiscard]] Duration wait(Instant now) const {
    return std::max(Duration::zero(), spent_until_ - kBurst - now);
  }
  void take(Instant now, std::size_t bytes, std::uint64_t rate) {
    constexpr std::uint64_t kMicros = 1'000'000;
    spent_until_ =
        std::max(spent_until_, now) + Duration(static_cast<Duration::rep>(bytes * kMicros / rate));
  }

 private:
  Instant spent_until_{};  // when all that was sent is paid for
};

// How many records to merge before the loop gets its turn. Each costs a signature check of 50 to
// 200 us, so the number follows what the last ones took.
class SyncChunk {
 public:
  static constexpr std::size_t kLeast = 4;
  static constexpr std::size_t kMost = 64;
  static constexpr Duration kGoal = std::chrono::milliseconds(2);

  [[nodiscard]] std::size_t size() const { return size_; }
  void on_merged(Duration took) {
    if (took > kGoal)
      size_ = std::max(size_ / 2, kLeast);
    else if (took < kGoal / 2)
      size_ = std::min(size_ + size_ / 2, kMost);
  }

 private:
  std::size_t size_ = 16;
};

}  // namespace sixpn::registry
