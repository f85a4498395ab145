// Lifecycle: the state machine of one machine. Events in, actions out; what is awaited is a phase.
// It decides the order that keeps names honest: a machine is published before its first instruction
// runs, withdrawn before it is asked to end, and its files go only when nothing of it runs. Not
// here: how any of it is done (machine/io/machine_service.h performs the actions and reports back
// by the events).
//
// States are Fly's (fly.md 6.1): created, starting, started, stopping, stopped, suspending,
// suspended, destroying, destroyed. A suspended machine is withdrawn, and its processes are there
// and do not run; on disk it is one to be stopped, which it is after a reboot. Every event may come
// at any time: one that does not fit the phase changes nothing.
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/core/local_machine.h"
#include "registry/core/record.h"

namespace sixpn::machine {

// A process that did not get to its first instruction by then is killed: the start has failed.
inline constexpr Duration kStartTimeout = std::chrono::seconds(10);
// Processes that cannot be frozen by then (they wait for a disk) go on: the suspend has failed.
inline constexpr Duration kFreezeTimeout = std::chrono::seconds(10);
// Between SIGTERM and SIGKILL.
inline constexpr Duration kTermGrace = std::chrono::seconds(2);

// What the user wants of the machine; kept on disk, decides what happens after a restart.
enum class Desired : std::uint8_t { kStarted = 1, kStopped, kDestroyed };
std::string_view to_string(Desired desired);
std::optional<Desired> parse_desired(std::string_view text);

// How to ask the process to end, and how long to wait before insisting.
struct StopPlan {
  int signal = SIGINT;
  Duration timeout{};
  friend bool operator==(const StopPlan&, const StopPlan&) = default;
};

enum class Request : std::uint8_t { kStart, kStop, kDestroy, kSuspend };
inline constexpr std::size_t kRequests = 4;

enum class ActionKind : std::uint8_t {
  // Awaited: the last of their list, each answered by the event named, or by step_failed() where it
  // says so.
  kPrepare,        // write files (desired: started), make the namespace: prepared(), may fail
  kAttachNetwork,  // network_attached(), may fail
  kSpawn,          // process held at its gate: process_ready(), may fail (then exited() follows)
  kAnnounce,       // publish the record, state started: announced()
  kOpenGate,       // executed(), may fail (then exited() follows)
  kWithdraw,       // publish the record, state stopping or suspending: withdrawn()
  kDetachNetwork,  // network_detached(), may fail
  kFreeze,         // all of its processes: frozen(), may fail
  // At once.
  kPublish,      // the record with state(), nobody waits
  kSignal,       // `signal` to the process; SIGKILL to all of the machine
  kThaw,         // undoes kFreeze, also one under way
  kArmTimer,     // timer_fired() after `delay`
  kCancelTimer,  //
  kSaveDesired,  // desired() changed: write it, best effort
  kErase,        // the record's tombstone
  kRemove,       // namespace (if ours) and folder; the machine is gone
  kAnswer,       // completes all waiting requests of kind `request`, with `error` unless empty
};

struct Action {
  ActionKind kind{};
  int signal = 0;
  Duration delay{};
  Request request{};
  std::string error;
  friend bool operator==(const Action&, const Action&) = default;
};
using Actions = std::vector<Action>;
std::string to_string(const Action& action);

class Lifecycle {
 public:
  // A new machine: its first start is begun by start_requested(), and leaves nothing behind if it
  // fails.
  Lifecycle(MachineKind kind, StopPlan default_stop);

  // What is there of a machine that is read back from disk.
  enum class Found : std::uint8_t {
    kNothing,
    kRunning,  // its process lives (attached: its namespace is there and it was started)
    kFrozen,   // its process lives, and is frozen
  };
  // `networked`: its namespace is there, so the mesh has or will have it attached.
  static Lifecycle restored(MachineKind kind, StopPlan default_stop, Desired desired, Found found,
                            bool networked);
  // Once for a restored machine. `rebooted`: the host restarted since it was last started.
  Actions resumed(bool rebooted);

  // Requests. Each is answered by exactly one kAnswer; those of one kind that wait together,
  // together.
  Actions start_requested();
  Actions stop_requested(std::optional<StopPlan> plan);
  // A suspended machine is started by start_requested() and ended by stop_requested().
  Actions suspend_requested();
  Actions destroy_requested(bool force);

  // What became of actions.
  Actions prepared();
  Actions network_attached();
  Actions process_ready();
  Actions announced();
  Actions executed();
  Actions withdrawn();
  Actions network_detached();
  Actions frozen();
  Actions step_failed(const std::string& why);
  Actions timer_fired();
  // Nothing of the machine runs any more.
  Actions exited();

  [[nodiscard]] MachineState state() const { return state_; }
  [[nodiscard]] Desired desired() const { return desired_; }
  [[nodiscard]] bool networked() const { return networked_; }
  // Why it is stopped, when that was not asked for; how it had to be killed.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  void set_reason(std::string reason) { reason_ = std::move(reason); }
  // For tests: a sentence when the members contradict each other.
  [[nodiscard]] std::optional<std::string> check_invariants() const;

 private:
  enum class Phase : std::uint8_t {
    kRest,       // nothing is awaited but requests, and exited() while running
    kPrepare,    // starting, in this order
    kAttach,     //
    kSpawn,      //
    kAnnounce,   //
    kExecute,    //
    kAbort,      // starting failed, the killed process is still ending
    kRollback,   // first start failed, the network is being detached
    kWithdraw,   // stopping, in this order
    kSignalled,  //
    kDetach,     // stopping an attached machine
    kDestroy,    // destroying, the network is being detached
    kRetreat,    // suspending, in this order: withdrawn
    kFreeze,     //
    kResume,     // suspended before, being announced
  };

  [[nodiscard]] bool is_starting() const;
  [[nodiscard]] bool is_stopping() const;
  [[nodiscard]] bool is_suspending() const;
  Actions begin_start();
  Actions complete_start();
  Actions abort_start(const std::string& why);
  Actions fail_start();
  Actions begin_stop(StopPlan plan);
  Actions send_signal(StopPlan plan);
  Actions complete_stop(const std::string& error);
  Actions begin_resume();
  Actions undo_suspend(const std::string& why);
  Actions complete_resume();
  Actions take_place_of(const std::string& what);  // answers what a stop puts an end to
  Actions begin_destroy();
  Actions complete_destroy();
  Actions go_on();  // what was asked for while something else was under way

  MachineKind kind_;
  StopPlan default_stop_;
  MachineState state_ = MachineState::kCreated;
  Desired desired_ = Desired::kStarted;
  Phase phase_ = Phase::kRest;
  bool first_start_ = true;  // no start has succeeded yet
  bool process_ = false;     // a process may exist
  bool frozen_ = false;      // or is being frozen
  bool networked_ = false;
  bool published_ = false;
  StopPlan plan_;  // of the stop under way
  std::optional<StopPlan> then_stop_;
  bool then_destroy_ = false;
  std::string failure_;  // of the start under way
  std::string reason_;
};

}  // namespace sixpn::machine
