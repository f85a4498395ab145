// HopFrame: one frame (preamble.h) out of a stream's bytes as they come. Bytes from outside: every
// fault is an Error. Pure. Holds kMaxFrameBody at most.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "flycast/core/preamble.h"

namespace sixpn::flycast {

class HopFrame {
 public:
  // Takes from the front of `bytes` what is the frame's. Its body once that is whole, and then
  // begins the next; nothing: more is needed, and all of `bytes` is taken. After an error nothing
  // more may be read.
  std::optional<Result<std::string>> take(std::string_view& bytes);
  // Of its header, or of its body: so many bytes may be read without reading beyond it.
  [[nodiscard]] std::size_t missing() const { return wanted_ - part_.size(); }
  // Nothing has come of it.
  [[nodiscard]] bool untouched() const { return !in_body_ && part_.empty(); }

 private:
  std::string part_;  // of the header, then of the body
  std::size_t wanted_ = kFrameHeaderBytes;
  bool in_body_ = false;
};

}  // namespace sixpn::flycast
