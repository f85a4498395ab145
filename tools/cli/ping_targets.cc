#include "tools/cli/ping_targets.h"

#include <fmt/format.h>

#include "registry/core/address.h"

namespace sixpn::cli {

namespace {

// "web 148e21dad76789, fra", "host b, fra" or "".
std::string label_of(JsonView status, const Ip6& address) {
  const std::string text = to_string(address);
  for (const JsonView& machine : status["machines"].items())
    if (machine["address"].text() == text)
      return fmt::format("{} {}, {}", machine["app"].text(), machine["id"].text(),
                         machine["region"].text());
  for (const JsonView& host : status["hosts"].items())
    if (host["address"].text() == text)
      return fmt::format("host {}, {}", host["name"].text(), host["region"].text());
  return "";
}

}  // namespace

std::optional<Ip6> find_direct_address(JsonView status, const std::string& target) {
  if (auto address = parse_ip6(target)) return address;
  for (const JsonView& host : status["hosts"].items())
    if (host["name"].text() == target) return parse_ip6(host["address"].text());
  return std::nullopt;
}

Result<std::vector<PingTarget>> make_ping_targets(JsonView status,
                                                  const std::vector<Ip6>& addresses) {
  auto own = parse_ip6(status["host"]["address"].text());
  auto self = own ? host_from_address(*own) : std::nullopt;
  if (!self) return Error("the agent does not know its own address yet");
  std::vector<PingTarget> targets;
  for (const Ip6& address : addresses) {
    if (!kMeshPrefix.contains(address))
      return Error(fmt::format("{} is not an address of the mesh ({})", to_string(address),
                               to_string(kMeshPrefix)));
    NetworkId network = network_of(address);
    Ip6 source = network == kInfrastructureNetwork ? *own : proxy_address(network, *self);
    targets.push_back({address, source, label_of(status, address)});
  }
  return targets;
}

}  // namespace sixpn::cli
