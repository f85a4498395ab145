// Http2Machine: speaks HTTP/2 with a machine (h2_backend) in the place of an HttpCall, which speaks
// HTTP/1: a session between a pair of sockets, whose other end the call takes for the machine, and
// the machine's own connection. Bodies and trailers pass in both directions at once; what either
// side has not taken closes the other's window. A reset of the machine's cuts the response for the
// call, with its reason beside; a call that goes before the response is whole resets the stream
// (CANCEL). A request that is larger than what the machine takes is answered here, with 431: the
// machine is not to blame. It has no time limits: the call has. Decision 0116. Loop thread. Memory:
// of a request kMaxHttp2Untaken and one read, of a response the window.
#pragma once

#include <cstdint>
#include <memory>

#include "base/fd.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

// Of a request, and not yet in frames: the call is not read.
inline constexpr std::size_t kMaxHttp2Untaken = 64 * 1024;

// Why the machine reset the request, by RFC 9113 section 7; 0 while it did not.
using Http2Reason = std::shared_ptr<std::uint32_t>;
// In its place, and no code of that section: the response is ours, the machine had not been asked.
inline constexpr std::uint32_t kAnsweredHere = 0xffffffff;

// The call's end of the pair; invalid where there are no descriptors, as a connection that is
// broken. `machine`: connected, and nothing was sent.
Fd speak_http2(ProxyState& state, Fd machine, Http2Reason reason);

}  // namespace sixpn::flycast
