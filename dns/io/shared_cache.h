// SharedCache: the kept replies of all upstreams, in kShards parts, each with its lock. Workers
// look and keep for themselves, without another thread: a worker that finds a shard taken takes it
// for a miss, or has the forwarder keep what it got, instead of waiting; so nobody who answers ever
// waits for somebody who was put off the processor with the lock in hand.
//
// Owned by DnsService; any thread. Limits: ForwardLimits::cache_bytes in all, forward_cache.h.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "dns/core/forward_cache.h"

namespace sixpn::dns {

class SharedCache {
 public:
  static constexpr std::size_t kShards = 16;

  explicit SharedCache(std::size_t most_bytes);

  // Calls `use(found)` under the lock. False: another thread has the shard.
  template <class Use>
  bool try_find(const ForwardKey& key, std::uint64_t hash, Instant now, Use use) {
    Shard& shard = shard_of(hash);
    std::unique_lock hold(shard.lock, std::try_to_lock);
    if (!hold) return false;
    use(shard.cache.find(key, hash, now));
    return true;
  }
  // As above, but waits. For the forwarder.
  template <class Use>
  void find(const ForwardKey& key, std::uint64_t hash, Instant now, Use use) {
    Shard& shard = shard_of(hash);
    std::lock_guard hold(shard.lock);
    use(shard.cache.find(key, hash, now));
  }
  // False: another thread has the shard. For workers.
  bool try_keep(const ForwardKey& key, std::uint64_t hash, const ForwardReply& reply, Instant now);
  // For the forwarder, as keep_failure().
  void keep(const ForwardKey& key, std::uint64_t hash, const ForwardReply& reply, Instant now);
  void keep_failure(const ForwardKey& key, std::uint64_t hash, Rcode rcode, Instant now);

  struct Use {
    std::size_t replies = 0, bytes = 0;
    std::uint64_t evicted = 0;
  };
  [[nodiscard]] Use use() const;

 private:
  struct alignas(64) Shard {
    explicit Shard(std::size_t most_bytes) : cache(most_bytes) {}
    mutable std::mutex lock;
    ForwardCache cache;
  };
  Shard& shard_of(std::uint64_t hash) { return *shards_[hash >> 60]; }

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace sixpn::dns
