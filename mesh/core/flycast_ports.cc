#include "mesh/core/flycast_ports.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mesh/core/firewall.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"
#include "registry/core/tls_authority.h"

namespace sixpn::mesh {
namespace {

using PortRange = std::pair<std::uint16_t, std::uint16_t>;  // first..last

// Sorted, and apart: the kernel takes no overlapping intervals, and a record is whoever's word.
std::vector<PortRange> merged(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<PortRange> out;
  for (const PortRange& range : ranges) {
    if (range.first > range.second) continue;
    if (out.empty() || range.first > out.back().second) {
      out.push_back(range);
    } else {
      out.back().second = std::max(out.back().second, range.second);
    }
  }
  return out;
}

std::vector<PortRange> ports_of(const AppRecord& app, bool with_tls) {
  std::vector<PortRange> ranges;
  for (const Service& service : app.services)
    for (const ServicePort& port : service.ports)
      if (service.protocol == ServiceProtocol::kTcp && is_relayed(port) &&
          (with_tls || !ends_tls(port)))
        ranges.emplace_back(port.first, port.last);
  return merged(std::move(ranges));
}

std::vector<PortRange> ports_behind(const Snapshot& snapshot, const FlycastRecord& record,
                                    bool with_tls) {
  const NetworkView* home = snapshot.find_network(record.app_network);
  if (home == nullptr) return {};
  auto app = home->apps.find(record.app);
  return app == home->apps.end() ? std::vector<PortRange>{} : ports_of(app->second->app, with_tls);
}

void add_address(const Ip6& address, const std::vector<PortRange>& ports,
                 std::set<SetElement>& elements) {
  std::string text = to_string(address);
  elements.insert({kFlycastAddresses, {text}});
  for (const auto& [first, last] : ports) {
    std::string port = std::to_string(first);
    if (first == last) {
      elements.insert({kFlycastPorts, {text, port}});
    } else {
      elements.insert({kFlycastRanges, {text, port + "-" + std::to_string(last)}});
    }
  }
}

std::set<SetElement> open_network(NetworkId network) {
  return {{kFlycastOpen, {to_string(network_prefix(network)), to_string(flycast_prefix(network))}}};
}

}  // namespace

std::set<SetElement> flycast_elements(const Snapshot& snapshot, NetworkId network) {
  if (!snapshot.synced) return open_network(network);
  std::set<SetElement> elements;
  const NetworkView* view = snapshot.find_network(network);
  if (view == nullptr) return elements;
  const bool with_tls = has_tls_grant(snapshot, view->network.org, snapshot.self);
  for (const auto& [address, record] : view->flycast) {
    // What is not of this network's prefix is never dialled by it.
    if (!flycast_prefix(network).contains(address)) continue;
    add_address(address, ports_behind(snapshot, record, with_tls), elements);
    if (elements.size() > kMaxFlycastElements) return open_network(network);
  }
  return elements;
}

}  // namespace sixpn::mesh
