// ClientSession: a client's connection from its acceptance until a machine has it. Tries machines
// one after another as the balancer and the retry rules say, reading nothing from the client
// meanwhile, then becomes a relay; or resets the client, the only refusal that TCP has. Loop
// thread.
#pragma once

#include "base/fd.h"
#include "base/ip.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// `dialled`: the Flycast address and port that the client meant.
void start_client_session(ProxyState& state, Fd client, const IpEndpoint& from,
                          const IpEndpoint& dialled, ClientCounts::Ticket ticket);

}  // namespace sixpn::flycast
