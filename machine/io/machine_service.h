// MachineService: the machines of this host. Runs processes in network namespaces of their own,
// attaches namespaces that others made, notices exits, keeps everything on disk, and finds it again
// after the agent or the host restarted. What others see of a machine leaves through the callbacks;
// the service knows neither registry nor mesh. The rules are in machine/core/lifecycle.h; this
// performs them.
//
// Machine loop only. Completions (`done`) are called on this loop, once each, from a posted task or
// from inside a later event, never from inside the call that takes them. Destroying the service
// leaves every machine running: each is held by a shim process (machine/io/shim_main.cc) that needs
// no agent. A start that was not yet published dies with the agent instead, so no process ever runs
// that DNS does not know.
//
// Limits: kMaxMachines on a host; requests are bounded in core/run_request.h. Idle cost: none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "machine/core/local_machine.h"
#include "machine/core/machine_use.h"
#include "machine/core/run_request.h"
#include "registry/core/attachment.h"
#include "registry/core/snapshot.h"

namespace sixpn::machine {

inline constexpr std::size_t kMaxMachines = 4096;

class MachineService {
 public:
  struct Options {
    std::string state_dir;  // machines live in <state_dir>/machines
    std::string shim_path;  // the program sixpn-shim
    HostId self;
    std::string host_name;
    std::string region;
    std::string netns_dir = "/run/netns";      // named namespaces, as of `ip netns`
    std::string etc_netns_dir = "/etc/netns";  // files that `ip netns exec` binds over /etc
    std::string boot_id;                       // "": the kernel's; tests pretend a reboot
  };

  using Done = std::function<void(Result<void>)>;
  using Completed = std::function<void()>;

  // Called on this loop. Each `done` must be called exactly once, at any time, on this loop.
  struct Callbacks {
    // The record changed: tell the cluster. `done` once answers given on this host contain it.
    std::function<void(MachineRecord, Completed done)> publish;
    // As publish, for a machine about to stop (state `stopping`): `done` once no answer given on
    // this host names it any more.
    std::function<void(MachineRecord, Completed done)> withdraw;
    // The machine is destroyed: write its tombstone.
    std::function<void(MachineId)> erase;
    // The mesh room's attach and detach; both idempotent.
    std::function<void(Attachment, Done done)> attach_network;
    std::function<void(MachineId, Done done)> detach_network;
  };

  MachineService(EventLoop& loop, Options options, Callbacks callbacks);
  ~MachineService();
  MachineService(const MachineService&) = delete;
  MachineService& operator=(const MachineService&) = delete;

  // Reads the state folder and adopts what still runs; call once, before anything else. Calls no
  // callback. A machine whose files cannot be read is set aside with a logged reason and the others
  // go on. Errors: the state folder cannot be made or read.
  Result<std::vector<LocalMachine>> load();

  // Machines whose namespace is there: what the mesh must have attached. Give it to the mesh room
  // after load() and before resume().
  [[nodiscard]] std::vector<Attachment> attachments() const;

  // After load(), once mesh and registry are ready: publishes every machine, starts again what a
  // reboot of the host ended, and finishes stops and destroys that the agent's end interrupted.
  void resume();

  // Makes a machine and starts its command. Completes when the command has been executed. A machine
  // whose first start fails leaves nothing behind. Errors: a bad request, too many machines, state
  // folder full or read-only, command not found, no namespace, network not attached.
  void run(RunRequest request, std::function<void(Result<MachineRecord>)> done);

  // Errors as run, and: netns path missing, not a network namespace, the host's own, already a
  // machine's.
  void attach(AttachRequest request, std::function<void(Result<MachineRecord>)> done);

  // Withdraws, then asks the process to end: `signal` (default the machine's kill_signal), after
  // `timeout` (default its kill_timeout) SIGTERM, then SIGKILL for whatever is left. An attached
  // machine is detached from its network. Completes when it is stopped: at once when it is already,
  // after the start when it is starting. A second stop that names a signal or timeout takes the
  // place of the first. Errors: no such machine, bad signal or timeout.
  void stop(MachineId id, std::optional<std::string> signal, std::optional<Duration> timeout,
            Done done);

  // Completes when the command has been executed, or the machine's processes go on where it was
  // suspended; at once when it already runs. Errors as run, and: no such machine, being stopped or
  // destroyed.
  void start(MachineId id, Done done);

  // Withdraws, then freezes all of the machine's processes (io/machine_cgroup.h): they keep their
  // memory and run again at the next start. Completes when they are frozen. After a reboot of the
  // host the machine is stopped. Errors: no such machine, attached, not started, no cgroup of its
  // own, not frozen within kFreezeTimeout (then it goes on).
  void suspend(MachineId id, Done done);

  // Removes a stopped or suspended machine and all its files, log included; `force` kills a running
  // one first. Errors: no such machine, running and not forced, an attached one's network cannot be
  // detached.
  void destroy(MachineId id, bool force, Done done);

  // A cordoned machine goes on as it is and gets no new connection from Flycast; kept on disk.
  // Completes once answers given on this host heed it. Errors: no such machine, being destroyed,
  // the disk (then nothing is changed).
  void set_cordoned(MachineId id, bool cordoned, Done done);

  // The registry, for the checks of the machines. What they find reaches the cluster as the health
  // of the machine's record and of its services, when it changes; a failing check stops nothing.
  void set_snapshot(SnapshotPtr snapshot);

  [[nodiscard]] std::vector<LocalMachine> list() const;  // by id
  [[nodiscard]] MachineUses uses() const;
  [[nodiscard]] std::optional<LocalMachine> find(MachineId id) const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::machine
