// Underlay: the addresses of this host outside the mesh, by which other hosts may reach it.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"

namespace sixpn::agent {

// Addresses of interfaces that are up, IPv4 and global IPv6, without loopback, link-local,
// fdaa::/16 and the interface named `except` (our WireGuard device); IPv4 first, each with `port`.
std::vector<IpEndpoint> underlay_endpoints(std::uint16_t port, const std::string& except);

}  // namespace sixpn::agent
