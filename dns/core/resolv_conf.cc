#include "dns/core/resolv_conf.h"

#include <algorithm>
#include <sstream>
#include <string>

#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kDnsPort = 53;

// A socket bound to the unspecified address answers on every local one; loopback is what can be
// told here.
bool is_ours(const IpEndpoint& upstream, const IpEndpoint& listen) {
  static constexpr Ip6 kUnspecified{};
  static constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});
  if (upstream.port != listen.port) return false;
  return upstream.ip == listen.ip || (listen.ip == kUnspecified && upstream.ip == kLoopback);
}

}  // namespace

std::vector<IpEndpoint> parse_nameservers(std::string_view resolv_conf) {
  std::vector<IpEndpoint> found;
  std::istringstream lines{std::string(resolv_conf)};
  std::string line;
  while (found.size() < kMaxUpstreams && std::getline(lines, line)) {
    std::istringstream words(line);
    std::string keyword, value;
    words >> keyword >> value;
    auto ip = keyword == "nameserver" ? parse_ip(value) : std::nullopt;
    if (!ip) continue;
    IpEndpoint upstream{*ip, kDnsPort};
    if (std::find(found.begin(), found.end(), upstream) == found.end()) found.push_back(upstream);
  }
  return found;
}

std::vector<IpEndpoint> without_ourselves(std::vector<IpEndpoint> upstreams,
                                          const std::vector<IpEndpoint>& listen) {
  std::erase_if(upstreams, [&](const IpEndpoint& upstream) {
    if (classify(upstream.ip) == AddressKind::kResolver) return true;
    return std::any_of(listen.begin(), listen.end(),
                       [&](const IpEndpoint& own) { return is_ours(upstream, own); });
  });
  return upstreams;
}

}  // namespace sixpn::dns
