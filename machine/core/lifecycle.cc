#include "machine/core/lifecycle.h"

#include <utility>

#include "machine/core/lifecycle_actions.h"
#include "machine/core/run_request.h"

namespace sixpn::machine {

Lifecycle::Lifecycle(MachineKind kind, StopPlan default_stop)
    : kind_(kind), default_stop_(default_stop) {}

Lifecycle Lifecycle::restored(MachineKind kind, StopPlan default_stop, Desired desired, Found found,
                              bool networked) {
  Lifecycle machine(kind, default_stop);
  bool running = found != Found::kNothing;
  machine.state_ = running ? MachineState::kStarted : MachineState::kStopped;
  if (found == Found::kFrozen) machine.state_ = MachineState::kSuspended;
  machine.desired_ = desired;
  machine.first_start_ = false;
  machine.process_ = running && kind == MachineKind::kRun;
  machine.frozen_ = found == Found::kFrozen;
  machine.networked_ = networked;
  machine.published_ = true;  // perhaps; an erase too many is harmless
  return machine;
}

Actions Lifecycle::resumed(bool rebooted) {
  bool running = state_ == MachineState::kStarted;
  if (desired_ == Desired::kDestroyed) return destroy_requested(true);
  if (state_ == MachineState::kSuspended) {
    if (std::exchange(desired_, Desired::kStopped) == Desired::kStopped)
      return {plain(ActionKind::kPublish)};
    return {plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish)};
  }
  if (desired_ == Desired::kStopped && running) return begin_stop(default_stop_);
  if (desired_ == Desired::kStarted && !running) {
    if (rebooted && kind_ == MachineKind::kRun) return begin_start();
    desired_ = Desired::kStopped;
    return {plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish)};
  }
  return {plain(ActionKind::kPublish)};
}

// ---- starting
// ---------------------------------------------------------------------------------------

bool Lifecycle::is_starting() const {
  return phase_ >= Phase::kPrepare && phase_ <= Phase::kRollback;
}

Actions Lifecycle::start_requested() {
  if (is_starting()) {
    if (then_destroy_ || !std::exchange(then_stop_, std::nullopt)) return {};
    return {answer(Request::kStop, "a later start took its place")};
  }
  if (phase_ == Phase::kResume) return {};
  if (is_suspending()) return undo_suspend("a later start took its place");
  if (phase_ == Phase::kRest && state_ == MachineState::kSuspended) return begin_resume();
  if (state_ == MachineState::kStarted && phase_ == Phase::kRest) return {answer(Request::kStart)};
  if (phase_ == Phase::kRest &&
      (state_ == MachineState::kCreated || state_ == MachineState::kStopped))
    return begin_start();
  return {answer(Request::kStart, "the machine is " + std::string(to_string(state_)))};
}

Actions Lifecycle::begin_start() {
  state_ = MachineState::kStarting;
  desired_ = Desired::kStarted;
  phase_ = Phase::kPrepare;
  reason_.clear();
  failure_.clear();
  return {plain(ActionKind::kPrepare)};
}

Actions Lifecycle::prepared() {
  if (phase_ != Phase::kPrepare) return {};
  phase_ = Phase::kAttach;
  published_ = true;
  return {plain(ActionKind::kPublish), plain(ActionKind::kAttachNetwork)};
}

Actions Lifecycle::network_attached() {
  if (phase_ != Phase::kAttach) return {};
  networked_ = true;
  if (kind_ == MachineKind::kAttached) {
    phase_ = Phase::kAnnounce;
    state_ = MachineState::kStarted;
    return {plain(ActionKind::kAnnounce)};
  }
  phase_ = Phase::kSpawn;
  process_ = true;
  return {Action{.kind = ActionKind::kArmTimer, .delay = kStartTimeout}, plain(ActionKind::kSpawn)};
}

Actions Lifecycle::process_ready() {
  if (phase_ != Phase::kSpawn) return {};
  phase_ = Phase::kAnnounce;
  state_ = MachineState::kStarted;
  return {plain(ActionKind::kCancelTimer), plain(ActionKind::kAnnounce)};
}

Actions Lifecycle::announced() {
  if (phase_ == Phase::kResume) return complete_resume();
  if (phase_ != Phase::kAnnounce) return {};
  if (kind_ == MachineKind::kAttached) return complete_start();
  phase_ = Phase::kExecute;
  return {Action{.kind = ActionKind::kArmTimer, .delay = kStartTimeout},
          plain(ActionKind::kOpenGate)};
}

Actions Lifecycle::executed() {
  if (phase_ != Phase::kExecute) return {};
  return Actions{plain(ActionKind::kCancelTimer)} + complete_start();
}

Actions Lifecycle::complete_start() {
  phase_ = Phase::kRest;
  first_start_ = false;
  return Actions{answer(Request::kStart)} + go_on();
}

