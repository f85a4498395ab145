// Begins what a client's connection is to be: a session of HTTP, of TLS or of plain streams, by the
// port that it dialled. Loop thread.
#pragma once

#include "base/fd.h"
#include "base/ip.h"
#include "flycast/io/guarded.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// On the loop that has it from here on. Not taken further, the stream is reset as it is destroyed.
void start_session(ProxyState& state, Fd stream, const IpEndpoint& from, const IpEndpoint& dialled,
                   ClientTicket ticket);

}  // namespace sixpn::flycast
