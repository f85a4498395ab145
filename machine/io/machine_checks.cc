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

MachineChecks::MachineChecks(EventLoop& loop, HostId self,
                             std::function<void(MachineId)> on_changed)
    : loop_(loop),
      self_(self),
      on_changed_(std::move(on_changed)),
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
    Health before = board_.health(machine);
    plan(machine, subject, CheckBegin::kRunning);
    if (board_.health(machine) != before) changed.push_back(machine);
  }
  timer_.arm_at(board_.next_due());
  for (MachineId machine : changed) on_changed_(machine);
}

void MachineChecks::update(const MachineFile& file, MachineState state, CheckBegin begin) {
  if (state != MachineState::kStarted) return remove(file.id);
  auto [at, added] = subjects_.try_emplace(file.id);
  if (!added) return;
  at->second = {
      file.placement.network, file.placement.app, file.placement.group, file.address, nullptr, 0};
  plan(file.id, at->second, begin);
  timer_.arm_at(board_.next_due());
}

void MachineChecks::remove(MachineId machine) {
  if (subjects_.erase(machine) == 0) return;
  board_.remove(machine);
  drop_probes(machine);
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
  if (view) planned = plan_checks(view->app.services, subject.group);
  if (planned.left_out != 0 && planned.left_out != subject.left_out)
    log::warn("machine", "{} {}: {} of its checks are not run, at most {} are", subject.app,
              to_string(machine), planned.left_out, kMaxChecksPerMachine);
  subject.left_out = planned.left_out;
  subject.app_view = std::move(view);
  if (board_.set(machine, planned.checks, begin, read_clocks())) drop_probes(machine);
}

void MachineChecks::run_due() {
  for (CheckRun& run : board_.take_due(monotonic_now())) {
    const Subject& subject = subjects_.at(run.machine);
    ProbeTarget target{proxy_address(subject.network, self_), {subject.address, run.planned.port}};
    std::uint64_t number = run.number;
    auto probe = std::make_unique<CheckProbe>(
        loop_, target, run.planned.check,
        [this, number](const Verdict& verdict) { on_verdict(number, verdict); });
    probes_.emplace(number, Probe{run.machine, std::move(probe)});
  }
  timer_.arm_at(board_.next_due());
}

void MachineChecks::on_verdict(std::uint64_t run, const Verdict& verdict) {
  auto ended = probes_.extract(run);  // destroyed when this returns: it called
  auto changed = board_.on_verdict(run, verdict, read_clocks());
  timer_.arm_at(board_.next_due());
  if (changed) on_changed_(*changed);
}

}  // namespace sixpn::machine
