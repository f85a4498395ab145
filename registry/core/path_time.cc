#include "registry/core/path_time.h"

#include <algorithm>

namespace sixpn::registry {

void PathTime::sample(Duration measured) {
  remind_slack_ = std::max(kRemindSlack, remind_slack_ - kRemindSlack / 4);
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

void PathTime::late() {
  remind_slack_ = std::min(kRemindSlackMost, remind_slack_ + kRemindSlack);
}

Duration PathTime::after(Duration slack) const {
  if (!known_) return kRepeatUnknown;
  auto wait = std::max(smoothed_ * 13 / 10, smoothed_ + 4 * deviation_) + slack;
  return std::min(wait, kRepeatMost);
}

}  // namespace sixpn::registry
