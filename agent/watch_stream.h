// WatchHub: the watchers of the registry as streams of the admin API. Feeds the snapshots to
// watch_feed.h, wakes whoever waits, and keeps quiet streams alive with heartbeats. Control loop.
#pragma once

#include <memory>
#include <vector>

#include "agent/admin_server.h"
#include "agent/watch_feed.h"
#include "base/io/event_loop.h"

namespace sixpn::agent {

inline constexpr Duration kWatchHeartbeat = std::chrono::seconds(15);

class WatchHub {
 public:
  explicit WatchHub(EventLoop& loop);
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  void publish(SnapshotPtr snapshot);
  // Errors: too many watch already (503); a `from` that is no cursor (400).
  Result<std::shared_ptr<ApiStream>> watch(const WatchCursor::Options& options);

 private:
  class Stream;
  void beat();
  void wake_all();

  std::shared_ptr<WatchFeed> feed_;  // shared with the streams, which may outlive the hub
  std::vector<std::weak_ptr<Stream>> streams_;
  LoopTimer heartbeat_;
};

}  // namespace sixpn::agent
