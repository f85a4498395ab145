// The view of the system that a machine's processes get: their own network, mount, UTS, IPC and pid
// namespaces, host name, /etc/resolv.conf and /etc/hosts, /proc and /sys. Part of sixpn-shim only:
// a single-threaded process, root.
#pragma once

#include "base/result.h"
#include "machine/core/shim_spec.h"

namespace sixpn::machine {

// Moves the calling process into the machine's namespaces; its next child is init of the new pid
// namespace.
Result<void> enter_namespaces(const ShimSpec& spec);

// In that child. The host sees none of the mounts; unmounts on the host reach the machine, so that
// it pins nothing. Errors: which mount failed.
Result<void> make_machine_view(const ShimSpec& spec);

}  // namespace sixpn::machine
