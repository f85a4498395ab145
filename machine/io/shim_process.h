// ShimProcess: the agent's side of one sixpn-shim: starts it or adopts one that runs, opens its
// gate, signals it, and notices its end by pidfd. Machine loop only; no polling. Destroying it
// leaves an executed command running and kills one that still waits at its gate.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "machine/core/machine_file.h"
#include "machine/core/shim_spec.h"

namespace sixpn::machine {

// /proc/sys/kernel/random/boot_id; "" if it cannot be read.
std::string read_boot_id();

// SIGKILL to a shim of this boot that nobody will adopt, and so to all of its machine. False if it
// does not run.
bool kill_stray_shim(const ShimFile& file);

class ShimProcess {
 public:
  // Called from the loop, never from inside a method. on_ready, then on_executed or on_failed;
  // on_failed may come instead of on_ready. on_exited is the last, always: nothing of the machine
  // runs any more. The object must not be destroyed inside a call (post it).
  struct Events {
    std::function<void()> on_ready;
    std::function<void()> on_executed;
    std::function<void(Error)> on_failed;
    std::function<void()> on_exited;
  };

  // `cgroup`: the folder of the cgroup that the machine is born in; negative: none of its own.
  // Errors: the program cannot be executed, no more descriptors or processes. Then no event
  // follows.
  static Result<std::unique_ptr<ShimProcess>> spawn(EventLoop& loop, const std::string& program,
                                                    const ShimSpec& spec, int cgroup,
                                                    Events events);
  // A shim started by an earlier agent. Errors: it does not run any more (or its pid is another's
  // now).
  static Result<std::unique_ptr<ShimProcess>> adopt(EventLoop& loop, const ShimFile& file,
                                                    Events events);

  ~ShimProcess();
  ShimProcess(const ShimProcess&) = delete;
  ShimProcess& operator=(const ShimProcess&) = delete;

  // After on_ready.
  void open_gate();
  // To the command's process group; SIGKILL to the whole machine. A shim that is gone takes none.
  void signal(int number);
  // For shim.json; complete after on_ready but for `boot_id` and `started`, which the caller knows.
  [[nodiscard]] ShimFile identity() const;
  [[nodiscard]] pid_t command_pid() const;
  // A pidfd of the machine's init, by which its namespaces can be entered; ours. Negative before
  // on_ready and after its end.
  [[nodiscard]] int init_fd() const;

 private:
  struct Impl;
  explicit ShimProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::machine
