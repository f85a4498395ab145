// WatchFeed: the changes of the registry as lines that watchers read, and WatchCursor: one
// watcher's place in them. Pure (time is passed in); the bytes are moved by watch_stream.h.
// Control loop.
//
// A watcher gets "state" and the whole state (or, resumed, neither), then the changes of each
// generation and an "at" line that says: you now have exactly this generation, resume from here.
// Nothing is buffered per watcher: changes are rendered once, into a history that all share, and
// who falls out of its end has been too slow. While nobody watches, nothing is rendered.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "registry/core/snapshot.h"
#include "registry/core/snapshot_diff.h"

namespace sixpn::agent {

inline constexpr std::size_t kMaxWatchers = 16;
// Of lines. The last generation stays whatever its size: it is at most the whole registry.
inline constexpr std::size_t kMaxWatchHistoryBytes = 8 << 20;
inline constexpr std::size_t kMaxWatchGenerations = 4096;
// How long after its last watcher a feed goes on recording, for a watcher that comes back.
inline constexpr Duration kWatchLinger = std::chrono::minutes(5);

class WatchFeed {
 public:
  // `epoch` tells one life of the agent from another: generations begin anew in each.
  explicit WatchFeed(std::string epoch) : epoch_(std::move(epoch)) {}

  void publish(Instant now, SnapshotPtr snapshot);
  void attach(Instant now);  // a watcher comes
  void detach(Instant now);  // and goes

  [[nodiscard]] std::size_t watchers() const { return watchers_; }
  [[nodiscard]] bool full() const { return watchers_ >= kMaxWatchers; }

 private:
  friend class WatchCursor;
  struct Line {
    NetworkId network;  // 0: everybody's
    std::string text;
  };
  struct Batch {
    std::uint64_t generation = 0;
    std::vector<Line> lines;
    std::size_t bytes = 0;
  };
  [[nodiscard]] bool recording(Instant now) const;
  void record(const Snapshot& before, const Snapshot& after);
  void trim();

  std::string epoch_;
  SnapshotPtr latest_;
  std::deque<Batch> history_;  // only generations in which something changed
  std::size_t bytes_ = 0;
  std::uint64_t floor_ = 0;  // every change after this generation is in history_
  std::size_t watchers_ = 0;
  Instant idle_since_ = kNever;  // kNever: nobody has watched yet
};

class WatchCursor {
 public:
  struct Options {
    std::optional<NetworkId> network;  // this one, and what is no part of a network; else all
    std::string from;                  // "EPOCH:GENERATION" of an "at" line; "": from the start
  };
  // The feed must outlive it, hold a snapshot, and have been told attach(). Errors (400): `from` is
  // no cursor.
  static Result<WatchCursor> open(const WatchFeed& feed, const Options& options);

  // The next lines, about `budget` bytes or a little more; "" when there is nothing new.
  std::string next(std::size_t budget);
  // An "at" line of where the watcher is, when it has all there is; else "".
  std::string heartbeat() const;
  // It was too slow: the last next() said so, and there is no more.
  [[nodiscard]] bool ended() const { return stage_ == Stage::kEnded; }

 private:
  enum class Stage { kBegin, kShared, kNetworks, kResumed, kFollowing, kEnded };
  WatchCursor(const WatchFeed& feed, std::optional<NetworkId> network)
      : feed_(&feed), network_(network) {}
  void resume(const std::string& epoch, std::uint64_t generation);
  void announce(std::string& out);
  void list_shared(std::string& out);
  void list_networks(std::string& out, std::size_t budget);
  // Whether all are listed.
  bool list_machines(const NetworkView& view, std::string& out, std::size_t budget);
  void follow(std::string& out, std::size_t budget);
  [[nodiscard]] std::string at_line() const;
  [[nodiscard]] bool wants(NetworkId network) const;

  const WatchFeed* feed_;
  std::optional<NetworkId> network_;
  Stage stage_ = Stage::kBegin;
  std::string why_whole_;                   // why a resume is answered by the whole state
  SnapshotPtr listing_;                     // what is being listed
  NetworkId at_network_;                    // the next one to list
  bool in_machines_ = false;                // of at_network_: the rest of it is listed
  std::optional<MachineId> after_machine_;  // the last one listed
  std::uint64_t generation_ = 0;            // what the watcher has, once it follows
};

}  // namespace sixpn::agent
