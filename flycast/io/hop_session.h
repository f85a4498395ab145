// HopSession: a connection from another host's proxy, from its acceptance until the machine has it:
// reads the preamble, judges it by this host's own snapshot and limits, starts the machine where it
// sleeps and the preamble wants it, connects to it, and only then answers that it is admitted; else
// it answers why not, so that the client's proxy goes elsewhere. Loop thread.
#pragma once

#include "base/fd.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// `from`: the host whose infrastructure address the connection comes from; WireGuard vouches for
// it.
void start_hop_session(ProxyState& state, Fd hop, HostId from);

}  // namespace sixpn::flycast
