// Http2Codec: the server's side of one HTTP/2 connection (RFC 9113), by libnghttp2: bytes of the
// client in, requests out; responses in, bytes for the client out. No more than
// a codec: no socket, no loop, no clock (`now` is passed in).
// Not TLS, not the upgrade from HTTP/1: prior knowledge alone (RFC 9113 section 3.3).
//
// What concerns HTTP/2 alone is out of the heads it gives: pseudo-fields, te; cookies are joined
// (section 8.2.3). Everything that the RFC calls malformed ends the stream, what it calls an error
// of the connection the connection. Called by Http2Session on its loop. Memory per connection:
// heads being read, and what responses hold back, which the caller bounds by buffered(); what comes
// of bodies is the caller's, bounded by the windows. Limits below (docs/bounds.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/token_bucket.h"
#include "flycast/core/first_bytes.h"
#include "flycast/core/http_message.h"

namespace sixpn::flycast {

using Http2StreamId = std::int32_t;

inline constexpr std::uint32_t kMaxHttp2Streams = 128;
// Of a request's body, on its way or not taken by the machine: what each may have always, and what
// one that moves may have; and of a connection beyond what each may have always.
inline constexpr std::uint32_t kHttp2FirstWindow = 16 * 1024;
inline constexpr std::uint32_t kHttp2StreamWindow = 256 * 1024;
inline constexpr std::size_t kMaxHttp2Opened = 1024 * 1024;
inline constexpr std::int32_t kHttp2ConnectionWindow = 1024 * 1024;
// Streams that end in a reset, of the client's or for its faults; beyond it the connection ends.
inline constexpr BucketLimit kHttp2ResetLimit{std::chrono::milliseconds(20), 200};
// Frames that cost the client nothing and move nothing: SETTINGS, PING, PRIORITY, empty DATA.
inline constexpr BucketLimit kHttp2IdleFrameLimit{std::chrono::milliseconds(5), 500};
// Answers to PING and SETTINGS that the client does not read.
inline constexpr std::size_t kMaxHttp2Acks = 100;
inline constexpr std::size_t kMaxHttp2SettingsEntries = 32;
inline constexpr std::size_t kMaxHttp2Continuations = 8;

enum class Http2Error : std::uint32_t {  // RFC 9113 section 7
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

class Http2Codec {
 public:
  // What the client says, told from within feed(). They may respond, but neither feed nor take
  // output.
  struct Events {
    // body.kind is kNone when the request ends with its head.
    std::function<void(Http2StreamId, RequestHead)> on_request;
    // Each byte of it must be given back by consume().
    std::function<void(Http2StreamId, std::string_view)> on_body;
    std::function<void(Http2StreamId, const HeaderList& trailers)> on_end;  // of its body
    // It is over, whoever ended it and how: nothing more is said of it.
    std::function<void(Http2StreamId)> on_closed;
  };

  explicit Http2Codec(Events events);
  ~Http2Codec();
  Http2Codec(const Http2Codec&) = delete;
  Http2Codec& operator=(const Http2Codec&) = delete;

  // The preface first. False: the connection is over, once the output is sent.
  bool feed(std::string_view bytes, Instant now);
  // The next bytes for the client, until the next call; "" when there are none now.
  std::string_view next_output();
  // Neither side has anything more to say.
  [[nodiscard]] bool is_over() const;

  // A final response's head, or an interim one; `ended`: without a body.
  void respond(Http2StreamId stream, const ResponseHead& head, bool ended);
  void send_body(Http2StreamId stream, std::string_view piece);
  void end_body(Http2StreamId stream, const HeaderList& trailers);
  void reset(Http2StreamId stream, Http2Error error);
  // Of on_body: so many bytes are dealt with, the client may send as many more.
  void consume(Http2StreamId stream, std::size_t bytes);
  // Lets the client send twice as much of a body before it is dealt with; as much as the window,
  // kHttp2FirstWindow at first, is added. False: it stays, the connection has its share.
  bool widen(Http2StreamId stream);
  // Bytes of its heads and body that were not taken by next_output() yet; those of its body that
  // were.
  [[nodiscard]] std::size_t buffered(Http2StreamId stream) const;
  [[nodiscard]] std::uint64_t sent(Http2StreamId stream) const;
  [[nodiscard]] std::size_t buffered() const;  // of all streams

  // No new streams (GOAWAY); those there are go on.
  void shut_down();
  [[nodiscard]] std::size_t streams() const;
  // The limit that the client went beyond, which ended the connection; "" while there is none.
  [[nodiscard]] std::string_view reproach() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
