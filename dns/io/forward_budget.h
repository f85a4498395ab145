// ForwardBudget: how many clients' queries wait for upstream, and how many questions workers have
// asked upstream themselves: in all, of one network and of one client of it; one count for all
// workers and the forwarder. Who may have one more is dns/core/waiting_shares.h. Nobody waits for
// anybody: there is no lock.
//
// A client's count is the lesser of two counters that it shares with others (a count-min sketch,
// Cormode and Muthukrishnan 2005), whose places depend on a random number of the process. So nobody
// gets more than the limit, and somebody gets less only while both of its counters are full of
// others' queries: 16 clients that use up their limits hit both of one by chance of 1 in 60,000.
//
// Owned by ForwardShared; any thread. Limits: ForwardLimits; memory kCells counters a row.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/waiting_shares.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

class ForwardBudget {
 public:
  static constexpr std::size_t kCells = 4096;  // of each row

  explicit ForwardBudget(const ForwardLimits& limits);

  // A place for one query that waits; false: there is none.
  bool admit(const Ip6& client, NetworkId network) { return waiting_.take(client, network); }
  // Once for each that was admitted.
  void release(const Ip6& client, NetworkId network) { waiting_.give_back(client, network); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.in_all(); }

  // A question that a worker asks for a client, until it is answered or given up.
  bool begin_try(const Ip6& client, NetworkId network) { return tries_.take(client, network); }
  void end_try(const Ip6& client, NetworkId network) { tries_.give_back(client, network); }
  [[nodiscard]] std::size_t tries() const { return tries_.in_all(); }

 private:
  // What is held of one of the two.
  class Held {
   public:
    explicit Held(const ShareBounds& bounds) : bounds_(bounds) {}
    // False, and nothing is counted, when it has its share.
    bool take(const Ip6& client, NetworkId network);
    void give_back(const Ip6& client, NetworkId network);
    [[nodiscard]] std::size_t in_all() const { return in_all_.load(std::memory_order_relaxed); }

   private:
    using Table = std::array<std::array<std::atomic<std::uint32_t>, kCells>, 2>;
    // How many there were.
    static std::size_t count(Table& table, std::uint64_t hash);
    static void count_down(Table& table, std::uint64_t hash);

    ShareBounds bounds_;
    std::atomic<std::size_t> in_all_{0};
    Table clients_{}, networks_{};
  };

  Held waiting_, tries_;
};

}  // namespace sixpn::dns
