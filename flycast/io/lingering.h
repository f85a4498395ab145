// Lingering: the end of a client's connection, after the last response: what the client still sends
// is read and dropped, lest a reset overtakes the response (RFC 9112 section 9.6). For so long and
// so much: then it is closed. Loop thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "base/time.h"
#include "flycast/io/http_stream.h"

namespace sixpn::flycast {

inline constexpr Duration kLinger = std::chrono::seconds(2);
inline constexpr std::size_t kMaxLingerBytes = 1024 * 1024;

class Lingering {
 public:
  enum class Read { kMore, kNothing, kOver, kReset };

  // One read.
  Read read(HttpStream& client) {
    if (!client.readable()) return Read::kNothing;
    std::string_view bytes;
    HttpStream::Got got = client.read(bytes);
    bytes_ += bytes.size();
    if (got == HttpStream::Got::kNothing) return Read::kNothing;
    if (got == HttpStream::Got::kReset) return Read::kReset;
    return got == HttpStream::Got::kBytes && bytes_ < kMaxLingerBytes ? Read::kMore : Read::kOver;
  }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace sixpn::flycast
