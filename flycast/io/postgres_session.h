// PostgresSession: a client's connection to a port with the handler `pg_tls`, from its acceptance
// until it is clear how it begins (core/postgres_opening.h): TLS goes on as on any port that ends
// it (tls_session.h), a request to cancel as bytes (client_session.h). A client that would speak
// without TLS is told so in its own protocol. Loop thread. Limit: tls_handshake_timeout.
#pragma once

#include "base/ip.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

void start_postgres_session(ProxyState& state, SessionId id, ClientStream client,
                            const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket);

}  // namespace sixpn::flycast
