// PathTime: how long a push to a region may stay unacknowledged before it is sent again. A running
// estimate of the round trip and its deviation (Jacobson, RFC 6298, with a smaller margin: a
// repetition too many costs one datagram). Pure; owned by Relay.
#pragma once

#include <chrono>

#include "base/time.h"

namespace sixpn::registry {

// A repetition after 1.3 round trips + kRepeatSlack (which holds Relay's kAckDelay), or four
// deviations.
inline constexpr Duration kRepeatSlack = std::chrono::milliseconds(8);
inline constexpr Duration kRepeatUnknown = std::chrono::milliseconds(250);  // nothing measured yet
inline constexpr Duration kRepeatMost = std::chrono::seconds(1);
// A reminder (relay.h) costs little, so it may come sooner; later again where acknowledgements only
// come after it, for then round trips cannot be measured.
inline constexpr Duration kRemindSlack = std::chrono::milliseconds(2);
inline constexpr Duration kRemindSlackMost = std::chrono::milliseconds(64);

// The round trip to a region, from acknowledgements of packets that were not repeated (Karn).
class PathTime {
 public:
  void sample(Duration measured);
  // An acknowledgement came after a repetition: of which of the two, nobody knows.
  void late();
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] Duration repeat_after() const { return after(kRepeatSlack); }
  [[nodiscard]] Duration remind_after() const { return after(remind_slack_); }

 private:
  [[nodiscard]] Duration after(Duration slack) const;

  bool known_ = false;
  Duration smoothed_{};
  Duration deviation_{};
  Duration remind_slack_ = kRemindSlack;
};

}  // namespace sixpn::registry
