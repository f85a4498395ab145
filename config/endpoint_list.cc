#include "config/endpoint_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "registry/core/address.h"

namespace sixpn::config {
namespace {

constexpr Prefix6 kLinkLocal{Ip6::from_words({0xfe80, 0, 0, 0, 0, 0, 0, 0}), 10};
constexpr Prefix6 kMulticast{Ip6::from_words({0xff00, 0, 0, 0, 0, 0, 0, 0}), 8};

// "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with ":port" or with `default_port`.
std::optional<IpEndpoint> parse_endpoint_or_ip(std::string_view text, std::uint16_t default_port) {
  if (auto endpoint = parse_endpoint(text)) return endpoint;
  bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  auto ip = bracketed ? parse_ip6(text.substr(1, text.size() - 2)) : parse_ip(text);
  if (!ip) return std::nullopt;
  return IpEndpoint{*ip, default_port};
}

// "" when `endpoint` may stand in a list; else what is wrong with it.
std::string endpoint_fault(const IpEndpoint& endpoint, bool underlay_only) {
  if (endpoint.port == 0) return "the port must be 1..65535";
  if (endpoint.ip == Ip6{} || to_string(endpoint.ip) == "0.0.0.0")
    return "the unspecified address cannot be used here";
  if (kLinkLocal.contains(endpoint.ip) || kMulticast.contains(endpoint.ip))
    return "a link-local or multicast address cannot be used here";
  if (underlay_only && kMeshPrefix.contains(endpoint.ip))
    return "an address inside fdaa::/16 is reached through the mesh, and cannot carry it";
  return "";
}

}  // namespace

void read_endpoints(TableReader& table, const EndpointList& list, std::vector<IpEndpoint>& out) {
  for (const Read<std::string>& read : table.strings(list.key)) {
    auto endpoint = parse_endpoint_or_ip(read.value, list.default_port);
    if (!endpoint) {
      table.error(read.at, list.key,
                  fmt::format("expected an address such as \"192.0.2.1\", \"192.0.2.1:{0}\" or "
                              "\"[2001:db8::1]:{0}\", found \"{1}\"",
                              list.default_port, read.value));
      continue;
    }
    std::string fault = endpoint_fault(*endpoint, list.underlay_only);
    if (!fault.empty())
      table.error(read.at, list.key, fmt::format("{}: {}", read.value, fault));
    else if (std::find(out.begin(), out.end(), *endpoint) != out.end())
      table.error(read.at, list.key, fmt::format("{} is there twice", to_string(*endpoint)));
    else
      out.push_back(*endpoint);
  }
}

}  // namespace sixpn::config