// The process may still be there, and in its folder: kill it, and go on when it has exited().
Actions Lifecycle::abort_start(const std::string& why) {
  failure_ = why;
  phase_ = Phase::kAbort;
  return {plain(ActionKind::kCancelTimer), Action{.kind = ActionKind::kSignal, .signal = SIGKILL}};
}

Actions Lifecycle::fail_start() {
  process_ = false;
  reason_ = failure_;
  Actions actions{plain(ActionKind::kCancelTimer)};
  if (!first_start_) {
    phase_ = Phase::kRest;
    state_ = MachineState::kStopped;
    desired_ = then_destroy_ ? Desired::kDestroyed : Desired::kStopped;
    return std::move(actions) +
           Actions{plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish),
                   answer(Request::kStart, failure_)} +
           go_on();
  }
  phase_ = Phase::kRollback;
  state_ = MachineState::kDestroying;
  if (networked_) return std::move(actions) + Actions{plain(ActionKind::kDetachNetwork)};
  return std::move(actions) + complete_destroy();
}

// ---- stopping
// ---------------------------------------------------------------------------------------

bool Lifecycle::is_stopping() const {
  return phase_ >= Phase::kWithdraw && phase_ <= Phase::kDetach;
}

Actions Lifecycle::stop_requested(std::optional<StopPlan> plan) {
  StopPlan chosen = plan.value_or(default_stop_);
  if (is_starting()) {
    then_stop_ = chosen;
    return {};
  }
  if (phase_ == Phase::kSignalled && plan) return send_signal(chosen);
  if (phase_ == Phase::kWithdraw && plan) plan_ = chosen;
  if (is_stopping()) return {};
  if (phase_ == Phase::kDestroy) return {answer(Request::kStop, "the machine is being destroyed")};
  if (state_ == MachineState::kStarted || state_ == MachineState::kSuspended || is_suspending())
    return begin_stop(chosen);
  return {answer(Request::kStop)};
}

Actions Lifecycle::begin_stop(StopPlan plan) {
  Actions answers = take_place_of("a later stop took its place");
  state_ = MachineState::kStopping;
  desired_ = then_destroy_ ? Desired::kDestroyed : Desired::kStopped;
  phase_ = Phase::kWithdraw;
  plan_ = plan;
  reason_.clear();
  return std::move(answers) +
         Actions{plain(ActionKind::kSaveDesired), plain(ActionKind::kWithdraw)};
}

Actions Lifecycle::withdrawn() {
  if (phase_ == Phase::kRetreat) {
    phase_ = Phase::kFreeze;
    frozen_ = true;
    return {Action{.kind = ActionKind::kArmTimer, .delay = kFreezeTimeout},
            plain(ActionKind::kFreeze)};
  }
  if (phase_ != Phase::kWithdraw) return {};
  if (kind_ == MachineKind::kAttached) {
    phase_ = Phase::kDetach;
    return {plain(ActionKind::kDetachNetwork)};
  }
  phase_ = Phase::kSignalled;
  Actions actions = send_signal(plan_);
  // After the signal: what ends by it does not go on before.
  if (std::exchange(frozen_, false)) actions.push_back(plain(ActionKind::kThaw));
  return actions;
}

Actions Lifecycle::send_signal(StopPlan plan) {
  plan_ = plan;
  Action signal{.kind = ActionKind::kSignal, .signal = plan.signal};
  if (plan.signal == SIGKILL) return {plain(ActionKind::kCancelTimer), signal};
  return {signal, Action{.kind = ActionKind::kArmTimer, .delay = plan.timeout}};
}

Actions Lifecycle::timer_fired() {
  if (phase_ == Phase::kSpawn || phase_ == Phase::kExecute)
    return abort_start("the command did not start within " + seconds_text(kStartTimeout));
  if (phase_ == Phase::kFreeze)
    return undo_suspend("its processes could not be frozen within " + seconds_text(kFreezeTimeout));
  if (phase_ != Phase::kSignalled) return {};
  reason_ = "killed: it did not end within " + seconds_text(plan_.timeout) + " of " +
            signal_name(plan_.signal);
  if (plan_.signal == SIGTERM) return send_signal({SIGKILL, {}});
  return send_signal({SIGTERM, kTermGrace});
}

Actions Lifecycle::complete_stop(const std::string& error) {
  phase_ = Phase::kRest;
  state_ = MachineState::kStopped;
  process_ = frozen_ = false;
  return Actions{plain(ActionKind::kCancelTimer), plain(ActionKind::kPublish),
                 answer(Request::kStop, error)} +
         go_on();
}

Actions Lifecycle::exited() {
  if (!process_) return {};
  process_ = frozen_ = false;
  if (is_stopping()) {
    if (plan_.signal != SIGKILL) reason_.clear();
    return complete_stop({});
  }
  if (is_starting()) {
    if (failure_.empty()) failure_ = "the process was killed before it began";
    return fail_start();
  }
  Actions answers = take_place_of("its process ended");
  phase_ = Phase::kRest;
  state_ = MachineState::kStopped;
  desired_ = Desired::kStopped;
  return std::move(answers) + Actions{plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish)};
}

