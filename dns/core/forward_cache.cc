#include "dns/core/forward_cache.h"

#include <memory>
#include <utility>

namespace sixpn::dns {
namespace {

// What the table spends beside an entry's own members: its slot, and those that are free.
constexpr std::size_t kTableBytes = 64;

// Nothing, for a reader whose clock is behind the writer's: it reads it once in a batch.
std::uint32_t whole_seconds(Duration time) {
  if (time < Duration::zero()) return 0;
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

std::size_t ForwardCache::Entry::bytes() const {
  return sizeof *this - sizeof reply + reply.bytes() + name.capacity() + kTableBytes;
}

ForwardCache::Entry* ForwardCache::entry_of(const ForwardKey& key, std::uint64_t hash) {
  return entries_.find(hash, [&](const Entry& entry) { return entry.is(key); });
}

void ForwardCache::forget(const ForwardKey& key, std::uint64_t hash) {
  if (Entry* entry = entry_of(key, hash)) remove(*entry);
}

ForwardCache::Found ForwardCache::find(const ForwardKey& key, std::uint64_t hash, Instant now) {
  Entry* entry = entry_of(key, hash);
  if (entry == nullptr) return {};
  Found found{State::kFresh, &entry->reply, whole_seconds(now - entry->came), false};
  if (now < entry->ends) {
    entry->visited = true;
    if (entry->reply.is_failure()) {
      found.state = State::kFailed;
      return found;
    }
    ++entry->told;
    bool near_end = (entry->ends - now) * kPrefetchPart <= entry->ends - entry->came;
    bool may_ask = !entry->prefetching && now >= entry->pause_ends;
    found.prefetch = near_end && entry->told > kPopular && may_ask;
    entry->prefetching = entry->prefetching || found.prefetch;
    return found;
  }
  if (entry->reply.is_failure() || now >= entry->ends + kMaxStale) return {};
  entry->visited = true;
  found.state = now < entry->pause_ends ? State::kStaleForNow : State::kStale;
  return found;
}

void ForwardCache::keep(const ForwardKey& key, std::uint64_t hash, ForwardReply reply,
                        Instant now) {
  if (reply.lifetime == 0 || reply.bytes() > kMaxReplyBytes) {
    return forget(key, hash);  // what was kept is not what upstream says now
  }
  auto lifetime = std::chrono::seconds(reply.lifetime);
  insert(key, hash, std::move(reply), now, lifetime);
}

void ForwardCache::keep_failure(const ForwardKey& key, std::uint64_t hash, Rcode rcode,
                                Instant now) {
  Entry* entry = entry_of(key, hash);
  bool usable = entry != nullptr && !entry->reply.is_failure() && now < entry->ends + kMaxStale;
  if (!usable) return insert(key, hash, make_failure(rcode), now, kFailurePause);
  entry->pause_ends = now + kStalePause;
  entry->prefetching = false;
}

void ForwardCache::insert(const ForwardKey& key, std::uint64_t hash, ForwardReply reply,
                          Instant now, Duration lifetime) {
  forget(key, hash);
  Entry& entry = entries_.put(hash, std::make_unique<Entry>());
  entry.hash = hash;
  entry.name = key.name;
  entry.type = key.type;
  entry.flags = key.flags;
  entry.group = key.group;
  entry.reply = std::move(reply);
  entry.came = now;
  entry.ends = now + lifetime;
  entry.older = newest_;
  if (newest_ != nullptr) newest_->newer = &entry;
  newest_ = &entry;
  if (oldest_ == nullptr) oldest_ = &entry;
  bytes_ += entry.bytes();
  while (bytes_ > most_bytes_ && entries_.size() > 1) evict_one();
}

void ForwardCache::remove(Entry& entry) {
  bytes_ -= entry.bytes();
  (entry.newer == nullptr ? newest_ : entry.newer->older) = entry.older;
  (entry.older == nullptr ? oldest_ : entry.older->newer) = entry.newer;
  if (hand_ == &entry) hand_ = entry.newer;
  entries_.erase(entry.hash, entry);
}

// The newest is never taken: it has just come, and nobody had time to ask for it.
void ForwardCache::evict_one() {
  for (;;) {
    if (hand_ == nullptr || hand_ == newest_) hand_ = oldest_;
    if (!std::exchange(hand_->visited, false)) break;
    hand_ = hand_->newer;
  }
  ++evicted_;
  remove(*hand_);
}

}  // namespace sixpn::dns
