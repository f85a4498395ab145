// SnapshotBox: the newest snapshot, put there by one thread and picked up by the workers when they
// next have something to answer: so an answer is never older than the last set(), and nobody waits
// for anybody. Looking whether it is new is one load; the lock is taken when it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "registry/core/snapshot.h"

namespace sixpn::dns {

class SnapshotBox {
 public:
  void set(SnapshotPtr snapshot) {
    {
      std::lock_guard hold(lock_);
      snapshot.swap(snapshot_);
    }
    version_.fetch_add(1, std::memory_order_release);
  }

  // Rises with every set().
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  [[nodiscard]] SnapshotPtr get() const {
    std::lock_guard hold(lock_);
    return snapshot_;
  }

 private:
  mutable std::mutex lock_;
  SnapshotPtr snapshot_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace sixpn::dns
