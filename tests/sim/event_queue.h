// EventQueue: what will happen in virtual time, in order of (time, insertion). The heap moves keys
// of 24 bytes only; the events themselves stay in a slab that is used again. Not thread-safe; used
// by the simulator and by the model of memberlist.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.h"

namespace sixpn::sim {

template <class Event>
class EventQueue {
 public:
  void push(Instant when, Event event) {
    std::uint32_t place = 0;
    if (free_.empty()) {
      place = static_cast<std::uint32_t>(slab_.size());
      slab_.push_back(std::move(event));
    } else {
      place = free_.back();
      free_.pop_back();
      slab_[place] = std::move(event);
    }
    heap_.push_back({when, ++order_, place});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] Instant next() const { return heap_.front().when; }

  Event pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    std::uint32_t place = heap_.back().place;
    heap_.pop_back();
    free_.push_back(place);
    return std::exchange(slab_[place], Event{});
  }

 private:
  struct Key {
    Instant when;
    std::uint64_t order;
    std::uint32_t place;
  };
  static bool later(const Key& a, const Key& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  std::vector<Key> heap_;
  std::vector<Event> slab_;
  std::vector<std::uint32_t> free_;
  std::uint64_t order_ = 0;
};

}  // namespace sixpn::sim
