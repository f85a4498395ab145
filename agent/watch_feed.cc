#include "agent/watch_feed.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "agent/watch_json.h"

namespace sixpn::agent {

namespace json = boost::json;

// ---- the feed

bool WatchFeed::recording(Instant now) const {
  return watchers_ > 0 || (idle_since_ != kNever && now - idle_since_ < kWatchLinger);
}

void WatchFeed::publish(Instant now, SnapshotPtr snapshot) {
  SnapshotPtr before = std::exchange(latest_, std::move(snapshot));
  if (before && recording(now)) return record(*before, *latest_);
  history_.clear();
  bytes_ = 0;
  floor_ = latest_->generation;
}

void WatchFeed::record(const Snapshot& before, const Snapshot& after) {
  Batch batch;
  batch.generation = after.generation;
  auto tell = [&batch](NetworkId network, std::string text) {
    batch.bytes += text.size();
    batch.lines.push_back({network, std::move(text)});
  };
  if (before.held != after.held || before.networks.size() != after.networks.size())
    for (const auto& [id, view] : after.networks)
      if (before.networks.contains(id) ? before.holds(id) != after.holds(id) : !after.holds(id))
        tell(id, held_line(batch.generation, id, after.holds(id)));
  diff(before, after, [&](const SnapshotChange& change) {
    tell(change.network, change_line(batch.generation, change));
  });
  if (batch.lines.empty()) return;
  bytes_ += batch.bytes;
  history_.push_back(std::move(batch));
  trim();
}

void WatchFeed::trim() {
  while (history_.size() > 1 &&
         (bytes_ > kMaxWatchHistoryBytes || history_.size() > kMaxWatchGenerations)) {
    floor_ = history_.front().generation;
    bytes_ -= history_.front().bytes;
    history_.pop_front();
  }
}

void WatchFeed::attach(Instant now) {
  if (!recording(now) && latest_) floor_ = latest_->generation;
  ++watchers_;
}

void WatchFeed::detach(Instant now) {
  if (--watchers_ == 0) idle_since_ = now;
}

// ---- one watcher

namespace {

// "EPOCH:GENERATION"
std::optional<std::pair<std::string, std::uint64_t>> parse_cursor(const std::string& text) {
  auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::uint64_t generation = 0;
  const char* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data() + colon + 1, end, generation);
  if (failed != std::errc() || stop != end) return std::nullopt;
  return std::pair(text.substr(0, colon), generation);
}

}  // namespace

Result<WatchCursor> WatchCursor::open(const WatchFeed& feed, const Options& options) {
  WatchCursor cursor(feed, options.network);
  if (options.from.empty()) return cursor;
  auto from = parse_cursor(options.from);
  if (!from)
    return Error("from: expected the cursor of an earlier watch, such as 5f0c2d1e:42, found \"" +
                     options.from + "\"",
                 400);
  cursor.resume(from->first, from->second);
  return cursor;
}

// Resumes, or finds out why not.
void WatchCursor::resume(const std::string& epoch, std::uint64_t generation) {
  if (epoch != feed_->epoch_) {
    why_whole_ = "the agent has restarted since";
  } else if (generation > feed_->latest_->generation) {
    why_whole_ = "there was no such generation yet";
  } else if (generation < feed_->floor_) {
    why_whole_ = "the changes since then are no longer kept";
  } else {
    generation_ = generation;
    stage_ = Stage::kResumed;
  }
}

bool WatchCursor::wants(NetworkId network) const {
  return !network_ || network == NetworkId{} || network == *network_;
}

std::string WatchCursor::at_line() const {
  std::string cursor = feed_->epoch_ + ":" + std::to_string(generation_);
  return json::serialize(json::object{{"type", "at"},
                                      {"generation", generation_},
                                      {"cursor", cursor},
                                      {"synced", feed_->latest_->synced}}) +
         "\n";
}

std::string WatchCursor::next(std::size_t budget) {
  std::string out;
  if (stage_ == Stage::kBegin) announce(out);
  if (stage_ == Stage::kShared) list_shared(out);
  if (stage_ == Stage::kNetworks) list_networks(out, budget);
  if (stage_ == Stage::kResumed) {
    out += at_line();
    stage_ = Stage::kFollowing;
  }
  if (stage_ == Stage::kFollowing) follow(out, budget);
  return out;
}

void WatchCursor::announce(std::string& out) {
  listing_ = feed_->latest_;
  json::object line{{"type", "state"}, {"generation", listing_->generation}};
  if (!why_whole_.empty()) line["reason"] = why_whole_;
  out += json::serialize(line) + "\n";
  stage_ = Stage::kShared;
}

void WatchCursor::list_shared(std::string& out) {
  static const Snapshot kEmpty;
  diff_shared(kEmpty, *listing_, [&out](const SnapshotChange& change) {
    out += value_line(change.key, change.after);
  });
  stage_ = Stage::kNetworks;
}

void WatchCursor::list_networks(std::string& out, std::size_t budget) {
  const auto& networks = listing_->networks;
  auto at = networks.lower_bound(at_network_);
  for (; at != networks.end(); ++at) {
    if (!wants(at->first)) continue;
    at_network_ = at->first;
    const NetworkView& view = *at->second;
    if (!std::exchange(in_machines_, true)) {
      if (!listing_->holds(at->first)) out += held_line(listing_->generation, at->first, false);
      NetworkView rest;  // all but the machines, of which there may be many
      rest.network = view.network;
      rest.apps = view.apps;
      rest.peers = view.peers;
      rest.flycast = view.flycast;
      diff_network(nullptr, &rest, [&out](const SnapshotChange& change) {
        out += value_line(change.key, change.after);
      });
    }
    if (listing_->holds(at->first) && !list_machines(view, out, budget)) return;
    in_machines_ = false;
  }
  generation_ = listing_->generation;
  listing_.reset();
  stage_ = Stage::kFollowing;
  out += at_line();
}

bool WatchCursor::list_machines(const NetworkView& view, std::string& out, std::size_t budget) {
  auto at = after_machine_ ? view.machines.upper_bound(*after_machine_) : view.machines.begin();
  for (; at != view.machines.end(); ++at) {
    if (out.size() >= budget) return false;
    after_machine_ = at->first;
    out += value_line(watched_machine_key(view.network.id, at->first), at->second.get());
  }
  after_machine_.reset();
  return true;
}

void WatchCursor::follow(std::string& out, std::size_t budget) {
  if (generation_ < feed_->floor_) {
    stage_ = Stage::kEnded;
    out += json::serialize(
               json::object{{"type", "end"},
                            {"reason", "this watcher was too slow: changes after generation " +
                                           std::to_string(generation_) + " are no longer kept"}}) +
           "\n";
    return;
  }
  const auto& history = feed_->history_;
  auto at = std::upper_bound(
      history.begin(), history.end(), generation_,
      [](std::uint64_t generation, const auto& batch) { return generation < batch.generation; });
  for (; at != history.end() && out.size() < budget; ++at) {
    std::size_t before = out.size();
    for (const auto& line : at->lines)
      if (wants(line.network)) out += line.text;
    generation_ = at->generation;
    if (out.size() > before) out += at_line();
  }
  if (at == history.end()) generation_ = feed_->latest_->generation;
}

std::string WatchCursor::heartbeat() const {
  return stage_ == Stage::kFollowing ? at_line() : "";
}

}  // namespace sixpn::agent
