#include "machine/io/machine_service.h"

#include <algorithm>
#include <csignal>

#include "base/io/clock.h"
#include "base/log.h"
#include "machine/core/allocation.h"
#include "machine/io/machine_service_impl.h"
#include "registry/core/address.h"
#include "registry/core/keys.h"
#include "registry/core/machine_id.h"

namespace sixpn::machine {
namespace {

constexpr std::string_view kRoom = "machine";

StopPlan default_stop(const ProcessSpec& process) {
  return {parse_signal(process.kill_signal).value_or(SIGINT), process.kill_timeout};
}

// The machine field of an address: words 5 and 6.
std::uint32_t field_of(const Ip6& address) {
  return address.dword(5);
}

// When the present state began, told from what is on disk, so that a later agent tells the same.
WallTime state_since(const Machine& machine) {
  auto state = machine.lifecycle.state();
  if (machine.file.kind == MachineKind::kRun) {
    // Since it was resumed, where it was suspended.
    if (state == MachineState::kStarted && machine.shim)
      return std::max(machine.started, machine.file.updated);
    if (state == MachineState::kStopped && machine.exit) return machine.exit->exit.at;
  }
  return machine.file.updated;
}

RecordDone without_record(MachineService::Done done) {
  return [done = std::move(done)](const Result<MachineRecord>& outcome) {
    done(outcome ? Result<void>() : Result<void>(outcome.error()));
  };
}

Result<StopPlan> make_plan(const ProcessSpec& process, const std::optional<std::string>& signal,
                           std::optional<Duration> timeout) {
  auto plan = default_stop(process);
  if (signal) {
    auto number = parse_signal(*signal);
    if (!number) return Error("signal \"" + *signal + "\": expected a name such as SIGTERM");
    plan.signal = *number;
  }
  if (timeout) {
    if (*timeout < Duration::zero() || *timeout > kMaxKillTimeout)
      return Error("timeout: expected 0 to 300 seconds");
    plan.timeout = *timeout;
  }
  return plan;
}

}  // namespace

std::string name_of(const Machine& machine) {
  return machine.file.placement.app + " " + to_string(machine.file.id);
}

MachineService::Impl::Impl(EventLoop& loop, Options options, Callbacks callbacks)
    : loop_(loop),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      setup_(options_),
      rng_(random_u64()),
      checks_(loop_, options_.self,
              {.on_changed = [this](MachineId id) { on_health(id); },
               .script_target = [this](MachineId id) { return script_target(id); }}) {
  if (options_.boot_id.empty()) options_.boot_id = read_boot_id();
}

Machine* MachineService::Impl::find(MachineId id) {
  auto found = machines_.find(id);
  return found == machines_.end() ? nullptr : &found->second;
}

Machine* MachineService::Impl::find_for(MachineId id, RecordDone& done) {
  auto* machine = find(id);
  if (!machine) fail_later(std::move(done), Error("no machine " + to_string(id) + " on this host"));
  return machine;
}

void MachineService::Impl::fail_later(RecordDone done, Error error) {
  loop_.post([done = std::move(done), error = std::move(error)] { done(error); });
}

MachineRecord MachineService::Impl::record(const Machine& machine) const {
  auto made = make_record(machine.file, options_.self, options_.region, machine.lifecycle.state(),
                          state_since(machine));
  CheckSummary checks = checks_.summary(machine.file.id);
  made.health = checks.health;
  made.app_health = checks.app_health;
  made.service_health = std::move(checks.services);
  return made;
}

LocalMachine MachineService::Impl::local(const Machine& machine) const {
  LocalMachine local;
  local.record = record(machine);
  local.kind = machine.file.kind;
  local.org = machine.file.placement.org;
  local.network_name = machine.file.placement.network_name;
  if (machine.shim && machine.executed) local.pid = machine.shim->command_pid();
  if (machine.exit) local.exit = machine.exit->exit;
  if (local.kind == MachineKind::kRun) local.log_path = setup_.store().log_path(machine.file.id);
  local.netns_path = machine.file.netns_path;
  local.reason = machine.lifecycle.reason();
  local.checks = checks_.results(machine.file.id);
  return local;
}

// ---- loading
// ----------------------------------------------------------------------------------------

Result<std::vector<LocalMachine>> MachineService::Impl::load() {
  auto loaded = setup_.store().load();
  if (!loaded) return loaded.error();
  for (const auto& broken : loaded->broken) bury(broken);
  for (auto& stored : loaded->machines) restore(std::move(stored));
  return list();
}

// Nothing may run that no record names.
void MachineService::Impl::bury(const BrokenMachine& broken) {
  bool killed =
      broken.shim && broken.shim->boot_id == options_.boot_id && kill_stray_shim(*broken.shim);
  setup_.remove_namespace(broken.id);
  lost_.push_back(broken.id);
  if (broken.moved_to.empty()) return;
  log::error(kRoom, "machine {} is given up: {}; its files are kept in {}{}", to_string(broken.id),
             broken.why, broken.moved_to, killed ? ", its process was killed" : "");
}

void MachineService::Impl::restore(StoredMachine stored) {
  auto id = stored.file.id;
  auto kind = stored.file.kind;
  auto plan = default_stop(stored.file.process);
  Machine& machine =
      machines_.emplace(id, Machine(stored.file, Lifecycle(kind, plan))).first->second;
  machine.stored = true;
  machine.adopted = true;
  machine.rebooted = machine.file.boot_id != options_.boot_id;
  bool running = kind == MachineKind::kRun && adopt(machine, stored.shim);
  if (running && !setup_.has_namespace(machine.file))
    if (auto named = setup_.restore_name(id, stored.shim->pid); !named)
      log::warn(kRoom, "{}: {}", name_of(machine), named.error().message);
  bool networked = setup_.has_namespace(machine.file);
  if (kind == MachineKind::kAttached)
    running = networked = networked && machine.file.desired == Desired::kStarted;
  auto there = running ? Lifecycle::Found::kRunning : Lifecycle::Found::kNothing;
  if (machine.cgroup && machine.cgroup->is_to_be_frozen()) there = Lifecycle::Found::kFrozen;
  machine.lifecycle = Lifecycle::restored(kind, plan, machine.file.desired, there, networked);
  if (running) return;
  cgroups_.remove(id);
  if (kind == MachineKind::kRun)
    note_unseen_exit(machine, stored);
  else if (machine.file.desired == Desired::kStarted)
    machine.lifecycle.set_reason("the network namespace " + machine.file.netns_path +
                                 " that was attached is gone");
}

bool MachineService::Impl::adopt(Machine& machine, const std::optional<ShimFile>& shim) {
  if (!shim || shim->boot_id != options_.boot_id) return false;
  machine.spawn = ++last_number_;
  auto adopted = ShimProcess::adopt(loop_, *shim, shim_events(machine));
  if (!adopted) return false;
  machine.shim = std::move(*adopted);
  machine.executed = true;
  machine.started = shim->started;
  find_cgroup(machine);
  return true;
}

void MachineService::Impl::note_unseen_exit(Machine& machine, const StoredMachine& stored) {
  machine.exit = stored.exit;
  if (machine.exit) return machine.lifecycle.set_reason(machine.exit->reason);
  if (machine.file.desired != Desired::kStarted || machine.rebooted) return;
  if (stored.shim) {
    machine.exit =
        ExitFile{{128 + SIGKILL, SIGKILL, wall_now()}, "its shim was killed while no agent ran"};
    machine.lifecycle.set_reason(machine.exit->reason);
    static_cast<void>(setup_.store().save_exit(machine.file.id, *machine.exit));
  } else {
    machine.lifecycle.set_reason("the agent ended while it was starting");
  }
}

std::vector<Attachment> MachineService::Impl::attachments() const {
  std::vector<Attachment> out;
  for (const auto& [id, machine] : machines_)
    if (machine.lifecycle.networked())
      out.push_back(
          {id, machine.file.placement.network, machine.file.address, machine.file.netns_path});
  return out;
}

void MachineService::Impl::resume() {
  for (auto id : std::exchange(lost_, {})) callbacks_.erase(id);
  std::vector<MachineId> ids;
  for (const auto& [id, machine] : machines_) ids.push_back(id);
  for (auto id : ids)
    if (auto* machine = find(id)) perform(*machine, machine->lifecycle.resumed(machine->rebooted));
}

// ---- requests
// ---------------------------------------------------------------------------------------

bool MachineService::Impl::is_field_taken(std::uint32_t field) const {
  return std::any_of(machines_.begin(), machines_.end(), [field](const auto& entry) {
    return field_of(entry.second.file.address) == field;
  });
}

void MachineService::Impl::add(MachineKind kind, Placement placement, ProcessSpec process,
                               std::string netns_path, RecordDone done) {
  if (machines_.size() >= kMaxMachines)
    return fail_later(std::move(done), Error("this host has " + std::to_string(kMaxMachines) +
                                             " machines, and takes no more"));
  MachineFile file;
  file.kind = kind;
  auto address_of = [&](std::uint32_t field) {
    return machine_address(placement.network, options_.self, field);
  };
  file.address = address_of(allocate_machine_field(rng_, [&](std::uint32_t field) {
    MachineId id = machine_id_of(address_of(field));
    return is_field_taken(field) || find(id) != nullptr || setup_.is_name_taken(id);
  }));
  file.id = machine_id_of(file.address);
  file.placement = std::move(placement);
  file.process = std::move(process);
  file.netns_path = kind == MachineKind::kRun ? setup_.netns_path(file.id) : std::move(netns_path);
  file.version = make_ulid(wall_now(), rng_);
  Lifecycle lifecycle(kind, default_stop(file.process));
  auto id = file.id;
  machines_.emplace(id, Machine(std::move(file), std::move(lifecycle)));
  start(id, std::move(done));
}

void MachineService::Impl::run(RunRequest request, RecordDone done) {
  if (auto valid = validate(request); !valid) return fail_later(std::move(done), valid.error());
  add(MachineKind::kRun, std::move(request.placement), std::move(request.process), {},
      std::move(done));
}

void MachineService::Impl::attach(AttachRequest request, RecordDone done) {
  if (auto valid = validate(request); !valid) return fail_later(std::move(done), valid.error());
  add(MachineKind::kAttached, std::move(request.placement), {}, std::move(request.netns_path),
      std::move(done));
}

void MachineService::Impl::start(MachineId id, RecordDone done) {
  auto* machine = find_for(id, done);
  if (!machine) return;
  machine->waiting[static_cast<std::size_t>(Request::kStart)].push_back(std::move(done));
  perform(*machine, machine->lifecycle.start_requested());
}

void MachineService::Impl::stop(MachineId id, const std::optional<std::string>& signal,
                                std::optional<Duration> timeout, RecordDone done) {
  auto* machine = find_for(id, done);
  if (!machine) return;
  auto plan = make_plan(machine->file.process, signal, timeout);
  if (!plan) return fail_later(std::move(done), plan.error());
  machine->waiting[static_cast<std::size_t>(Request::kStop)].push_back(std::move(done));
  bool own = signal || timeout;
  perform(*machine, machine->lifecycle.stop_requested(own ? std::optional(*plan) : std::nullopt));
}

void MachineService::Impl::suspend(MachineId id, RecordDone done) {
  auto* machine = find_for(id, done);
  if (!machine) return;
  bool runs = machine->lifecycle.state() == MachineState::kStarted && machine->shim;
  if (runs && !machine->cgroup)
    return fail_later(std::move(done), Error("the machine cannot be suspended: it has no cgroup of "
                                             "its own (of version 2, on a host that has those)"));
  machine->waiting[static_cast<std::size_t>(Request::kSuspend)].push_back(std::move(done));
  perform(*machine, machine->lifecycle.suspend_requested());
}

void MachineService::Impl::destroy(MachineId id, bool force, RecordDone done) {
  auto* machine = find_for(id, done);
  if (!machine) return;
  machine->waiting[static_cast<std::size_t>(Request::kDestroy)].push_back(std::move(done));
  perform(*machine, machine->lifecycle.destroy_requested(force));
}

void MachineService::Impl::set_cordoned(MachineId id, bool cordoned, RecordDone done) {
  auto* machine = find_for(id, done);
  if (!machine) return;
  if (machine->lifecycle.desired() == Desired::kDestroyed)
    return fail_later(std::move(done), Error("machine " + to_string(id) + " is being destroyed"));
  bool was = std::exchange(machine->file.cordoned, cordoned);
  if (auto saved = setup_.store().save(machine->file); !saved) {
    machine->file.cordoned = was;
    return fail_later(std::move(done), saved.error());
  }
  MachineRecord now = record(*machine);
  callbacks_.publish(now, [done = std::move(done), now] { done(now); });
}

std::vector<LocalMachine> MachineService::Impl::list() const {
  std::vector<LocalMachine> out;
  out.reserve(machines_.size());
  for (const auto& [id, machine] : machines_) out.push_back(local(machine));
  return out;
}

MachineUses MachineService::Impl::uses() const {
  MachineUses out;
  for (const auto& [id, machine] : machines_) {
    MachineUse& use = out[id];
    if (machine.cgroup) {
      use.cpu = machine.cgroup->cpu_use();
      use.pressure = machine.cgroup->pressure_use();
      use.processes = machine.cgroup->process_use();
    }
    if (machine.exit) use.exit_code = machine.exit->exit.code;
  }
  return out;
}

std::optional<LocalMachine> MachineService::Impl::find_local(MachineId id) const {
  auto found = machines_.find(id);
  if (found == machines_.end()) return std::nullopt;
  return local(found->second);
}

// ---- the interface
// ----------------------------------------------------------------------------------

MachineService::MachineService(EventLoop& loop, Options options, Callbacks callbacks)
    : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(callbacks))) {}
