// Openings: how many connections each loop of a FlycastService has, those on their way to it
// included, so that a new one goes to the loop with the fewest, and all together stay within a
// bound. Any thread. What is read is a moment old where other loops count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

namespace sixpn::flycast {

class Openings {
 public:
  explicit Openings(std::size_t loops) : open_(loops) {}

  void add(std::size_t loop, std::size_t count) { open_[loop].fetch_add(count); }
  void remove(std::size_t loop, std::size_t count) { open_[loop].fetch_sub(count); }

  [[nodiscard]] std::size_t total() const {
    std::size_t total = 0;
    for (const auto& open : open_) total += open.load();
    return total;
  }
  // Of those with as many, the first.
  [[nodiscard]] std::size_t fewest() const {
    auto fewest = std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a.load() < b.load();
    });
    return static_cast<std::size_t>(fewest - open_.begin());
  }

 private:
  std::vector<std::atomic<std::size_t>> open_;
};

}  // namespace sixpn::flycast
