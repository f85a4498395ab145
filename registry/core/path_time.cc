#include "registry/core/path_time.h"

#include <algorithm>

namespace sixpn::registry {

void PathTime::sample(Duration measured) {
  if (!known_) {
    known_ = true;
    smoothed_ = measured;
    deviation_ = measured / 16;
    return;
  }
  Duration error = measured - smoothed_;
  deviation_ += (std::max(error, -error) - deviation_) / 4;
  smoothed_ += error / 8;
}

Duration PathTime::repeat_after() const {
  if (!known_) return kRepeatUnknown;
  auto wait = std::max(smoothed_ * 13 / 10, smoothed_ + 4 * deviation_) + kRepeatSlack;
  return std::min(wait, kRepeatMost);
}

}  // namespace sixpn::registry
