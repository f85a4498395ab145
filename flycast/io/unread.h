// Unread: whether bytes that were sent over a TCP connection can have been read by anybody, when it
// has died: what a proxy must know before it sends a request that is not idempotent once more (RFC
// 9110 section 9.2.2). A system call; called by HttpStream.
#pragma once

#include <cstdint>

namespace sixpn::flycast {

// The other end closed before anything behind the first `sent` bytes of this one reached it, so
// that nobody can have read it. Two things together say so: a FIN that acknowledged none of it (a
// close with such bytes unread resets instead, one after they were read acknowledges them), and
// behind it the reset that its kernel gives what comes for a socket that is closed. A reset alone
// proves nothing: it acknowledges nothing, whatever was read. False where it is not known.
//
// To be asked once, of a connection whose end was read: takes its pending error.
bool closed_before(int stream, std::uint64_t sent);

}  // namespace sixpn::flycast
