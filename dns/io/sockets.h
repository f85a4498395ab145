// Bound sockets of the resolver. IPV6_FREEBIND lets us bind fdaa::3 before the mesh room has put it
// on an interface, so that start order does not matter. Non-blocking, close-on-exec.
#pragma once

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

namespace sixpn::dns {

// Whether a socket gets what is sent to its own address, or also what nftables hands to it
// (tproxy), which was sent to another one and is answered from there: that needs CAP_NET_ADMIN.
enum class Receives { kOwn, kDiverted };

// UDP, shared between sockets of this process (SO_REUSEPORT), told of the address that was asked
// where that is not the one that it is bound to. A v4-mapped address binds IPv4 only; any other,
// IPv6 only. Errors name the endpoint, and what to do where that is known.
Result<Fd> bind_udp(const IpEndpoint& endpoint, Receives receives = Receives::kOwn);
// TCP, listening; shared likewise. Nobody else may hold the port: ask check_tcp_free()
// before the first.
Result<Fd> listen_tcp(const IpEndpoint& endpoint, Receives receives = Receives::kOwn);
// Whether the port is nobody's: sockets that share a port would share it with another process of
// the same user too, and each get half of the clients. Returns what was bound, which matters for
// port 0.
Result<IpEndpoint> check_tcp_free(const IpEndpoint& endpoint);

// Whether the kernel tells this UDP socket which address was asked.
bool is_told_address(const Fd& socket);
// What the socket is bound to, with the port that the kernel chose.
IpEndpoint local_endpoint(const Fd& socket);

}  // namespace sixpn::dns
