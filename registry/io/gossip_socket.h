// GossipSocket: the UDP socket of gossip, bound to this host's address inside the tunnel. It takes
// datagrams from host addresses only: WireGuard's cryptokey routing vouches for who they are.
// Control loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "base/ids.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "base/result.h"

namespace sixpn::registry {

class GossipSocket {
 public:
  using OnDatagram = std::function<void(HostId from, std::string_view bytes)>;

  // Errors: the port is taken. The address need not exist yet (IPV6_FREEBIND).
  static Result<std::unique_ptr<GossipSocket>> open(EventLoop& loop, const Ip6& address,
                                                    std::uint16_t port, OnDatagram on_datagram);
  // False when the system would not take it (no route yet, full buffer): gossip is used to loss.
  bool send(HostId to, std::string_view bytes);
  // Datagrams that came from no host address, or were longer than any of ours.
  [[nodiscard]] std::uint64_t strangers() const { return strangers_; }

 private:
  GossipSocket(EventLoop& loop, Fd socket, std::uint16_t port, OnDatagram on_datagram);
  void on_readable();

  Fd socket_;
  std::uint16_t port_;
  OnDatagram on_datagram_;
  std::uint64_t strangers_ = 0;
  FdWatch watch_;
};

}  // namespace sixpn::registry
