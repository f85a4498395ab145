// Performing what a machine's lifecycle decides, and telling it what became of it.
#include <csignal>

#include "base/io/clock.h"
#include "base/log.h"
#include "machine/io/machine_service_impl.h"
#include "machine/io/network_namespace.h"

namespace sixpn::machine {
namespace {

constexpr std::string_view kRoom = "machine";

Actions after(Lifecycle& lifecycle, const Result<void>& outcome, Actions (Lifecycle::*next)()) {
  return outcome ? (lifecycle.*next)() : lifecycle.step_failed(outcome.error().message);
}

}  // namespace

template <class Event>
auto MachineService::Impl::when_done(Machine& machine, Event event) {
  machine.step = ++last_number_;
  return [weak = weak_from_this(), id = machine.file.id, step = machine.step,
          event = std::move(event)](auto&&... outcome) {
    auto self = weak.lock();
    auto* found = self ? self->find(id) : nullptr;
    if (found && found->step == step) self->perform(*found, event(found->lifecycle, outcome...));
  };
}

template <class Event>
auto MachineService::Impl::when_shim(Machine& machine, Event event) {
  return [weak = weak_from_this(), id = machine.file.id, spawn = machine.spawn,
          event = std::move(event)](auto&&... outcome) {
    auto self = weak.lock();
    auto* found = self ? self->find(id) : nullptr;
    if (found && found->spawn == spawn) event(*self, *found, outcome...);
  };
}

// An awaited action, and kRemove, is the last of its list: nothing touches the machine after it,
// which may be gone by then.
void MachineService::Impl::perform(Machine& machine, const Actions& actions) {
  for (const auto& action : actions) perform(machine, action);
}

void MachineService::Impl::perform(Machine& machine, const Action& action) {
  switch (action.kind) {
    case ActionKind::kPublish:
      update_checks(machine);
      return callbacks_.publish(record(machine), [] {});
    case ActionKind::kSignal:
      if (machine.shim) machine.shim->signal(action.signal);
      return;
    case ActionKind::kThaw:
      return thaw(machine);
    case ActionKind::kArmTimer:
      return arm_timer(machine, action.delay);
    case ActionKind::kCancelTimer:
      return machine.timer.reset();
    case ActionKind::kSaveDesired:
      return save_desired(machine);
    case ActionKind::kErase:
      return callbacks_.erase(machine.file.id);
    case ActionKind::kRemove:
      return remove(machine);
    case ActionKind::kAnswer:
      return answer(machine, action);
    default:
      return perform_awaited(machine, action.kind);
  }
}

void MachineService::Impl::perform_awaited(Machine& machine, ActionKind kind) {
  auto& lifecycle = machine.lifecycle;
  switch (kind) {
    case ActionKind::kPrepare:
      return perform(machine, after(lifecycle, prepare(machine), &Lifecycle::prepared));
    case ActionKind::kAttachNetwork:
      return callbacks_.attach_network(
          {machine.file.id, machine.file.placement.network, machine.file.address,
           machine.file.netns_path},
          when_done(machine, [](Lifecycle& of, const Result<void>& outcome) {
            return after(of, outcome, &Lifecycle::network_attached);
          }));
    case ActionKind::kSpawn:
      return spawn(machine);
    case ActionKind::kAnnounce:
      update_checks(machine);
      return callbacks_.publish(record(machine),
                                when_done(machine, [](Lifecycle& of) { return of.announced(); }));
    case ActionKind::kOpenGate:
      return machine.shim->open_gate();
    case ActionKind::kWithdraw:
      update_checks(machine);
      return callbacks_.withdraw(record(machine),
                                 when_done(machine, [](Lifecycle& of) { return of.withdrawn(); }));
    case ActionKind::kFreeze:
      return freeze(machine);
    default:  // kDetachNetwork
      return callbacks_.detach_network(
          machine.file.id, when_done(machine, [](Lifecycle& of, const Result<void>& outcome) {
            return after(of, outcome, &Lifecycle::network_detached);
          }));
  }
}

Result<void> MachineService::Impl::prepare(Machine& machine) {
  if (auto usable = check_foreign(machine); !usable) return usable;
  machine.file.desired = Desired::kStarted;
  machine.file.boot_id = options_.boot_id;
  machine.file.updated = wall_now();
  machine.exit.reset();
  machine.executed = false;
  machine.adopted = false;
  bool first = !std::exchange(machine.stored, true);
  return setup_.prepare(machine.file, first);
}

// An attached namespace must be one, not the host's, and no other machine's.
Result<void> MachineService::Impl::check_foreign(Machine& machine) const {
  if (machine.file.kind == MachineKind::kRun) return {};
  auto identity = setup_.identify_foreign(machine.file.netns_path);
  if (!identity) return identity.error();
  for (const auto& [id, other] : machines_) {
    if (id == machine.file.id) continue;
    auto theirs = other.file.kind == MachineKind::kAttached
                      ? Result<std::string>(other.file.netns_identity)
                      : namespace_identity(other.file.netns_path);
    if (theirs && *theirs == *identity)
      return Error(machine.file.netns_path + " is already machine " + to_string(id) + " of app " +
                   other.file.placement.app);
  }
  machine.file.netns_identity = *identity;
  return {};
}

void MachineService::Impl::spawn(Machine& machine) {
  retire(std::move(machine.shim));
  machine.spawn = ++last_number_;
  auto spec = setup_.make_shim_spec(machine.file);
  auto cgroup = make_cgroup(machine);
  auto shim = spec ? ShimProcess::spawn(loop_, options_.shim_path, *spec,
                                        cgroup ? cgroup->get() : -1, shim_events(machine))
                   : Result<std::unique_ptr<ShimProcess>>(spec.error());
  if (shim) {
    machine.shim = std::move(*shim);
    return;
  }
  perform(machine, machine.lifecycle.step_failed(shim.error().message));
  perform(machine, machine.lifecycle.exited());
}

// A machine without one runs as well; it is said once, and to whoever wants it suspended.
Result<Fd> MachineService::Impl::make_cgroup(const Machine& machine) {
  auto made = cgroups_.make(machine.file.id);
  if (!made && !std::exchange(told_no_cgroups_, true))
    log::warn(kRoom, "machines cannot be suspended on this host: {}", made.error().message);
  return made;
}

void MachineService::Impl::find_cgroup(Machine& machine) {
  machine.cgroup.reset();
  if (auto found = cgroups_.find(machine.file.id, machine.shim->identity().pid))
    machine.cgroup = std::move(*found);
}

// One that resumes is tried by its checks as one that starts.
void MachineService::Impl::freeze(Machine& machine) {
  machine.adopted = false;
  auto& lifecycle = machine.lifecycle;
  if (!machine.cgroup) return perform(machine, lifecycle.step_failed("it has no cgroup"));
  auto watch = FreezeWatch::watch(loop_, *machine.cgroup,
                                  when_done(machine, [](Lifecycle& of) { return of.frozen(); }));
  if (!watch) return perform(machine, lifecycle.step_failed(watch.error().message));
  machine.freezing = std::move(*watch);
  if (auto asked = machine.cgroup->freeze(); !asked)
    return perform(machine, lifecycle.step_failed(asked.error().message));
  machine.freezing->look();
}

void MachineService::Impl::thaw(Machine& machine) {
  machine.freezing.reset();
  if (!machine.cgroup) return;
  if (auto thawed = machine.cgroup->thaw(); !thawed)
    log::error(kRoom, "{}: its processes stay frozen: {}", name_of(machine),
               thawed.error().message);
}

ShimProcess::Events MachineService::Impl::shim_events(Machine& machine) {
  return {
      .on_ready = when_shim(machine, [](Impl& self, Machine& of) { self.on_ready(of); }),
      .on_executed = when_shim(machine,
                               [](Impl& self, Machine& of) {
                                 of.executed = true;
                                 self.perform(of, of.lifecycle.executed());
                               }),
      .on_failed = when_shim(machine,
                             [](Impl& self, Machine& of, const Error& error) {
                               self.perform(of, of.lifecycle.step_failed(error.message));
                             }),
      .on_exited = when_shim(machine, [](Impl& self, Machine& of) { self.on_exited(of); }),
  };
}

// Known on disk before its first instruction: an agent that dies now is followed by one that finds
// it.
void MachineService::Impl::on_ready(Machine& machine) {
  auto file = machine.shim->identity();
  file.boot_id = options_.boot_id;
  file.started = machine.started = wall_now();
  find_cgroup(machine);
  auto saved = setup_.store().save_shim(machine.file.id, file);
  perform(machine, after(machine.lifecycle, saved, &Lifecycle::process_ready));
}

void MachineService::Impl::on_exited(Machine& machine) {
  retire(std::move(machine.shim));
  machine.freezing.reset();
  machine.cgroup.reset();
  cgroups_.remove(machine.file.id);
  machine.exit = find_exit(machine);
  if (machine.exit) {
    log::info(kRoom, "{}: exited with code {}{}{}", name_of(machine), machine.exit->exit.code,
              machine.exit->reason.empty() ? "" : "; ", machine.exit->reason);
  } else {
    setup_.store().clear_run(machine.file.id);
  }
  perform(machine, machine.lifecycle.exited());
}

std::optional<ExitFile> MachineService::Impl::find_exit(Machine& machine) {
  if (!machine.executed) return std::nullopt;
  if (auto written = setup_.store().read_exit(machine.file.id)) return written;
  // Init was killed, by us or by another, and with it everything in its namespace.
  auto state = machine.lifecycle.state();
  if (state == MachineState::kStarted || state == MachineState::kSuspended)
    machine.lifecycle.set_reason(
        "its shim was killed, and all of the machine with it, or could not write exit.json");
  ExitFile report{{128 + SIGKILL, SIGKILL, wall_now()}, machine.lifecycle.reason()};
  if (auto saved = setup_.store().save_exit(machine.file.id, report); !saved)
    log::warn(kRoom, "{}: its exit is not kept: {}", name_of(machine), saved.error().message);
  return report;
}

void MachineService::Impl::retire(std::unique_ptr<ShimProcess> shim) {
  if (!shim) return;
  retired_.push_back(std::move(shim));
  loop_.post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->retired_.clear();
  });
}

