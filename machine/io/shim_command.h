// What the shim does right before a program of the machine begins, be it the machine's command or a
// check: its user, its limits, its argument lists. Failures end the process through `fail`, which
// each of the shim's two modes has its own way of telling. Static, single-threaded; the shim only.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "machine/core/shim_spec.h"

namespace sixpn::machine {

// Errors: the ids cannot be taken on.
Result<void> become_user(const ShimSpec& spec);

// The agent takes all descriptors that the system grants; a command expects the usual soft limit,
// as systemd gives it (some programs walk over every possible descriptor).
void restore_descriptor_limit();

// For exec: into `texts`, which must live on.
std::vector<char*> pointers(const std::vector<std::string>& texts);

}  // namespace sixpn::machine
