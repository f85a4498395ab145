// LocalMachine: one machine of this host as its owner sees it: the record that all hosts see, and
// what only this host knows. A value.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "machine/core/check_board.h"
#include "registry/core/record.h"

namespace sixpn::machine {

enum class MachineKind : std::uint8_t {
  kRun,       // sixpn runs its process, in a namespace that sixpn made
  kAttached,  // a namespace that someone else made and keeps
};

// How a process ended: by itself with `code`, or by `signal` (then code is 128 + signal, as shells
// say).
struct Exit {
  int code = 0;
  int signal = 0;  // 0: it exited
  WallTime at{};
  friend bool operator==(const Exit&, const Exit&) = default;
};

struct LocalMachine {
  MachineRecord record;
  MachineKind kind = MachineKind::kRun;
  std::string org;
  std::string network_name;
  std::optional<pid_t> pid;  // of its command, while it runs
  std::optional<Exit> exit;  // of the last run; nothing while it runs, or when nobody saw it end
  std::string log_path;      // "" when attached
  std::string netns_path;
  std::vector<CheckResult> checks;  // of its services, while it is started
  std::string reason;               // why it is stopped, when that was not asked for; "" otherwise
};

}  // namespace sixpn::machine
