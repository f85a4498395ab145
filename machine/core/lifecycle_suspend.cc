// The lifecycle's part of suspending and resuming: withdraw, freeze, and back by announce, thaw.
#include "machine/core/lifecycle_actions.h"

namespace sixpn::machine {

bool Lifecycle::is_suspending() const {
  return phase_ == Phase::kRetreat || phase_ == Phase::kFreeze;
}

Actions Lifecycle::suspend_requested() {
  if (is_suspending()) return {};
  if (state_ == MachineState::kSuspended && phase_ == Phase::kRest)
    return {answer(Request::kSuspend)};
  if (kind_ == MachineKind::kAttached)
    return {answer(Request::kSuspend,
                   "an attached machine cannot be suspended: its processes are not sixpn's")};
  if (state_ != MachineState::kStarted || phase_ != Phase::kRest) {
    bool begins = is_starting() || phase_ == Phase::kResume;
    return {answer(Request::kSuspend,
                   "the machine is " + std::string(begins ? "starting" : to_string(state_)))};
  }
  state_ = MachineState::kSuspending;
  phase_ = Phase::kRetreat;
  reason_.clear();
  return {plain(ActionKind::kWithdraw)};
}

// Only now is the disk told: an agent that dies before finds the machine running, or frozen.
Actions Lifecycle::frozen() {
  if (phase_ != Phase::kFreeze) return {};
  phase_ = Phase::kRest;
  state_ = MachineState::kSuspended;
  desired_ = Desired::kStopped;
  return {plain(ActionKind::kCancelTimer), plain(ActionKind::kSaveDesired),
          plain(ActionKind::kPublish), answer(Request::kSuspend)};
}

// It goes on, and gets its names back.
Actions Lifecycle::undo_suspend(const std::string& why) {
  Actions actions = take_place_of(why);
  if (std::exchange(frozen_, false)) actions.push_back(plain(ActionKind::kThaw));
  state_ = MachineState::kStarted;
  phase_ = Phase::kResume;
  return std::move(actions) + Actions{plain(ActionKind::kAnnounce)};
}

Actions Lifecycle::begin_resume() {
  state_ = MachineState::kStarted;
  desired_ = Desired::kStarted;
  phase_ = Phase::kResume;
  reason_.clear();
  return {plain(ActionKind::kSaveDesired), plain(ActionKind::kAnnounce)};
}

Actions Lifecycle::complete_resume() {
  phase_ = Phase::kRest;
  Actions actions;
  if (std::exchange(frozen_, false)) actions.push_back(plain(ActionKind::kThaw));
  return std::move(actions) + Actions{answer(Request::kStart)};
}

Actions Lifecycle::take_place_of(const std::string& what) {
  if (is_suspending()) return {plain(ActionKind::kCancelTimer), answer(Request::kSuspend, what)};
  if (phase_ == Phase::kResume) return {answer(Request::kStart, what)};
  return {};
}

}  // namespace sixpn::machine
