#include "dns/io/forward_budget.h"

#include <algorithm>

#include "dns/core/fast_hash.h"

namespace sixpn::dns {
namespace {

// What workers may have of ForwardLimits::tries; the rest is the forwarder's.
constexpr std::size_t kWorkersPart = 2;
constexpr auto kOrder = std::memory_order_relaxed;

std::size_t cell_of(std::uint64_t hash, std::size_t row) {
  return (row == 0 ? hash : hash >> 32) % ForwardBudget::kCells;
}

std::uint64_t hash_of(const Ip6& client) {
  return fast_hash({reinterpret_cast<const char*>(client.bytes.data()), client.bytes.size()});
}

std::uint64_t hash_of(NetworkId network) {
  return fast_hash({reinterpret_cast<const char*>(&network.value), sizeof network.value});
}

ShareBounds bounds_of_waiting(const ForwardLimits& limits) {
  return {limits.in_flight, limits.in_flight_per_network, limits.in_flight_per_client};
}

// Of tries there is no more of one than its share.
ShareBounds bounds_of_tries(const ForwardLimits& limits) {
  const auto all = limits.tries / kWorkersPart;
  return {all, all, all};
}

}  // namespace

ForwardBudget::ForwardBudget(const ForwardLimits& limits)
    : waiting_(bounds_of_waiting(limits)), tries_(bounds_of_tries(limits)) {}

// Counted first and judged then: of two at once for the last place one is refused, or both.
bool ForwardBudget::Held::take(const Ip6& client, NetworkId network) {
  ShareUse before;
  before.in_all = in_all_.fetch_add(1, kOrder);
  before.network = count(networks_, hash_of(network));
  before.client = count(clients_, hash_of(client));
  if (may_have_one_more(before, bounds_)) return true;
  give_back(client, network);
  return false;
}

void ForwardBudget::Held::give_back(const Ip6& client, NetworkId network) {
  count_down(clients_, hash_of(client));
  count_down(networks_, hash_of(network));
  in_all_.fetch_sub(1, kOrder);
}

std::size_t ForwardBudget::Held::count(Table& table, std::uint64_t hash) {
  std::uint32_t least = UINT32_MAX;
  for (std::size_t row = 0; row < table.size(); ++row)
    least = std::min(least, table[row][cell_of(hash, row)].fetch_add(1, kOrder));
  return least;
}

void ForwardBudget::Held::count_down(Table& table, std::uint64_t hash) {
  for (std::size_t row = 0; row < table.size(); ++row)
    table[row][cell_of(hash, row)].fetch_sub(1, kOrder);
}

}  // namespace sixpn::dns