void MachineService::Impl::arm_timer(Machine& machine, Duration delay) {
  auto fire = [weak = weak_from_this(), id = machine.file.id] {
    auto self = weak.lock();
    if (auto* found = self ? self->find(id) : nullptr)
      self->perform(*found, found->lifecycle.timer_fired());
  };
  machine.timer = std::make_unique<LoopTimer>(loop_, std::move(fire));
  machine.timer->arm_after(delay);
}

void MachineService::Impl::save_desired(Machine& machine) {
  machine.file.desired = machine.lifecycle.desired();
  machine.file.updated = wall_now();
  if (auto saved = setup_.store().save(machine.file); !saved)
    log::warn(kRoom, "{}: a restart of the host may not remember that it is to be {}: {}",
              name_of(machine), to_string(machine.file.desired), saved.error().message);
}

// Before the record is told: that of a machine that starts says already that no check passes yet.
void MachineService::Impl::update_checks(const Machine& machine) {
  checks_.update(machine.file, machine.lifecycle.state(),
                 machine.adopted ? CheckBegin::kRunning : CheckBegin::kStarting);
}

void MachineService::Impl::on_health(MachineId id) {
  if (auto* machine = find(id)) callbacks_.publish(record(*machine), [] {});
}

Result<ScriptTarget> MachineService::Impl::script_target(MachineId id) {
  auto* machine = find(id);
  if (machine == nullptr || !machine->shim || machine->shim->init_fd() < 0)
    return Error("no process of the machine runs");
  auto spec = setup_.make_shim_spec(machine->file);
  if (!spec) return spec.error();
  return ScriptTarget{std::move(*spec), machine->shim->init_fd(), options_.shim_path};
}

void MachineService::Impl::answer(Machine& machine, const Action& action) {
  auto waiting = std::exchange(machine.waiting[static_cast<std::size_t>(action.request)], {});
  if (waiting.empty()) return;
  auto outcome = action.error.empty() ? Result<MachineRecord>(record(machine))
                                      : Result<MachineRecord>(Error(action.error));
  loop_.post([waiting = std::move(waiting), outcome = std::move(outcome)] {
    for (const auto& done : waiting) done(outcome);
  });
}

void MachineService::Impl::remove(Machine& machine) {
  retire(std::move(machine.shim));
  checks_.remove(machine.file.id);
  if (machine.stored) setup_.remove(machine.file);
  machines_.erase(machine.file.id);
}

}  // namespace sixpn::machine
