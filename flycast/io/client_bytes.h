// ClientBytes: what the clients of an app sent and were sent, as on the wire: of TLS, with what it
// adds. Added to by every thread that moves bytes, as it moves them; any thread may read it.
#pragma once

#include <atomic>
#include <cstdint>

namespace sixpn::flycast {

struct ClientBytes {
  std::atomic<std::uint64_t> in = 0;
  std::atomic<std::uint64_t> out = 0;
  void add_in(std::uint64_t size) { in.fetch_add(size, std::memory_order_relaxed); }
  void add_out(std::uint64_t size) { out.fetch_add(size, std::memory_order_relaxed); }
};

}  // namespace sixpn::flycast
