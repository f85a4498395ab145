// Http2MachineCodec: the client's side of one HTTP/2 connection (RFC 9113), by libnghttp2: towards
// a machine whose port says h2_backend. One request at a time, one after the other. No more than a
// codec: no socket, no loop, no clock. Called by Http2Machine on its loop.
//
// What concerns HTTP/2 alone is out of the heads it gives; `te: trailers` is added to requests, as
// trailers are passed on. A malformed response ends its stream. Memory: the receive window
// (kHttp2StreamWindow), a head being read (http1_limits.h), and what of a request's body the
// machine does not take, which the caller bounds by buffered().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "flycast/core/http_message.h"
#include "flycast/io/http2_codec.h"

namespace sixpn::flycast {

class Http2MachineCodec {
 public:
  // What the machine says, told from within feed() (on_closed also from next_output()). They may
  // not call the codec but for consume().
  struct Events {
    std::function<void(ResponseHead)> on_interim;
    // body.kind is kNone when the response ends with its head.
    std::function<void(ResponseHead)> on_head;
    // Each byte of it must be given back by consume().
    std::function<void(std::string_view)> on_body;
    std::function<void(const HeaderList& trailers)> on_end;  // of its body
    // The request and its response are over: whole, or ended by either side for this reason (RFC
    // 9113 section 7; 0 is none).
    std::function<void(std::uint32_t error)> on_closed;
  };

  explicit Http2MachineCodec(Events events);
  ~Http2MachineCodec();
  Http2MachineCodec(const Http2MachineCodec&) = delete;
  Http2MachineCodec& operator=(const Http2MachineCodec&) = delete;

  // False: the connection is over, once the output is sent.
  bool feed(std::string_view bytes);
  // The next bytes for the machine, until the next call; "" when there are none now.
  std::string_view next_output();
  // It takes no further request.
  [[nodiscard]] bool is_over() const;

  // When the one before is over. A body follows unless its kind is kNone. Nothing is sent of one
  // that is_too_large().
  void request(const RequestHead& head);
  // The last request's head is larger than what the machine takes, as far as it has said
  // (SETTINGS_MAX_HEADER_LIST_SIZE): it may have come before that word.
  [[nodiscard]] bool is_too_large() const;
  void send_body(std::string_view piece);
  void end_body(const HeaderList& trailers);
  void reset(Http2Error error);
  // Of on_body: so many bytes are dealt with, the machine may send as many more.
  void consume(std::size_t bytes);
  // Bytes of the request's body that were not taken by next_output() yet.
  [[nodiscard]] std::size_t buffered() const;
  // There is a request that is not over.
  [[nodiscard]] bool is_busy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
