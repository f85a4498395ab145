// Waiting shares: whether a client may have one more of something that all share, while others take
// what they can get: places to wait for upstream, questions on their way there. What a network may
// hold falls with the square of what is left behind that one: half of all when it asks alone. So
// whoever holds little is refused last, and those that fill their shares one after the other leave
// a part that shrinks as their number grows (with a dynamic threshold as of Choudhury and Hahne,
// 1998, each would take the same part of the rest). A client has the same in its network; one that
// holds little is not refused for what others of its network hold. The last place is for a network
// that has none. The hard bounds stay what they are.
//
// Pure. Who counts is dns/io/forward_budget.h.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sixpn::dns {

struct ShareBounds {
  std::size_t in_all = 0, per_network = 0, per_client = 0;
};

// What is held before one more.
struct ShareUse {
  std::size_t in_all = 0, network = 0, client = 0;
};

// A client holds little up to this part of what its network may hold, or twice that part of
// what is left of the network's bound.
inline constexpr std::size_t kLittle = 16;

// `left`: behind the one that is asked for.
constexpr std::size_t share_of(std::size_t left, std::size_t all) {
  return std::max<std::size_t>(1, 2 * left * left / all);
}

constexpr bool may_have_one_more(const ShareUse& use, const ShareBounds& bounds) {
  if (use.in_all >= bounds.in_all) return false;
  if (use.network >= bounds.per_network || use.client >= bounds.per_client) return false;
  const auto all = share_of(bounds.in_all - use.in_all - 1, bounds.in_all);
  const auto of_network = std::min(bounds.per_network, all);
  const auto little = std::min(of_network, 2 * (bounds.per_network - use.network)) / kLittle;
  if (use.client < little) return true;
  return use.network < of_network &&
         use.client < share_of(of_network - use.network - 1, of_network);
}

}  // namespace sixpn::dns
