// Compression of responses on ports that ask for it (`http_options.compress`): which ones may be
// coded with gzip for whom, what that does to a head, and the coding itself, by zlib (RFC 9110
// sections 8.4 and 12.5.3, RFC 1952). Only whole representations of kinds that shrink; never what
// is coded already, forbids it (no-transform) or is part of a range. What says nothing of what it
// accepts gets it as it is.
//
// Called by HttpCall. Pure. Memory: 256 KiB per response while it is coded, for kMaxCompressions of
// a loop; responses beyond them pass as they are.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "flycast/core/http_message.h"

struct z_stream_s;

namespace sixpn::flycast {

inline constexpr std::size_t kMaxCompressions = 128;
// A body of a known length below this gains nothing.
inline constexpr std::size_t kMinCompressed = 1024;

// Whether the field Accept-Encoding allows gzip, with a weight above zero.
bool accepts_gzip(const HeaderList& request);
// Whether it is a response that somebody could get coded.
bool is_compressible(const RequestHead& request, const ResponseHead& response);
// Says on a compressible response that it depends on what the client accepts (Vary).
void mark_negotiated(ResponseHead& response);
// Makes it the head of the coded response: no length, an entity tag that is weak.
void mark_gzip(ResponseHead& response);

// Those of a loop that are being coded.
struct Compressions {
  std::size_t most = kMaxCompressions;  // of which it has its part
  std::size_t open = 0;
};

class GzipWriter {
 public:
  // Null: there are as many as may be, or there is no memory. `all` must outlive it.
  static std::unique_ptr<GzipWriter> open(Compressions& all);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  // Codes a piece of the body; what is ready is appended to `out`, which may be nothing.
  void piece(std::string_view bytes, std::string& out);
  // All that was given so far can be read from `out` then.
  void flush(std::string& out);
  void end(std::string& out);

 private:
  GzipWriter(Compressions& all, std::unique_ptr<z_stream_s> stream);
  void run(std::string_view bytes, int how, std::string& out);

  Compressions& all_;
  std::unique_ptr<z_stream_s> stream_;
  bool flushed_ = true;
};

}  // namespace sixpn::flycast
