// TcpQuota: how many TCP connections there are, in all, per source and per network (/48: one
// network of ours), across the listeners of all workers. Asked when a connection comes and when it
// goes, never per query; any thread. Limits: TcpLimits; it holds an entry per open connection at
// most.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip.h"
#include "dns/io/limits.h"

namespace sixpn::dns {

class TcpQuota {
 public:
  enum class Verdict { kAdmitted, kFull, kSourceFull, kNetworkFull };

  explicit TcpQuota(const TcpLimits& limits) : limits_(limits) {}

  Verdict admit(const Ip6& source);
  // Once for each that was admitted.
  void release(const Ip6& source);
  [[nodiscard]] bool is_crowded() const { return open_.load() * 4 >= limits_.connections * 3; }

 private:
  using NetworkKey = std::uint64_t;
  static NetworkKey network_key(const Ip6& source);

  TcpLimits limits_;
  std::mutex lock_;
  std::map<Ip6, std::size_t> by_source_;
  std::map<NetworkKey, std::size_t> by_network_;
  std::atomic<std::size_t> open_{0};
};

}  // namespace sixpn::dns
