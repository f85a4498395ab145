// ReceiveWindows: how much of its requests' bodies a client of HTTP/2 may send (RFC 9113 section
// 5.2). Each request has a little from its beginning, which no other's can take from it; more is
// opened while it moves, as far as the connection has room. The connection's own window is given
// back as it is used: what is held is bounded by those of the requests. Until the client follows
// our settings it counts with larger ones, so the connection's bounds it until then. Private to
// http2_codec.cc. Not what the host holds in all: Http2Stream asks for that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "flycast/io/http2_codec.h"
#include "flycast/io/http2_fields.h"

namespace sixpn::flycast::http2 {

class ReceiveWindows {
 public:
  // Says our settings.
  void begin(nghttp2_session* session) {
    session_ = session;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxHttp2Streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2FirstWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(kMaxHeadBytes)},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  }
  // The client follows our settings.
  void settle() {
    if (std::exchange(settled_, true)) return;
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kHttp2ConnectionWindow);
    give_back(unpaid_);
  }
  void on_data(std::size_t bytes) {
    unpaid_ += bytes;
    if (settled_) give_back(bytes);
  }
  void consume(Http2StreamId id, std::size_t bytes) {
    nghttp2_session_consume_stream(session_, id, bytes);
    give_back(bytes);
  }
  // Twice the window of a request whose `opened` bytes are beyond the first. False: it stays.
  bool widen(Http2StreamId id, std::size_t& opened) {
    std::size_t window = kHttp2FirstWindow + opened;
    bool fits = 2 * window <= kHttp2StreamWindow && opened_ + window <= kMaxHttp2Opened;
    if (!settled_ || !fits) return false;
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, id,
                                          static_cast<std::int32_t>(2 * window));
    opened += window;
    opened_ += window;
    return true;
  }
  // `unconsumed`: of its body.
  void on_close(std::size_t unconsumed, std::size_t opened) {
    give_back(unconsumed);
    opened_ -= opened;
  }

 private:
  void give_back(std::size_t bytes) {
    bytes = std::min(bytes, unpaid_);
    unpaid_ -= bytes;
    nghttp2_session_consume_connection(session_, bytes);
  }

  nghttp2_session* session_ = nullptr;
  bool settled_ = false;
  std::size_t unpaid_ = 0;  // of the connection's window
  std::size_t opened_ = 0;  // of all its requests, beyond their first
};

}  // namespace sixpn::flycast::http2