// ---- destroying
// -------------------------------------------------------------------------------------

Actions Lifecycle::destroy_requested(bool force) {
  if (phase_ == Phase::kDestroy || phase_ == Phase::kRollback) return {};
  bool running = is_starting() || state_ == MachineState::kStarted || is_suspending();
  if (then_destroy_ && !force) return {};
  if (running && !force)
    return {answer(Request::kDestroy, "the machine is " + std::string(to_string(state_)) +
                                          ": stop it first, or force")};
  then_destroy_ = true;
  StopPlan kill{SIGKILL, {}};
  if (is_starting() || is_stopping()) return force ? stop_requested(kill) : Actions{};
  if (running || state_ == MachineState::kSuspended) return begin_stop(kill);
  return begin_destroy();
}

Actions Lifecycle::begin_destroy() {
  state_ = MachineState::kDestroying;
  desired_ = Desired::kDestroyed;
  phase_ = Phase::kDestroy;
  Actions actions{plain(ActionKind::kSaveDesired)};
  if (networked_) return std::move(actions) + Actions{plain(ActionKind::kDetachNetwork)};
  return std::move(actions) + complete_destroy();
}

Actions Lifecycle::complete_destroy() {
  bool rollback = phase_ == Phase::kRollback;
  phase_ = Phase::kRest;
  state_ = MachineState::kDestroyed;
  desired_ = Desired::kDestroyed;
  Actions actions;
  if (published_) actions.push_back(plain(ActionKind::kErase));
  if (rollback) actions.push_back(answer(Request::kStart, failure_));
  return std::move(actions) +
         Actions{answer(Request::kStop), answer(Request::kDestroy), plain(ActionKind::kRemove)};
}

Actions Lifecycle::network_detached() {
  if (phase_ == Phase::kDetach) {
    networked_ = false;
    return complete_stop({});
  }
  if (phase_ != Phase::kDestroy && phase_ != Phase::kRollback) return {};
  networked_ = false;
  return complete_destroy();
}

// ---- both
// -------------------------------------------------------------------------------------------

Actions Lifecycle::step_failed(const std::string& why) {
  switch (phase_) {
    case Phase::kPrepare:
    case Phase::kAttach:
      failure_ = why;
      return fail_start();
    case Phase::kSpawn:
    case Phase::kExecute:
      return abort_start(why);
    case Phase::kFreeze:
      return undo_suspend(why);
    case Phase::kDetach:
      reason_ = why;
      return complete_stop(why);
    case Phase::kRollback:
      return complete_destroy();  // its namespace goes, or was never ours: nothing else to undo
    case Phase::kDestroy: {
      if (kind_ == MachineKind::kRun)
        return complete_destroy();  // its veth goes with its namespace
      phase_ = Phase::kRest;
      state_ = MachineState::kStopped;
      desired_ = Desired::kStopped;
      then_destroy_ = false;
      reason_ = why;
      return {plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish),
              answer(Request::kDestroy, why)};
    }
    default:
      return {};
  }
}

Actions Lifecycle::go_on() {
  auto stop = std::exchange(then_stop_, std::nullopt);
  if (state_ == MachineState::kStarted && stop) return begin_stop(*stop);
  Actions actions;
  if (stop) actions.push_back(answer(Request::kStop));
  if (then_destroy_) return std::move(actions) + begin_destroy();
  return actions;
}

std::optional<std::string> Lifecycle::check_invariants() const {
  if (process_ && kind_ == MachineKind::kAttached) return "an attached machine has a process";
  if (process_ && state_ >= MachineState::kDestroying && phase_ != Phase::kAbort)
    return "destroying while its process may run";
  if (process_ && state_ == MachineState::kStopped) return "stopped while its process may run";
  if (is_stopping() != (state_ == MachineState::kStopping)) return "stopping in one, not the other";
  if (phase_ == Phase::kRest && state_ == MachineState::kStarting) return "starting, at rest";
  if (phase_ == Phase::kRest &&
      (then_stop_ || (then_destroy_ && state_ < MachineState::kDestroying)))
    return "a request is forgotten";
  bool lives = state_ == MachineState::kStarted || state_ == MachineState::kSuspended;
  if (lives && kind_ == MachineKind::kRun && !process_) return "started without a process";
  if (is_suspending() != (state_ == MachineState::kSuspending))
    return "suspending in one, not the other";
  if (state_ == MachineState::kSuspended && !(frozen_ && phase_ == Phase::kRest))
    return "suspended, and not frozen";
  if (frozen_ && phase_ == Phase::kRest && state_ != MachineState::kSuspended)
    return "frozen, and not suspended";
  return std::nullopt;
}

}  // namespace sixpn::machine
