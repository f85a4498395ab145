// UdpServer: one bound UDP socket. Waits for readiness, then moves datagrams in batches of 32 by
// recvmmsg and sendmmsg, from and to buffers that are wired once; each reply leaves from the
// address that was asked. It knows nothing of DNS.
//
// Owned by DnsWorker, on its loop. Limits: datagrams above kMaxQueryBytes are cut to their header;
// one wake-up handles at most kMaxBatches, so that TCP gets its turn; a reply that the kernel does
// not take at once is dropped and counted (UDP: the client retries).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"

namespace sixpn::dns {

// Where a datagram came from and which of our addresses it asked: what a reply needs.
struct UdpPath {
  IpEndpoint source;
  std::uint32_t scope = 0;  // interface of a link-local source
  Ip6 asked;                // unspecified where the socket is bound to one address
  friend bool operator==(const UdpPath&, const UdpPath&) = default;
};

class UdpServer {
 public:
  // Writes the reply to send at once, of at most kMaxReplyBytes, to `out` and returns its size; 0:
  // none, though one may follow by send().
  using OnDatagram = std::function<std::size_t(std::string_view, const UdpPath&, char* out)>;

  static constexpr std::size_t kMaxQueryBytes = 2048;
  static constexpr std::size_t kMaxReplyBytes = 1232;
  static constexpr std::size_t kBatch = 32;
  static constexpr int kMaxBatches = 8;

  // `before_batch` runs before the first datagram of a batch is looked at.
  UdpServer(EventLoop& loop, Fd socket, std::function<void()> before_batch, OnDatagram on_datagram);
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  // Replies that come later, sent together by flush(), or when there are kBatch of them: room for
  // one of kMaxReplyBytes, and its size. Not while a batch is being looked at.
  char* begin_reply(const UdpPath& path);
  void end_reply(std::size_t size);
  void flush();
  // One that comes alone. False when the kernel did not take it.
  bool send(const UdpPath& path, std::string_view message);
  // Replies of batches that the kernel did not take.
  [[nodiscard]] std::uint64_t send_failures() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
