// Userspace WireGuard: wireguard-go as a daemon that outlives the agent, controlled through its
// UAPI socket (protocol in mesh/core/uapi.h). Nothing of the daemon's state is kept here, so a new
// agent adopts a running daemon by talking to it. See make_userspace_backend in
// wireguard_backend.h.
#pragma once

#include <string>

#include "base/result.h"

namespace sixpn::mesh {

// True when a daemon serves the control socket of this interface.
bool userspace_answers(const std::string& interface);
// What starting a daemon needs. Errors: /dev/net/tun missing or forbidden, wireguard-go not
// installed, a daemon of that name in another network namespace (they share the folder of control
// sockets).
Result<void> check_userspace(const std::string& interface);

}  // namespace sixpn::mesh
