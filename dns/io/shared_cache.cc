#include "dns/io/shared_cache.h"

#include <memory>

namespace sixpn::dns {

static_assert(SharedCache::kShards == 16, "shard_of() takes the highest four bits of the hash");

SharedCache::SharedCache(std::size_t most_bytes) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_.push_back(std::make_unique<Shard>(most_bytes / kShards));
}

void SharedCache::keep(const ForwardKey& key, std::uint64_t hash, const ForwardReply& reply,
                       Instant now) {
  auto copy = reply;  // outside the lock
  Shard& shard = shard_of(hash);
  std::lock_guard hold(shard.lock);
  shard.cache.keep(key, hash, std::move(copy), now);
}

bool SharedCache::try_keep(const ForwardKey& key, std::uint64_t hash, const ForwardReply& reply,
                           Instant now) {
  auto copy = reply;  // outside the lock
  Shard& shard = shard_of(hash);
  std::unique_lock hold(shard.lock, std::try_to_lock);
  if (hold) shard.cache.keep(key, hash, std::move(copy), now);
  return hold.owns_lock();
}

void SharedCache::keep_failure(const ForwardKey& key, std::uint64_t hash, Rcode rcode,
                               Instant now) {
  Shard& shard = shard_of(hash);
  std::lock_guard hold(shard.lock);
  shard.cache.keep_failure(key, hash, rcode, now);
}

SharedCache::Use SharedCache::use() const {
  Use all;
  for (const auto& shard : shards_) {
    std::lock_guard hold(shard->lock);
    all.replies += shard->cache.size();
    all.bytes += shard->cache.bytes();
    all.evicted += shard->cache.evicted();
  }
  return all;
}

}  // namespace sixpn::dns
