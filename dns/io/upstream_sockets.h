// What sockets to upstream resolvers have in common, those of c-ares (upstream_pool.h) and those of
// workers (direct_sockets.h): how many there are and for how long, how much is read of them, and
// the buffers for it. Constants, and a value of one thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>

#include "base/time.h"

namespace sixpn::dns {

struct UpstreamSockets {
  // To one upstream, each with a port of the kernel's choice, drawn at random for every query.
  static constexpr std::size_t kPorts = 16;
  // Then it is replaced, so that a port is worth little to whoever learns it.
  static constexpr int kQueriesPerPort = 256;
  static constexpr Duration kPortAge = std::chrono::seconds(30);
  // Datagrams, in one turn: then others are looked at, however much there is.
  static constexpr int kReadsPerTurn = 64;
  // In the kernel.
  static constexpr int kReceiveBuffer = 1 << 20;
};

// For datagrams that are read with one system call. We ask for replies of 1,232 bytes at most.
struct UpstreamDatagrams {
  static constexpr std::size_t kBatch = 16;
  static constexpr std::size_t kBytes = 4096;

  UpstreamDatagrams() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes.get() + i * kBytes, kBytes};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  UpstreamDatagrams(const UpstreamDatagrams&) = delete;
  UpstreamDatagrams& operator=(const UpstreamDatagrams&) = delete;

  std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(kBatch * kBytes);
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

}  // namespace sixpn::dns
