#include "flycast/io/autostopper.h"

#include <algorithm>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {
namespace {

constexpr Duration kLeastPause = std::chrono::milliseconds(50);
constexpr Duration kMostPause = std::chrono::seconds(5);

}  // namespace

Autostopper::Autostopper(ProxyState& state, StopMachine stop)
    : state_(state),
      stop_(std::move(stop)),
      rules_(state.options.idle_after),
      pause_(std::clamp(state.options.idle_after / 4, kLeastPause, kMostPause)),
      timer_(state.loop, [this] { pass(); }),
      alive_(std::make_shared<Autostopper*>(this)) {
  if (stop_) timer_.arm_after(pause_);
}

void Autostopper::pass() {
  timer_.arm_after(pause_);
  if (!state_.table.ready()) return;
  const Snapshot& snapshot = *state_.table.snapshot();
  auto orders = state_.commons.admissions.judge([&](const ServiceCounts& open, MachineUse& use) {
    return rules_.pass(snapshot, open, use, monotonic_now());
  });
  for (const auto& order : orders) put_to_sleep(order);
}

void Autostopper::put_to_sleep(const StopOrder& order) {
  ++state_.stats.put_to_sleep;
  state_.commons.admissions.hold(order.machine);
  held_[order.machine] = order.network;
  log::info("flycast", "machine {} of {} is {}: it had no connection for {} s",
            to_string(order.machine), order.app,
            order.how == AutoStop::kSuspend ? "suspended" : "stopped",
            state_.options.idle_after / std::chrono::seconds(1));
  stop_(order.machine, order.how,
        [weak = std::weak_ptr(alive_), machine = order.machine](const Result<void>& outcome) {
          if (auto alive = weak.lock()) (*alive)->on_stopped(machine, outcome);
        });
}

void Autostopper::on_stopped(MachineId machine, const Result<void>& outcome) {
  if (!outcome) {
    log::warn("flycast", "machine {} was not stopped: {}", to_string(machine),
              outcome.error().message);
    rules_.forget(machine);
  }
  state_.commons.admissions.release(machine);
  held_.erase(machine);
}

void Autostopper::on_snapshot() {
  if (held_.empty() || !state_.table.ready()) return;
  std::erase_if(held_, [&](const auto& entry) {
    const NetworkView* network = state_.table.snapshot()->find_network(entry.second);
    const MachinePtr* machine = nullptr;
    if (network != nullptr) {
      auto found = network->machines.find(entry.first);
      if (found != network->machines.end()) machine = &found->second;
    }
    bool runs = machine != nullptr && (*machine)->state == MachineState::kStarted;
    if (!runs) state_.commons.admissions.release(entry.first);
    return !runs;
  });
}

}  // namespace sixpn::flycast
