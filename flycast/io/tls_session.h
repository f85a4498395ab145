// TlsSession: a client's connection to a port whose TLS ends here, from its acceptance, or from
// what PostgreSQL says before (postgres_session.h), until the handshake is done: then what is
// inside goes on as HTTP (http_session.h) or as bytes (client_session.h). Without a certificate for
// the org here the client is reset, the log says which command mends that. Loop thread. Limits:
// FlycastOptions::tls_handshake_timeout and max_tls_handshakes.
#pragma once

#include "base/ip.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// By the port's handlers. `client`: speaks no TLS yet.
void start_tls_session(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
                       const IpEndpoint& dialled, ClientTicket ticket);
// TLS is what comes next.
void start_tls_handshake(ProxyState& state, SessionId id, ClientStream client,
                         const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket);

}  // namespace sixpn::flycast
