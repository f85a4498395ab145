// MachineCgroups: a control group (v2) for each machine, below the agent's own, in which its
// processes are born (shim_main.cc) and by which they are frozen all at once. A frozen process runs
// no instruction and keeps its memory, descriptors and connections; SIGKILL ends it all the same.
// No controller is used, so none has to be delegated; the kernel only needs the v2 hierarchy,
// mounted and writable (also beside v1). Where it is not, machines run without, and cannot be
// suspended. Files of the kernel, read and written without waiting. Machine loop.
//
// FreezeWatch: tells when a cgroup is frozen, by inotify: one descriptor while it waits.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/ids.h"
#include "base/io/event_loop.h"
#include "base/result.h"
#include "machine/core/machine_use.h"

namespace sixpn::machine {

inline constexpr std::size_t kMostProcessesRead = 1024;
inline constexpr std::size_t kMostFilesRead = 65'536;

// One machine's.
class MachineCgroup {
 public:
  explicit MachineCgroup(std::string path) : path_(std::move(path)) {}

  // Asks the kernel to freeze all that is in it: done when is_frozen().
  [[nodiscard]] Result<void> freeze() const;
  [[nodiscard]] Result<void> thaw() const;
  // All of its processes are frozen by now.
  [[nodiscard]] bool is_frozen() const;
  // It was asked to, and not to thaw since.
  [[nodiscard]] bool is_to_be_frozen() const;
  // Nothing where the kernel does not tell.
  [[nodiscard]] std::optional<CpuUse> cpu_use() const;
  [[nodiscard]] std::optional<PressureUse> pressure_use() const;
  // Looks at each of its processes. Nothing of more than kMostProcessesRead; of one with more open
  // files than kMostFilesRead, so many.
  [[nodiscard]] std::optional<ProcessUse> process_use() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class MachineCgroups {
 public:
  // Looks where this process itself is. Errors are kept: each call gives them.
  MachineCgroups();

  // Makes the machine's cgroup if need be, open as clone3 wants it.
  [[nodiscard]] Result<Fd> make(MachineId machine) const;
  // Of a machine that runs; `init` is its first process. Errors: it was started without one.
  [[nodiscard]] Result<MachineCgroup> find(MachineId machine, pid_t init) const;
  // Once nothing of the machine runs. Best effort: an empty cgroup costs nothing.
  void remove(MachineId machine) const;

 private:
  [[nodiscard]] std::string path_of(MachineId machine) const;

  Result<std::string> folder_;  // of the agent's own cgroup
};

class FreezeWatch {
 public:
  // `on_frozen` once, from the loop or from look().
  static Result<std::unique_ptr<FreezeWatch>> watch(EventLoop& loop, const MachineCgroup& cgroup,
                                                    std::function<void()> on_frozen);
  FreezeWatch(const FreezeWatch&) = delete;
  FreezeWatch& operator=(const FreezeWatch&) = delete;

  // Whether it is frozen by now.
  void look();

 private:
  FreezeWatch(MachineCgroup cgroup, Fd events, std::function<void()> on_frozen);
  void drain() const;

  MachineCgroup cgroup_;
  Fd events_;
  std::function<void()> on_frozen_;
  std::optional<FdWatch> watch_;
};

}  // namespace sixpn::machine
