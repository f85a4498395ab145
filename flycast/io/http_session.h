// HttpSession: a client's HTTP/1 connection to a port with the handler `http`. It reads requests
// one after the other, has each one answered by a machine that the Dialer finds, and writes the
// responses in order. What was read is written anew (http1_head.h), with the fields that the proxy
// adds (header_rules.h); after a switch of protocols (WebSocket) a RelaySession takes its place.
//
// A request is sent to another machine only where http_exchange.h allows it. A response of the
// proxy's own names an error code (error_code.h). Loop thread. Memory: an idle connection holds no
// buffer; else what http_exchange.h keeps, and one chunk per direction that was not taken. Limits:
// http1_limits.h, lingering.h; times below.
#pragma once

#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Where the port's options say nothing.
inline constexpr Duration kHeadTimeout = std::chrono::seconds(30);  // from a head's first byte
inline constexpr Duration kIdleTimeout = std::chrono::seconds(60);  // between requests
// A machine's connection waits this long for the client's next request.
inline constexpr Duration kKeptMachine = std::chrono::seconds(4);

void start_http_session(ProxyState& state, SessionId id, ClientStream client,
                        const IpEndpoint& from, const IpEndpoint& dialled,
                        ClientCounts::Ticket ticket);

}  // namespace sixpn::flycast
