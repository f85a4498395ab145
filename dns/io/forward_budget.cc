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

}  // namespace

bool ForwardBudget::take(Table& table, std::uint64_t hash, std::size_t limit) {
  std::uint32_t least = UINT32_MAX;
  for (std::size_t row = 0; row < table.size(); ++row)
    least = std::min(least, table[row][cell_of(hash, row)].fetch_add(1, kOrder));
  if (least < limit) return true;
  give_back(table, hash);
  return false;
}

void ForwardBudget::give_back(Table& table, std::uint64_t hash) {
  for (std::size_t row = 0; row < table.size(); ++row)
    table[row][cell_of(hash, row)].fetch_sub(1, kOrder);
}

bool ForwardBudget::admit(const Ip6& client, NetworkId network) {
  if (waiting_.fetch_add(1, kOrder) < limits_.in_flight) {
    if (take(clients_, hash_of(client), limits_.in_flight_per_client)) {
      if (take(networks_, hash_of(network), limits_.in_flight_per_network)) return true;
      give_back(clients_, hash_of(client));
    }
  }
  waiting_.fetch_sub(1, kOrder);
  return false;
}

void ForwardBudget::release(const Ip6& client, NetworkId network) {
  give_back(networks_, hash_of(network));
  give_back(clients_, hash_of(client));
  waiting_.fetch_sub(1, kOrder);
}

bool ForwardBudget::begin_try() {
  if (tries_.fetch_add(1, kOrder) < limits_.tries / kWorkersPart) return true;
  end_try();
  return false;
}

}  // namespace sixpn::dns
