// Starting the program sixpn-shim, in either of its modes: with a ShimSpec to read, one descriptor
// to work by, and nothing else of ours: no environment, no signal state, no descriptor, a session
// of its own. Who calls watches the process and reaps it. Machine loop; blocks for a fork.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "machine/core/shim_spec.h"

namespace sixpn::machine {

struct ShimStart {
  std::string program;
  std::string mode;     // its second argument; none when empty
  int working_fd = -1;  // kShimControlFd of a machine, kShimMachineFd of a check; the caller's
  int output = -1;      // of the program that it starts, the caller's; -1: nowhere
  int cgroup = -1;      // that a machine is born in, its folder, the caller's; -1: the caller's own
};

// The spec's hostname is its first argument, for whoever lists processes. The descriptors are
// duplicated: the caller may close its own when this returns.
Result<pid_t> spawn_shim(const ShimStart& start, const ShimSpec& spec);

}  // namespace sixpn::machine