MachineService::~MachineService() = default;

Result<std::vector<LocalMachine>> MachineService::load() {
  return impl_->load();
}
std::vector<Attachment> MachineService::attachments() const {
  return impl_->attachments();
}
void MachineService::resume() {
  impl_->resume();
}

void MachineService::run(RunRequest request, std::function<void(Result<MachineRecord>)> done) {
  impl_->run(std::move(request), std::move(done));
}
void MachineService::attach(AttachRequest request,
                            std::function<void(Result<MachineRecord>)> done) {
  impl_->attach(std::move(request), std::move(done));
}
void MachineService::stop(MachineId id, std::optional<std::string> signal,
                          std::optional<Duration> timeout, Done done) {
  impl_->stop(id, signal, timeout, without_record(std::move(done)));
}
void MachineService::start(MachineId id, Done done) {
  impl_->start(id, without_record(std::move(done)));
}
void MachineService::suspend(MachineId id, Done done) {
  impl_->suspend(id, without_record(std::move(done)));
}
void MachineService::destroy(MachineId id, bool force, Done done) {
  impl_->destroy(id, force, without_record(std::move(done)));
}
void MachineService::set_cordoned(MachineId id, bool cordoned, Done done) {
  impl_->set_cordoned(id, cordoned, without_record(std::move(done)));
}
void MachineService::set_snapshot(SnapshotPtr snapshot) {
  impl_->set_snapshot(std::move(snapshot));
}
std::vector<LocalMachine> MachineService::list() const {
  return impl_->list();
}
MachineUses MachineService::uses() const {
  return impl_->uses();
}
std::optional<LocalMachine> MachineService::find(MachineId id) const {
  return impl_->find_local(id);
}

}  // namespace sixpn::machine
