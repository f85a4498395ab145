// TcpQuota: how many TCP connections there are, in all, per source and per network (/48: one
// network of ours), across the listeners of all workers, and which of them is closed for a newcomer
// (dns/core/stream_shares.h). Asked when a connection comes and when it goes, never per query; any
// thread. Limits: TcpLimits, and kMostLeaving that are being closed; it holds an entry for each.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "base/ip.h"
#include "dns/core/stream_shares.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

class TcpQuota {
 public:
  using Ticket = StreamShares::Ticket;
  using Verdict = StreamShares::Verdict;
  // Called on any thread, with the quota locked: has that connection closed, and released, soon.
  using Evict = std::function<void(Ticket)>;

  static constexpr std::size_t kMostLeaving = 64;

  struct Admission {
    Verdict verdict = Verdict::kAdmitted;
    Ticket ticket = 0;
  };

  explicit TcpQuota(const TcpLimits& limits)
      : limits_(limits),
        shares_(
            {limits.connections, limits.connections_per_network, limits.connections_per_source}) {}

  // `evict` outlives the connection.
  Admission admit(const Ip6& source, const Evict& evict);
  // Once for each that was admitted, evicted or not.
  void release(Ticket ticket);
  [[nodiscard]] bool is_crowded() const { return open_.load() * 4 >= limits_.connections * 3; }

 private:
  TcpLimits limits_;
  std::mutex lock_;
  StreamShares shares_;
  std::unordered_map<Ticket, const Evict*> evict_;  // of those that were not released
  std::atomic<std::size_t> open_{0};                // without those that were evicted
};

}  // namespace sixpn::dns
