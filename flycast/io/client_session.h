// ClientSession: a client's connection of layer 4 from its acceptance until a machine has it: waits
// for the dialer, reading nothing from the client meanwhile, then becomes a relay; or resets the
// client, the only refusal that TCP has. Loop thread.
#pragma once

#include "base/ip.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// `dialled`: the Flycast address and port that the client meant. `is_known`: the registry says what
// they are, and it is no HTTP; and no TLS that is not ended yet.
void start_client_session(ProxyState& state, SessionId id, ClientStream client,
                          const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket,
                          bool is_known);

}  // namespace sixpn::flycast
