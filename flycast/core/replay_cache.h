// ReplayCache: where requests were replayed to, for those that come later (fly.md 4.5): by host and
// path, as an app orders with fly-replay-cache; and by the value of a cookie or header (a session),
// as a service's settings order. An optimisation, never the truth: any entry may be gone at any
// time, and the app is asked again.
//
// Bounded in bytes, over all and for each app: the app that has most gives way, its least recently
// used first, so that one app's sessions do not push out another's. Not shared between hosts. Pure;
// one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"
#include "flycast/core/replay_headers.h"
#include "flycast/core/replay_instruction.h"
#include "flycast/core/routing_wish.h"
#include "registry/core/service.h"

namespace sixpn::flycast {

// What a cache looks at in a request. Views: valid for one call.
struct CacheRequest {
  AppName app;            // that was dialled
  std::string_view host;  // as the client named it, a port allowed
  std::string_view path;  // a query allowed
  const HeaderList& headers;
  std::span<const ReplayCacheRule> rules;  // of the port that was dialled
};

class ReplayCache {
 public:
  struct Limits {
    std::size_t bytes = 4 * 1024 * 1024;
    std::size_t bytes_per_app = 1024 * 1024;
  };
  static constexpr std::size_t kMaxSegments = 32;        // of a path that is looked at
  static constexpr std::size_t kMaxSessionValue = 2048;  // bytes of a cookie or header

  struct Found {
    CacheStatus status = CacheStatus::kNone;  // kHit, or kBypass: it is there, but the client asks
                                              // to be sent past it and may
    RoutingWish wish;                         // of kHit
  };

  explicit ReplayCache(Limits limits) : limits_(limits) {}

  // The entry of the longest path; of two as long, the one that the app ordered.
  Found find(const CacheRequest& request, Instant now);
  // After a machine's instruction was followed to `wish`: keeps what it orders and what the rules
  // do. Says in words why it keeps nothing that was ordered; "" else.
  std::string_view keep(const CacheRequest& request, const ReplayInstruction& instruction,
                        const RoutingWish& wish, Instant now);
  // Forgets all that find() could answer this request with.
  void invalidate(const CacheRequest& request);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Entry {
    std::string key;
    RoutingWish wish;
    bool allow_bypass = false;
    Instant ends{};
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  // the latest used first
  struct Shelf {
    Entries entries;
    std::unordered_map<std::string_view, Entries::iterator> by_key;
    std::size_t bytes = 0;
  };

  Entry* look_up(Shelf& shelf, const std::string& key, Instant now);
  void insert(const AppName& app, std::string key, const RoutingWish& wish, bool allow_bypass,
              Instant ends);
  void remove(Shelf& shelf, Entries::iterator entry);
  void make_room(Shelf& newest);

  Limits limits_;
  std::map<AppName, Shelf> shelves_;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace sixpn::flycast
