// UdpServer: one bound UDP socket. Waits for readiness, then moves datagrams in batches of 32 by
// recvmmsg and sendmmsg; each reply leaves from the address that was asked (IPV6_PKTINFO). It knows
// nothing of DNS.
//
// Owned by DnsService, on the dns loop. Limits: datagrams above kMaxQueryBytes are cut to their
// header; one wake-up handles at most kMaxBatches, so that TCP and the forwarder get their turn; a
// reply that the kernel does not take at once is dropped and counted (UDP: the client retries).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"

namespace sixpn::dns {

// Where a datagram came from and which of our addresses it asked: what a reply needs.
struct UdpPath {
  IpEndpoint source;
  std::uint32_t scope = 0;  // interface of a link-local source
  Ip6 asked;
  friend bool operator==(const UdpPath&, const UdpPath&) = default;
};

class UdpServer {
 public:
  // The reply to send at once, or nothing: then one may follow by send(), or none.
  using OnDatagram = std::function<std::optional<std::string>(std::string_view, const UdpPath&)>;

  static constexpr std::size_t kMaxQueryBytes = 4096;
  static constexpr std::size_t kBatch = 32;
  static constexpr int kMaxBatches = 8;

  UdpServer(EventLoop& loop, Fd socket, OnDatagram on_datagram);
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  // False when the kernel did not take it.
  bool send(const UdpPath& path, std::string_view message);
  // Replies of batches that the kernel did not take.
  [[nodiscard]] std::uint64_t send_failures() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
