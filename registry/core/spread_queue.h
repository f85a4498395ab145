// SpreadQueue: what still has to be told to others, least told first. One entry per key: a newer
// value replaces the older, so the queue's length is bounded by what exists, and by `limit` on top:
// the entry told most often gives way, for it has spread furthest. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

namespace sixpn::registry {

template <class Key, class Value>
class SpreadQueue {
 public:
  explicit SpreadQueue(std::size_t limit) : limit_(limit) {}

  // Queues `value` to be told `times` times. True when something had to give way.
  bool add(const Key& key, Value value, std::size_t times) {
    erase(key);
    if (times == 0) return false;
    bool full = order_.size() >= limit_;
    if (full) {
      positions_.erase(std::prev(order_.end())->second.key);
      order_.erase(std::prev(order_.end()));
    }
    insert({0, ++sequence_}, {key, std::move(value), times});
    return full;
  }

  // Offers values, least told first, to `take(value) -> bool`; what is taken counts as told once
  // more. Stops after `most` were taken, or kMaxRefusals in a row would not fit.
  template <class Take>
  void offer(std::size_t most, Take take) {
    std::map<Rank, Entry> told;
    std::size_t taken = 0;
    std::size_t refusals = 0;
    for (auto it = order_.begin(); it != order_.end() && taken < most && refusals < kMaxRefusals;) {
      if (!take(it->second.value)) {
        ++refusals;
        ++it;
        continue;
      }
      refusals = 0;
      ++taken;
      auto [rank, entry] = std::move(*it);
      it = order_.erase(it);
      positions_.erase(entry.key);
      if (--entry.left > 0) told.emplace(Rank{rank.first + 1, rank.second}, std::move(entry));
    }
    for (auto& [rank, entry] : told) insert(rank, std::move(entry));
  }

  void erase(const Key& key) {
    auto found = positions_.find(key);
    if (found == positions_.end()) return;
    order_.erase(found->second);
    positions_.erase(found);
  }

  [[nodiscard]] bool empty() const { return order_.empty(); }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  static constexpr std::size_t kMaxRefusals = 8;
  using Rank = std::pair<std::size_t, std::uint64_t>;  // times told, order of arrival
  struct Entry {
    Key key;
    Value value;
    std::size_t left;
  };

  void insert(Rank rank, Entry entry) {
    positions_[entry.key] = rank;
    order_.emplace(rank, std::move(entry));
  }

  std::size_t limit_;
  std::uint64_t sequence_ = 0;
  std::map<Rank, Entry> order_;
  std::map<Key, Rank> positions_;
};

}  // namespace sixpn::registry
