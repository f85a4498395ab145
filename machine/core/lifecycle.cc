#include "machine/core/lifecycle.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "machine/core/run_request.h"

namespace sixpn::machine {
namespace {

Action plain(ActionKind kind) {
  return Action{.kind = kind};
}
Action answer(Request request, std::string error = {}) {
  return Action{.kind = ActionKind::kAnswer, .request = request, .error = std::move(error)};
}

Actions operator+(Actions first, Actions second) {
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

std::string seconds_text(Duration duration) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

constexpr std::array<std::string_view, 15> kActionNames{
    "prepare",      "attach network", "spawn",   "announce", "open gate",
    "withdraw",     "detach network", "publish", "signal",   "arm timer",
    "cancel timer", "save desired",   "erase",   "remove",   "answer"};
constexpr std::array<std::string_view, 3> kRequestNames{"start", "stop", "destroy"};
constexpr std::array<std::string_view, 3> kDesiredNames{"started", "stopped", "destroyed"};

}  // namespace

std::string_view to_string(Desired desired) {
  return kDesiredNames[static_cast<std::size_t>(desired) - 1];
}

std::optional<Desired> parse_desired(std::string_view text) {
  for (auto desired : {Desired::kStarted, Desired::kStopped, Desired::kDestroyed})
    if (text == to_string(desired)) return desired;
  return std::nullopt;
}

std::string to_string(const Action& action) {
  std::string text(kActionNames[static_cast<std::size_t>(action.kind)]);
  if (action.kind == ActionKind::kSignal) text += " " + signal_name(action.signal);
  if (action.kind == ActionKind::kArmTimer) text += " " + seconds_text(action.delay);
  if (action.kind != ActionKind::kAnswer) return text;
  text += " " + std::string(kRequestNames[static_cast<std::size_t>(action.request)]);
  return action.error.empty() ? text : text + ": " + action.error;
}

Lifecycle::Lifecycle(MachineKind kind, StopPlan default_stop)
    : kind_(kind), default_stop_(default_stop) {}

Lifecycle Lifecycle::restored(MachineKind kind, StopPlan default_stop, Desired desired,
                              bool running, bool networked) {
  Lifecycle machine(kind, default_stop);
  machine.state_ = running ? MachineState::kStarted : MachineState::kStopped;
  machine.desired_ = desired;
  machine.first_start_ = false;
  machine.process_ = running && kind == MachineKind::kRun;
  machine.networked_ = networked;
  machine.published_ = true;  // perhaps; an erase too many is harmless
  return machine;
}

Actions Lifecycle::resumed(bool rebooted) {
  bool running = state_ == MachineState::kStarted;
  if (desired_ == Desired::kDestroyed) return destroy_requested(true);
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
  if (state_ == MachineState::kStarted) return begin_stop(chosen);
  return {answer(Request::kStop)};
}

Actions Lifecycle::begin_stop(StopPlan plan) {
  state_ = MachineState::kStopping;
  desired_ = then_destroy_ ? Desired::kDestroyed : Desired::kStopped;
  phase_ = Phase::kWithdraw;
  plan_ = plan;
  reason_.clear();
  return {plain(ActionKind::kSaveDesired), plain(ActionKind::kWithdraw)};
}

Actions Lifecycle::withdrawn() {
  if (phase_ != Phase::kWithdraw) return {};
  if (kind_ == MachineKind::kAttached) {
    phase_ = Phase::kDetach;
    return {plain(ActionKind::kDetachNetwork)};
  }
  phase_ = Phase::kSignalled;
  return send_signal(plan_);
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
  if (phase_ != Phase::kSignalled) return {};
  reason_ = "killed: it did not end within " + seconds_text(plan_.timeout) + " of " +
            signal_name(plan_.signal);
  if (plan_.signal == SIGTERM) return send_signal({SIGKILL, {}});
  return send_signal({SIGTERM, kTermGrace});
}

Actions Lifecycle::complete_stop(const std::string& error) {
  phase_ = Phase::kRest;
  state_ = MachineState::kStopped;
  process_ = false;
  return Actions{plain(ActionKind::kCancelTimer), plain(ActionKind::kPublish),
                 answer(Request::kStop, error)} +
         go_on();
}

Actions Lifecycle::exited() {
  if (!process_) return {};
  process_ = false;
  if (is_stopping()) {
    if (plan_.signal != SIGKILL) reason_.clear();
    return complete_stop({});
  }
  if (is_starting()) {
    if (failure_.empty()) failure_ = "the process was killed before it began";
    return fail_start();
  }
  state_ = MachineState::kStopped;
  desired_ = Desired::kStopped;
  return {plain(ActionKind::kSaveDesired), plain(ActionKind::kPublish)};
}

// ---- destroying
// -------------------------------------------------------------------------------------

Actions Lifecycle::destroy_requested(bool force) {
  if (phase_ == Phase::kDestroy || phase_ == Phase::kRollback) return {};
  bool running = is_starting() || state_ == MachineState::kStarted;
  if (then_destroy_ && !force) return {};
  if (running && !force)
    return {answer(Request::kDestroy, "the machine is " + std::string(to_string(state_)) +
                                          ": stop it first, or force")};
  then_destroy_ = true;
  StopPlan kill{SIGKILL, {}};
  if (is_starting() || is_stopping()) return force ? stop_requested(kill) : Actions{};
  if (running) return begin_stop(kill);
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
  if (state_ == MachineState::kStarted && kind_ == MachineKind::kRun && !process_)
    return "started without a process";
  return std::nullopt;
}

}  // namespace sixpn::machine
