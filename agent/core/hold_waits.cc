#include "agent/core/hold_waits.h"

#include <algorithm>
#include <utility>

namespace sixpn::agent {

void HoldWaits::add(NetworkId network, Instant until, Done done) {
  waits_.push_back({network, until, std::move(done)});
}

std::vector<HoldWaits::Done> HoldWaits::take_over(const Snapshot& snapshot, Instant now) {
  auto over = std::stable_partition(waits_.begin(), waits_.end(), [&](const Wait& wait) {
    return now < wait.until && !is_answered_here(snapshot, wait.network);
  });
  std::vector<Done> out;
  for (auto wait = over; wait != waits_.end(); ++wait) out.push_back(std::move(wait->done));
  waits_.erase(over, waits_.end());
  return out;
}

std::optional<Instant> HoldWaits::next() const {
  auto first = std::min_element(waits_.begin(), waits_.end(),
                                [](const Wait& a, const Wait& b) { return a.until < b.until; });
  return first == waits_.end() ? std::nullopt : std::optional(first->until);
}

}  // namespace sixpn::agent
