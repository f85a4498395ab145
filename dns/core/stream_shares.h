// StreamShares: who has the TCP connections that there may be. While there is room whoever comes is
// admitted. Where all, or those of a network, are taken, somebody of a network with fewer gets in
// at the cost of the network with most, there of the source with most: its oldest connection. In
// one's own network it is the source with most. With fewer: by two, so that nobody takes back what
// he just lost.
//
// Pure; TcpQuota has one for all workers. Networks are /48s. Limits: an entry per connection.
// Admission looks at all networks, or all sources of one, only when there is no room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>

#include "base/ip.h"

namespace sixpn::dns {

class StreamShares {
 public:
  using Ticket = std::uint64_t;  // of one connection; never zero

  struct Limits {
    std::size_t in_all = 0, per_network = 0, per_source = 0;
  };
  enum class Verdict { kAdmitted, kFull, kSourceFull, kNetworkFull };
  struct Admission {
    Verdict verdict = Verdict::kAdmitted;
    Ticket ticket = 0;   // when admitted
    Ticket evicted = 0;  // who had to make room, and is not counted any more; 0: nobody
  };

  explicit StreamShares(const Limits& limits) : limits_(limits) {}

  Admission admit(const Ip6& source);
  // False: it was evicted before.
  bool release(Ticket ticket);
  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  using NetworkKey = std::uint64_t;
  using Tickets = std::set<Ticket>;  // oldest first
  struct Network {
    std::size_t open = 0;
    std::map<Ip6, Tickets> sources;
  };
  static NetworkKey key_of(const Ip6& source);

  // Of whom something is to be taken for a source that has `held`, or the verdict.
  static Admission in_place_of(const Tickets& tickets, std::size_t held, Verdict otherwise);
  [[nodiscard]] Admission in_place_of_any(const Network& network, std::size_t held) const;
  // Of one with something open.
  static const Tickets& of_richest_source(const Network& network);
  void add(const Ip6& source, Ticket ticket);

  Limits limits_;
  Ticket last_ = 0;
  std::map<NetworkKey, Network> networks_;
  std::unordered_map<Ticket, Ip6> open_;
};

}  // namespace sixpn::dns
