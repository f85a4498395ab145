// MachineService::Impl: the machines of this host and what each waits for. Included by
// machine_service.cc (requests, loading) and machine_actions.cc (performing what the lifecycles
// decide), by nothing else.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "machine/core/lifecycle.h"
#include "machine/core/machine_file.h"
#include "machine/io/machine_cgroup.h"
#include "machine/io/machine_checks.h"
#include "machine/io/machine_service.h"
#include "machine/io/machine_setup.h"
#include "machine/io/shim_process.h"

namespace sixpn::machine {

using RecordDone = std::function<void(Result<MachineRecord>)>;

struct Machine {
  Machine(MachineFile of, Lifecycle in) : file(std::move(of)), lifecycle(std::move(in)) {}

  MachineFile file;
  Lifecycle lifecycle;
  bool stored = false;    // its folder exists
  bool executed = false;  // its command runs, or ran
  bool rebooted = false;  // the host did, since it was last started
  bool adopted = false;   // it runs since before this agent
  WallTime started{};     // its command
  std::optional<ExitFile> exit;
  std::unique_ptr<ShimProcess> shim;
  std::unique_ptr<LoopTimer> timer;
  std::optional<MachineCgroup> cgroup;  // while it runs; none: it cannot be frozen
  std::unique_ptr<FreezeWatch> freezing;
  std::uint64_t step = 0;   // number of the awaited step; completions of others come too late
  std::uint64_t spawn = 0;  // number of the shim whose events count
  std::array<std::vector<RecordDone>, kRequests> waiting{};  // by Request
};

class MachineService::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, Options options, Callbacks callbacks);

  Result<std::vector<LocalMachine>> load();
  void resume();
  void run(RunRequest request, RecordDone done);
  void attach(AttachRequest request, RecordDone done);
  void stop(MachineId id, const std::optional<std::string>& signal, std::optional<Duration> timeout,
            RecordDone done);
  void start(MachineId id, RecordDone done);
  void suspend(MachineId id, RecordDone done);
  void destroy(MachineId id, bool force, RecordDone done);
  void set_cordoned(MachineId id, bool cordoned, RecordDone done);
  void set_snapshot(SnapshotPtr snapshot) { checks_.set_snapshot(std::move(snapshot)); }
  [[nodiscard]] std::vector<Attachment> attachments() const;
  [[nodiscard]] std::vector<LocalMachine> list() const;
  [[nodiscard]] MachineUses uses() const;
  [[nodiscard]] std::optional<LocalMachine> find_local(MachineId id) const;

 private:
  // machine_service.cc
  Machine* find(MachineId id);
  // The machine, or nothing after `done` was told that there is none.
  Machine* find_for(MachineId id, RecordDone& done);
  [[nodiscard]] LocalMachine local(const Machine& machine) const;
  [[nodiscard]] MachineRecord record(const Machine& machine) const;
  void restore(StoredMachine stored);
  bool adopt(Machine& machine, const std::optional<ShimFile>& shim);
  void note_unseen_exit(Machine& machine, const StoredMachine& stored);
  void bury(const BrokenMachine& broken);
  void add(MachineKind kind, Placement placement, ProcessSpec process, std::string netns_path,
           RecordDone done);
  [[nodiscard]] bool is_field_taken(std::uint32_t field) const;
  void fail_later(RecordDone done, Error error);

  // machine_actions.cc
  void perform(Machine& machine, const Actions& actions);
  void perform(Machine& machine, const Action& action);
  void perform_awaited(Machine& machine, ActionKind kind);
  Result<void> prepare(Machine& machine);
  [[nodiscard]] Result<void> check_foreign(Machine& machine) const;
  void spawn(Machine& machine);
  Result<Fd> make_cgroup(const Machine& machine);
  void find_cgroup(Machine& machine);
  void freeze(Machine& machine);
  void thaw(Machine& machine);
  void remove(Machine& machine);
  void answer(Machine& machine, const Action& action);
  void arm_timer(Machine& machine, Duration delay);
  void save_desired(Machine& machine);
  void update_checks(const Machine& machine);
  void on_health(MachineId id);
  Result<ScriptTarget> script_target(MachineId id);
  ShimProcess::Events shim_events(Machine& machine);
  void on_ready(Machine& machine);
  void on_exited(Machine& machine);
  // How the command ended; nothing when it never began.
  std::optional<ExitFile> find_exit(Machine& machine);
  // Destroyed by a posted task: this may be called from inside one of its events.
  void retire(std::unique_ptr<ShimProcess> shim);

  // The completion of a step: `event` is asked what to do next, unless the machine is gone or moved
  // on.
  template <class Event>
  auto when_done(Machine& machine, Event event);
  // The same for events of the machine's present shim.
  template <class Event>
  auto when_shim(Machine& machine, Event event);

  EventLoop& loop_;
  Options options_;
  Callbacks callbacks_;
  MachineSetup setup_;
  MachineCgroups cgroups_;
  bool told_no_cgroups_ = false;
  Rng rng_;
  std::uint64_t last_number_ = 0;  // of steps and spawns
  std::map<MachineId, Machine> machines_;
  MachineChecks checks_;
  std::vector<MachineId> lost_;  // their files were unusable at load(): erased at resume()
  std::vector<std::unique_ptr<ShimProcess>> retired_;
};

// "web 148e21dad76789", for logs.
std::string name_of(const Machine& machine);

}  // namespace sixpn::machine
