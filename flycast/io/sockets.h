// The room's TCP sockets: non-blocking, close-on-exec, with its options set in one place. System
// calls only; no event loop.
//
// Every stream is made to end in a reset (SO_LINGER 0) unless allow_clean_close() was called: an
// aborted session, a stop, even a crash of this process must not look like a clean end of the
// stream. Keepalive (30 s, then 3 x 10 s) finds dead ends that owe nothing; is_unanswered() those
// that do. TCP_USER_TIMEOUT would not do: it also cuts a receiver that merely stopped reading for a
// while, acknowledging every probe.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"

namespace sixpn::flycast {

// Takes connections that tproxy hands over, whatever their destination. Errors: port taken, no
// CAP_NET_ADMIN.
Result<Fd> listen_transparent(const IpEndpoint& at);
// The address need not exist yet (IPV6_FREEBIND).
Result<Fd> listen_on(const IpEndpoint& at);
// The next connection, its options inherited from the listener; an errno when there is none
// (EAGAIN).
Result<Fd> accept_stream(int listener);

enum class SourceKind {
  kOwn,          // an address of this host, which need not exist yet
  kTransparent,  // anyone's: replies reach the socket by the mesh room's `socket transparent` rule
};
// What most streams of a relay end too soon to need: keepalive, and the bound on what the kernel
// holds unsent.
enum class Lasting { kNow, kLater };
// A stream bound to (source, port of the kernel's choice at connect).
Result<Fd> open_stream(const Ip6& source, SourceKind kind, Lasting lasting = Lasting::kNow);
// Of a stream that was opened with kLater, and lasts.
void make_lasting(int stream);
// 0 when connected at once; EINPROGRESS; or why not.
int begin_connect(int stream, const IpEndpoint& remote);

// Before connect, of a stream that speaks as soon as it is connected: its first bytes carry the
// acknowledgement that completes the handshake, which is a packet less and wakes the other end
// once, not twice. Where they do not come, it goes alone after 200 ms.
void speak_at_once(int stream);

std::optional<IpEndpoint> local_endpoint(int stream);
std::optional<IpEndpoint> remote_endpoint(int stream);
// Fetches and clears the pending error of a socket.
int take_error(int stream);
// The other end reset the connection; unread bytes do not hide it.
bool is_reset(int stream);
// From here on close() sends what is left and a FIN.
void allow_clean_close(int stream);
// From here on the kernel takes as many bytes as its send buffer holds, not only so many that it
// has not sent yet: for a stream that moves much.
void allow_bulk(int stream);
// Bytes of the other end are there to be read.
bool has_input(int stream);
// As many as are there, up to `size`, and leaves them there.
std::size_t peek_input(int stream, char* into, std::size_t size);
// Readable is from here on only what has so many bytes, or has ended.
void set_least_input(int stream, int bytes);
// The other end says no more, or the connection is gone; unread bytes do not hide it.
bool has_ended(int stream);
// For what always fits into an empty send buffer, such as a frame: a short write is a failure.
bool send_whole(int stream, std::string_view bytes);
// Takes `size` bytes off what was received, or all that is there, unread.
void discard_input(int stream, std::size_t size = static_cast<std::size_t>(-1) / 2);
// Bytes written that the other end's kernel has not acknowledged; 0 when the connection is gone.
int unacknowledged(int stream);
// What was sent is being repeated, and no packet has acknowledged anything for that long. Not true
// of an end that merely does not read: it answers that it does not.
bool is_unanswered(int stream, Duration limit);
// The same of an end as near as a machine of this host, and sooner: the kernel's first repetition,
// a loss probe after 200 ms, counts. `since_written`: nothing was given to send for so long.
bool acknowledges_nothing(int stream, Duration limit, Duration since_written);

}  // namespace sixpn::flycast
