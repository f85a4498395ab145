// Our addresses as the kernel's, and back (RFC 3493). IPv4 is in its mapped form on both sides.
//
// Called by whoever opens sockets, on any thread; nothing here allocates or fails. The pure cores
// never see a sockaddr.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstring>

#include "base/ip.h"

namespace sixpn {

inline in6_addr to_in6_addr(const Ip6& ip) {
  in6_addr address;
  std::memcpy(&address, ip.bytes.data(), sizeof address);
  return address;
}

inline Ip6 to_ip(const in6_addr& address) {
  Ip6 ip;
  std::memcpy(ip.bytes.data(), &address, ip.bytes.size());
  return ip;
}

// The scope: the interface's index of a link-local address, 0 for any other.
inline sockaddr_in6 to_sockaddr(const IpEndpoint& endpoint, std::uint32_t scope = 0) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  address.sin6_scope_id = scope;
  address.sin6_addr = to_in6_addr(endpoint.ip);
  return address;
}

inline IpEndpoint to_endpoint(const sockaddr_in6& address) {
  return {to_ip(address.sin6_addr), ntohs(address.sin6_port)};
}

}  // namespace sixpn
