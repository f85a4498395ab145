// MachineChecks: runs the checks of this host's machines while they are started, and tells the
// machine service when what the cluster is told of them changed (core/check_summary.h). Which
// checks: by the app's record in the latest snapshot (core/check_plan.h), looked at again at most
// every kReplanPause. When and what of: core/check_board.h. How: check_probe.h, and for scripts
// script_probe.h. Machine loop only; owned by the machine service. Cost: one timer, and a
// descriptor per run in flight.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/io/event_loop.h"
#include "machine/core/check_summary.h"
#include "machine/core/machine_file.h"
#include "machine/io/check_probe.h"
#include "machine/io/script_probe.h"
#include "registry/core/snapshot.h"

namespace sixpn::machine {

inline constexpr Duration kReplanPause = std::chrono::milliseconds(50);

class MachineChecks {
 public:
  struct World {
    // The summary of a machine is another; never called from inside these methods.
    std::function<void(MachineId)> on_changed;
    // Where its scripts run. Errors: no process of it runs.
    std::function<Result<ScriptTarget>(MachineId)> script_target;
  };
  MachineChecks(EventLoop& loop, HostId self, World world);

  void set_snapshot(SnapshotPtr snapshot);
  // At each change of a machine's state. Only a started one is checked; `begin` says how it came to
  // be so.
  void update(const MachineFile& file, MachineState state, CheckBegin begin);
  void remove(MachineId machine);

  // That of a machine that is not checked says nothing.
  [[nodiscard]] CheckSummary summary(MachineId machine) const;
  [[nodiscard]] std::vector<CheckResult> results(MachineId machine) const {
    return board_.results(machine);
  }

 private:
  struct Subject {
    NetworkId network;
    std::string app;
    std::string group;
    Ip6 address;
    bool has_processes = true;
    AppPtr app_view;           // as last planned by
    std::vector<std::uint16_t> ports;  // of its services
    CheckSummary told;
    std::size_t left_out = 0;  // checks too many, as last told
  };

  struct Probe {
    MachineId machine;
    std::unique_ptr<CheckProbe> request;  // one of the two
    std::unique_ptr<ScriptProbe> script;
  };

  void replan();
  void plan(MachineId machine, Subject& subject, CheckBegin begin);
  [[nodiscard]] CheckSummary summarise_now(MachineId machine, const Subject& subject) const;
  // Whether it is another than was told; then it counts as told.
  bool renew(MachineId machine, Subject& subject);
  void drop_probes(MachineId machine);
  void run_due();
  Probe begin(const CheckRun& run);
  void on_verdict(std::uint64_t run, const Verdict& verdict);

  EventLoop& loop_;
  HostId self_;
  World world_;
  SnapshotPtr snapshot_;
  std::map<MachineId, Subject> subjects_;
  CheckBoard board_;
  LoopTimer timer_;
  LoopTimer replan_;
  bool will_replan_ = false;
  std::map<std::uint64_t, Probe> probes_;  // of the runs in flight
};

}  // namespace sixpn::machine
