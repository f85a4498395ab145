// The nameserver lines of resolv.conf(5), and nothing else of it: c-ares' own reader is not used
// (it has a history of faults, and knows nothing of what to skip). Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/ip.h"

namespace sixpn::dns {

inline constexpr std::size_t kMaxUpstreams = 8;

// In order, port 53, at most kMaxUpstreams, each once. Scoped addresses (fe80::1%eth0), which
// c-ares cannot dial, and what is no address are left out.
std::vector<IpEndpoint> parse_nameservers(std::string_view resolv_conf);

// Without those that would come back to us: what we listen on, and the resolver addresses of the
// mesh.
std::vector<IpEndpoint> without_ourselves(std::vector<IpEndpoint> upstreams,
                                          const std::vector<IpEndpoint>& listen);

}  // namespace sixpn::dns
