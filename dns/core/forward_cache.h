// ForwardCache: replies from upstream kept by question, bounded in bytes. It says of each whether
// it is fresh, stale (RFC 8767) or a failure that is not to be tried again yet (RFC 9520), and when
// a popular one should be fetched before it ends. Which go when it is full is decided by SIEVE
// (Zhang and others, NSDI 2024): in order of arrival, but what was asked for since the hand last
// came by stays; so a flood of names that are asked for once passes through without washing out
// those in use.
//
// One shard of dns/io/shared_cache.h, which holds the lock. Not a resolver's cache of records:
// whole replies, as they came. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "dns/core/foreign_query.h"
#include "dns/core/forward.h"
#include "dns/core/hash_table.h"

namespace sixpn::dns {

class ForwardCache {
 public:
  // A reply over this size is not kept.
  static constexpr std::size_t kMaxReplyBytes = 16384;
  // How long a reply may be told after its end (RFC 8767 section 5: one to three days).
  static constexpr Duration kMaxStale = std::chrono::hours(24);
  // After a failure what is stale is told at once, and nobody upstream is asked (RFC 8767
  // section 5).
  static constexpr Duration kStalePause = std::chrono::seconds(30);
  // Where nothing stale is there the failure itself is told (RFC 9520 section 3.2: 1 s to 5 min).
  static constexpr Duration kFailurePause = std::chrono::seconds(5);
  // In the last tenth of its time a reply is fetched anew if it was told so often.
  static constexpr std::uint32_t kPopular = 3;
  static constexpr int kPrefetchPart = 10;

  enum class State {
    kMissing,
    kFresh,
    kFailed,       // a failure, to be told as it is
    kStale,        // to be told if upstream does not answer in time
    kStaleForNow,  // upstream failed a moment ago: to be told at once
  };
  struct Found {
    State state = State::kMissing;
    const ForwardReply* reply = nullptr;  // until the next call
    std::uint32_t age = 0;                // seconds
    bool prefetch = false;                // said once: the caller has it fetched
  };

  explicit ForwardCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // `hash`: hash_of(key).
  Found find(const ForwardKey& key, std::uint64_t hash, Instant now);
  // Replies of lifetime 0 and those that are too large are not kept.
  void keep(const ForwardKey& key, std::uint64_t hash, ForwardReply reply, Instant now);
  // Nobody upstream answered, or each with a failure.
  void keep_failure(const ForwardKey& key, std::uint64_t hash, Rcode rcode, Instant now);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    std::string name;
    RrType type = 0;
    std::uint8_t flags = 0;
    std::uint16_t group = 0;
    ForwardReply reply;
    Instant came{}, ends{};
    Instant pause_ends{};  // while stale: until then nobody is asked
    std::uint32_t told = 0;
    bool prefetching = false;
    bool visited = false;
    Entry* newer = nullptr;
    Entry* older = nullptr;

    [[nodiscard]] bool is(const ForwardKey& key) const {
      return name == key.name && type == key.type && flags == key.flags && group == key.group;
    }
    [[nodiscard]] std::size_t bytes() const;
  };

  Entry* entry_of(const ForwardKey& key, std::uint64_t hash);
  void forget(const ForwardKey& key, std::uint64_t hash);
  void insert(const ForwardKey& key, std::uint64_t hash, ForwardReply reply, Instant now,
              Duration lifetime);
  void remove(Entry& entry);
  void evict_one();

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
  HashTable<Entry> entries_;
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  Entry* hand_ = nullptr;  // looks at this one next; null: at the oldest
};

}  // namespace sixpn::dns
