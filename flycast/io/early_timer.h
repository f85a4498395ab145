// EarlyTimer: a timer for deadlines that are moved on before they are reached, nearly all of them.
// It is armed anew only when it would fire too late, and so may fire too early: who is called looks
// what is due, and arms it again. Loop thread.
#pragma once

#include <functional>
#include <utility>

#include "base/io/event_loop.h"
#include "base/time.h"

namespace sixpn::flycast {

class EarlyTimer {
 public:
  // The call may destroy the timer.
  EarlyTimer(EventLoop& loop, std::function<void()> on_fire)
      : timer_(loop, [this, fire = std::move(on_fire)] {
          armed_for_ = kNever;
          fire();
        }) {}

  // Fires then at the latest; kNever asks for nothing.
  void arm_by(Instant when) {
    if (when >= armed_for_) return;
    armed_for_ = when;
    timer_.arm_at(when);
  }
  void cancel() {
    armed_for_ = kNever;
    timer_.cancel();
  }

 private:
  Instant armed_for_ = kNever;
  LoopTimer timer_;
};

}  // namespace sixpn::flycast
