// One end of an HTTP/2 connection whose frames a test makes and reads by hand.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/netns/flycast/stage.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast::frames {

struct Http2Peer {
  explicit Http2Peer(Tcp given) : tcp(std::move(given)) {}

  // The next frame of the type, if one comes; acknowledges settings meanwhile.
  std::optional<Frame> next(std::uint8_t type) {
    while (true) {
      while (at < seen.size()) {
        const Frame& each = seen[at++];
        bool asks = each.type == kSettings && (each.flags & kAck) == 0;
        if (asks && !say(frame(kSettings, kAck, 0))) return {};
        if (each.type == type) return each;
      }
      std::string bytes = tcp.read_some();
      if (bytes.empty()) return {};
      input += bytes;
      for (Frame& each : take_frames(input)) seen.push_back(std::move(each));
    }
  }
  bool say(const std::string& bytes) { return tcp.write_all(bytes); }

  Tcp tcp;
  std::string input;
  std::vector<Frame> seen;
  std::size_t at = 0;
};

}  // namespace sixpn::flycast::frames
