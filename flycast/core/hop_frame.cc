#include "flycast/core/hop_frame.h"

#include <algorithm>
#include <utility>

namespace sixpn::flycast {

std::optional<Result<std::string>> HopFrame::take(std::string_view& bytes) {
  while (true) {
    std::size_t taken = std::min(bytes.size(), missing());
    part_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (part_.size() < wanted_) return std::nullopt;
    std::string whole = std::exchange(part_, {});
    if (std::exchange(in_body_, !in_body_)) {
      wanted_ = kFrameHeaderBytes;
      return whole;
    }
    auto length = decode_frame_header(whole);
    if (!length) return length.error();
    wanted_ = *length;
  }
}

}  // namespace sixpn::flycast
