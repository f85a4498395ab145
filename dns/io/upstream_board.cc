#include "dns/io/upstream_board.h"

#include <algorithm>

namespace sixpn::dns {
namespace {

// A packed Best: patience in the lower half, then one bit for each of these, then the upstream.
constexpr std::uint64_t kSet = std::uint64_t{1} << 32, kEdns = std::uint64_t{1} << 33;
constexpr int kUpstreamShift = 34;

}  // namespace

UpstreamBoard::UpstreamBoard(const std::vector<std::vector<IpEndpoint>>& groups)
    : best_(groups.size()) {
  for (const auto& list : groups) {
    auto& group = groups_.emplace_back();
    for (const auto& endpoint : list) {
      auto found = std::find(upstreams_.begin(), upstreams_.end(), endpoint);
      group.push_back(static_cast<std::size_t>(found - upstreams_.begin()));
      if (found == upstreams_.end()) upstreams_.push_back(endpoint);
    }
  }
}

std::optional<UpstreamBoard::Best> UpstreamBoard::best(std::size_t group) const {
  auto packed = best_[group].load(std::memory_order_relaxed);
  if ((packed & kSet) == 0) return std::nullopt;
  Best out;
  out.upstream = packed >> kUpstreamShift;
  out.patience = std::chrono::microseconds(static_cast<std::uint32_t>(packed));
  out.edns = (packed & kEdns) != 0;
  return out;
}

void UpstreamBoard::set_best(std::size_t group, const std::optional<Best>& best) {
  std::uint64_t packed = 0;
  if (best)
    packed = static_cast<std::uint32_t>(best->patience.count()) | kSet | (best->edns ? kEdns : 0) |
             std::uint64_t{best->upstream} << kUpstreamShift;
  best_[group].store(packed, std::memory_order_relaxed);
}

}  // namespace sixpn::dns
