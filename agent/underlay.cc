#include "agent/underlay.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

std::optional<Ip6> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  Ip6 ip;
  if (address->sa_family == AF_INET6) {
    std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    return ip;
  }
  if (address->sa_family != AF_INET) return std::nullopt;
  ip = Ip6::from_words({0, 0, 0, 0, 0, 0xffff, 0, 0});
  std::memcpy(ip.bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
  return ip;
}

// Machines' host ends (sx*) and bridges of container engines lead nowhere from another host.
bool leads_out(const ifaddrs& item, const std::string& except) {
  constexpr unsigned kWanted = IFF_UP | IFF_RUNNING;
  std::string_view name = item.ifa_name;
  return (item.ifa_flags & kWanted) == kWanted && (item.ifa_flags & IFF_LOOPBACK) == 0 &&
         name != except && !name.starts_with("docker") && !name.starts_with("br-") &&
         !name.starts_with("veth") && !name.starts_with("virbr");
}

bool is_usable(const Ip6& ip) {
  bool v4_link_local = ip.is_v4_mapped() && ip.bytes[12] == 169 && ip.bytes[13] == 254;
  bool v6_link_local = ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80;
  return !v4_link_local && !v6_link_local && !kMeshPrefix.contains(ip);
}

}  // namespace

std::vector<IpEndpoint> underlay_endpoints(std::uint16_t port, const std::string& except) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, freeifaddrs);
  std::vector<IpEndpoint> endpoints;
  for (const ifaddrs* item = list; item != nullptr; item = item->ifa_next) {
    auto ip = address_of(item->ifa_addr);
    if (ip && leads_out(*item, except) && is_usable(*ip)) endpoints.push_back({*ip, port});
  }
  std::stable_partition(endpoints.begin(), endpoints.end(),
                        [](const IpEndpoint& endpoint) { return endpoint.ip.is_v4_mapped(); });
  return endpoints;
}

}  // namespace sixpn::agent
