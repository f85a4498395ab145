#include "base/stall_detector.h"

namespace sixpn {

StallDetector::Round StallDetector::on_round(Instant now,
                                             const std::vector<std::uint64_t>& answers) {
  Round round;
  Duration late = last_round_ ? now - *last_round_ - kWatchRound : Duration::zero();
  last_round_ = now;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Loop& loop = loops_[i];
    if (late > kWatchRound) loop.asked_at += late;
    Stall stall{i, now - loop.asked_at};
    if (answers.at(i) == loop.asked) {
      if (loop.noticed) round.recovered.push_back(stall);
      loop = {loop.asked + 1, now, false};
      round.ask.push_back(i);
      continue;
    }
    if (stall.owed < kStallNotice) continue;
    round.well = false;
    if (!loop.noticed) round.noticed.push_back(stall);
    loop.noticed = true;
    bool over = limit_ > Duration::zero() && stall.owed >= limit_;
    if (over && (!round.fatal || stall.owed > round.fatal->owed)) round.fatal = stall;
  }
  return round;
}

}  // namespace sixpn
