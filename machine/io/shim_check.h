// The shim's second mode: runs one program inside a machine that runs, for a script check
// (script_probe.h). It enters the machine's namespaces and starts the program as init of a process
// id namespace of its own, so that whatever the program started ends with it, and it with the shim.
// Static, single-threaded; the shim only.
#pragma once

#include "machine/core/shim_spec.h"

namespace sixpn::machine {

// The second argument that asks for this mode.
inline constexpr const char* kShimCheckMode = "check";
inline constexpr int kShimMachineFd = 3;  // a pidfd of the machine's init
// The program could not be run; its words are on standard error.
inline constexpr int kCheckNotRun = 125;

// Exits with the program's code, or 128 and the signal that ended it.
[[noreturn]] void run_check(const ShimSpec& spec);

}  // namespace sixpn::machine
