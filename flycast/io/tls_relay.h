// TlsRelay: passes bytes both ways between a client that speaks TLS to this proxy and a machine
// that gets what is inside, until both have ended. As relay.h: a clean end (close_notify) passes on
// alone as a FIN, and the other way round; anything else ends both sides in a reset. On the room's
// loop, since the bytes are copied through OpenSSL in any case. Memory: per direction at most
// kMostUntakenOfTls and one read that the other side did not take.
#pragma once

#include "flycast/io/http_stream.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

inline constexpr std::size_t kMostUntakenOfTls = 256 * 1024;

struct TlsRelayMachine {
  Fd stream;
  // Another host's proxy, which is given up when that is silent for too long; HostId{}: it is the
  // machine's own.
  HostId hop_host{};
  Duration idle_timeout{};  // without a byte in either direction; 0: none
  SessionTickets tickets;
};

void start_tls_relay(ProxyState& state, SessionId id, ClientStream client, TlsRelayMachine machine);

}  // namespace sixpn::flycast
