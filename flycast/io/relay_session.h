// RelaySession: passes bytes both ways between two streams until both have ended, and is as
// transparent as two sockets allow: a FIN passes on alone (half-close), a reset passes on as a
// reset after what was read before it, and nothing is cut for being idle. A side that does not read
// stops the other side from being read: per direction at most one chunk is held, besides the
// kernel's buffers. Loop thread.
//
// It knows nothing of the registry: a session lives on, whatever the snapshots say.
#pragma once

#include <memory>

#include "base/fd.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Takes the place of session `id`, and starts.
void start_relay(ProxyState& state, SessionId id, Fd client, Fd machine, SessionTickets tickets);

}  // namespace sixpn::flycast
