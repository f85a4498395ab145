// HttpBuffers: what the HTTP sessions of one loop share. An idle session has no buffer; what it
// reads lands in the chunk and is passed on before anybody else runs. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "flycast/core/compression.h"
#include "flycast/core/http_exchange.h"
#include "flycast/io/http_poller.h"

namespace sixpn::flycast {

inline constexpr std::size_t kHttpChunk = 256 * 1024;
// While the sessions of a loop hold more than its part of kMaxHttpHeld, they read no more than this
// at once.
inline constexpr std::size_t kSmallHttpChunk = 16 * 1024;
// What is read of TLS at once.
inline constexpr std::size_t kTlsChunk = 64 * 1024;
inline constexpr std::size_t kMaxHttpHeld = 32 * 1024 * 1024;

struct HttpBuffers {
  std::vector<char> chunk;               // since the first session
  std::vector<char> wire;                // since the first TLS: what it was read into
  std::size_t most_held = kMaxHttpHeld;  // of which this loop has a part
  std::size_t held = 0;                  // read, and not taken yet by the other side
  std::size_t opened = 0;                // of HTTP/2's windows, beyond the first of each request
  std::unique_ptr<HttpPoller> poller;    // since the first of them
  std::size_t kept_by_http2 = 0;         // connections to machines, between two requests
  std::uint64_t bytes = 0;               // sent since start, both directions
  KeptBodies kept;                       // for sending requests again
  Compressions compressions;
};

}  // namespace sixpn::flycast
