// ForwardBudget: how many clients' queries wait for upstream, in all, of one client and of one
// network, and how many questions workers have asked upstream themselves: one count for all workers
// and the forwarder. Nobody waits for anybody: there is no lock.
//
// A client's count is the lesser of two counters that it shares with others (a count-min sketch,
// Cormode and Muthukrishnan 2005), whose places depend on a random number of the process. So nobody
// gets more than the limit, and somebody gets less only while both of its counters are full of
// others' queries: 16 clients that use up their limits hit both of one by chance of 1 in 60,000.
//
// Owned by ForwardShared; any thread. Limits: ForwardLimits; memory kCells counters a table.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

class ForwardBudget {
 public:
  static constexpr std::size_t kCells = 4096;  // of each row

  explicit ForwardBudget(const ForwardLimits& limits) : limits_(limits) {}

  // A place for one query that waits; false: there is none.
  bool admit(const Ip6& client, NetworkId network);
  // Once for each that was admitted.
  void release(const Ip6& client, NetworkId network);
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // A question that a worker asks, until it is answered or given up.
  bool begin_try();
  void end_try() { tries_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t tries() const { return tries_.load(std::memory_order_relaxed); }

 private:
  using Counter = std::atomic<std::uint32_t>;
  using Table = std::array<std::array<Counter, kCells>, 2>;

  // False, and nothing is counted, when both are at the limit.
  static bool take(Table& table, std::uint64_t hash, std::size_t limit);
  static void give_back(Table& table, std::uint64_t hash);

  ForwardLimits limits_;
  std::atomic<std::size_t> waiting_{0}, tries_{0};
  Table clients_{}, networks_{};
};

}  // namespace sixpn::dns
