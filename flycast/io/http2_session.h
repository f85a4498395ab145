// Http2Session: a client's HTTP/2 connection to a port with the handler `http`. Http2Codec reads
// its frames, an Http2Stream per request has it answered, by HttpCall as any other request; a
// machine's connection that answered one is kept for the client's next. What has come for several
// streams goes out in one write. Decision 0116. Loop thread. Limits: of the codec, http2_stream.h,
// and those below (docs/bounds.md).
#pragma once

#include <string_view>

#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Frames that the client did not take: no more are made.
inline constexpr std::size_t kMaxHttp2Held = 256 * 1024;
// Connections to machines that wait for the client's next requests: so many for kKeptMachine, more
// for kKeptBriefly. All sessions of a loop together keep ProxyState::most_kept().
inline constexpr std::size_t kHttp2KeptLong = 32;
// Without a byte taken while there is one to send; without a request where the port's options say
// nothing.
inline constexpr Duration kHttp2IdleTimeout = std::chrono::seconds(60);

// `first`: what was read of the connection already, the preface at its beginning.
void start_http2_session(ProxyState& state, SessionId id, ClientStream client,
                         std::string_view first, const IpEndpoint& from, const IpEndpoint& dialled,
                         ClientTicket ticket);

}  // namespace sixpn::flycast
