#include "machine/io/machine_checks.h"

#include <random>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"
#include "registry/core/address.h"

namespace sixpn::machine {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

MachineChecks::MachineChecks(EventLoop& loop, HostId self, World world)
    : loop_(loop),
      self_(self),
      world_(std::move(world)),
      board_(random_seed()),
      timer_(loop, [this] { run_due(); }),
      replan_(loop, [this] { replan(); }) {}

void MachineChecks::set_snapshot(SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  if (!std::exchange(will_replan_, true)) replan_.arm_after(kReplanPause);
}

void MachineChecks::replan() {
  will_replan_ = false;
  std::vector<MachineId> changed;
  for (auto& [machine, subject] : subjects_) {
    plan(machine, subject, CheckBegin::kRunning);
    if (renew(machine, subject)) changed.push_back(machine);
  }
  timer_.arm_at(board_.next_due());
  for (MachineId machine : changed) world_.on_changed(machine);
}

void MachineChecks::update(const MachineFile& file, MachineState state, CheckBegin begin) {
  if (state != MachineState::kStarted) return remove(file.id);
  auto [at, added] = subjects_.try_emplace(file.id);
  if (!added) return;
  Subject& subject = at->second;
  subject.network = file.placement.network;
  subject.app = file.placement.app;
  subject.group = file.placement.group;
  subject.address = file.address;
  subject.has_processes = file.kind == MachineKind::kRun;
  plan(file.id, subject, begin);
  renew(file.id, subject);
  timer_.arm_at(board_.next_due());
}

void MachineChecks::remove(MachineId machine) {
  if (subjects_.erase(machine) == 0) return;
  board_.remove(machine);
  drop_probes(machine);
}

CheckSummary MachineChecks::summarise_now(MachineId machine, const Subject& subject) const {
  return summarise(board_.results(machine), subject.ports);
}

bool MachineChecks::renew(MachineId machine, Subject& subject) {
  CheckSummary now = summarise_now(machine, subject);
  if (now == subject.told) return false;
  subject.told = std::move(now);
  return true;
}

CheckSummary MachineChecks::summary(MachineId machine) const {
  auto found = subjects_.find(machine);
  return found == subjects_.end() ? CheckSummary{} : found->second.told;
}

void MachineChecks::drop_probes(MachineId machine) {
  std::erase_if(probes_, [&](const auto& entry) { return entry.second.machine == machine; });
}

// An app that is not in the snapshot (yet) has no checks.
void MachineChecks::plan(MachineId machine, Subject& subject, CheckBegin begin) {
  const NetworkView* network = snapshot_ ? snapshot_->find_network(subject.network) : nullptr;
  if (network == nullptr) return;
  auto app = network->apps.find(subject.app);
  AppPtr view = app == network->apps.end() ? nullptr : app->second;
  if (view == subject.app_view && view != nullptr) return;
  CheckPlan planned;
  if (view) planned = plan_checks(view->app, subject.group, subject.has_processes);
  if (planned.left_out != 0 && planned.left_out != subject.left_out)
    log::warn("machine", "{} {}: {} of its checks are not run, at most {} are", subject.app,
              to_string(machine), planned.left_out, kMaxChecksPerMachine);
  subject.left_out = planned.left_out;
  subject.ports = std::move(planned.ports);
  subject.app_view = std::move(view);
  if (board_.set(machine, planned.checks, begin, read_clocks())) drop_probes(machine);
}

void MachineChecks::run_due() {
  for (const CheckRun& run : board_.take_due(monotonic_now()))
    probes_.emplace(run.number, begin(run));
  timer_.arm_at(board_.next_due());
}

MachineChecks::Probe MachineChecks::begin(const CheckRun& run) {
  const Subject& subject = subjects_.at(run.machine);
  const ServiceCheck& check = run.planned.check;
  auto done = [this, number = run.number](const Verdict& verdict) { on_verdict(number, verdict); };
  Probe probe{run.machine, nullptr, nullptr};
  if (check.kind != CheckKind::kScript) {
    ProbeTarget target{proxy_address(subject.network, self_), {subject.address, run.planned.port}};
    probe.request = std::make_unique<CheckProbe>(loop_, target, check, done);
  } else {
    auto target = world_.script_target(run.machine);
    probe.script = std::make_unique<ScriptProbe>(loop_, target, check, done);
  }
  return probe;
}

void MachineChecks::on_verdict(std::uint64_t run, const Verdict& verdict) {
  auto ended = probes_.extract(run);  // destroyed when this returns: it called
  auto changed = board_.on_verdict(run, verdict, read_clocks());
  timer_.arm_at(board_.next_due());
  if (changed && renew(*changed, subjects_.at(*changed))) world_.on_changed(*changed);
}

}  // namespace sixpn::machine
