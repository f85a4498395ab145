// The server's codec of HTTP/2 fed by hand, and what it made of that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flycast/io/http2_codec.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast::frames {

// A codec, and what became of what it was told.
struct Peer {
  // `settled`: it acknowledges our settings.
  explicit Peer(bool settled = true) : codec(events()) {
    feed(settled ? hello() + frame(kSettings, kAck, 0) : hello());
  }

  Http2Codec::Events events() {
    return {[this](Http2StreamId id, RequestHead head) { requests[id] = std::move(head); },
            [this](Http2StreamId id, std::string_view piece) {
              bodies[id] += piece;
              if (consumes) codec.consume(id, piece.size());
            },
            [this](Http2StreamId id, const HeaderList& trailers) { ends[id] = trailers; },
            [this](Http2StreamId id) { closed.push_back(id); }};
  }
  bool feed(std::string_view bytes) {
    open = codec.feed(bytes, now);
    return open;
  }
  // What it says now.
  std::vector<Frame> said() {
    while (true) {
      auto bytes = codec.next_output();
      if (bytes.empty()) break;
      output += bytes;
    }
    return take_frames(output);
  }
  // The last of that type, if any.
  std::optional<Frame> said_last(std::uint8_t type, std::uint32_t stream) {
    std::optional<Frame> last;
    for (Frame& each : said())
      if (each.type == type && each.stream == stream) last = std::move(each);
    return last;
  }
  void answer(Http2StreamId id, const std::string& body) {
    ResponseHead head;
    head.status = 200;
    codec.respond(id, head, body.empty());
    codec.send_body(id, body);
    codec.end_body(id, {});
  }

  Instant now = Instant(std::chrono::seconds(100));
  bool consumes = true;
  bool open = true;
  std::map<Http2StreamId, RequestHead> requests;
  std::map<Http2StreamId, std::string> bodies;
  std::map<Http2StreamId, HeaderList> ends;
  std::vector<Http2StreamId> closed;
  std::string output;
  Http2Codec codec;
};

inline std::string request(const std::string& fields, std::uint8_t flags = kEndStream | kEndHeaders,
                           std::uint32_t stream = 1) {
  return frame(kHeaders, flags, stream, fields);
}

}  // namespace sixpn::flycast::frames
