// What the ports of a service mean to whoever reads an app's record: Flycast opens them, DNS names
// them. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "registry/core/record.h"

namespace sixpn {

// Whether Flycast opens the port. It holds no certificate: none whose handler ends TLS
// (docs/decisions/0071).
inline bool is_relayed(const ServicePort& port) {
  constexpr std::array<std::string_view, 2> kNotRelayed = {"tls", "pg_tls"};
  return std::none_of(port.handlers.begin(), port.handlers.end(), [&](const auto& handler) {
    return std::find(kNotRelayed.begin(), kNotRelayed.end(), handler) != kNotRelayed.end();
  });
}

// The version of the PROXY protocol in which the machine is told of its client; 0: none.
inline std::uint8_t proxy_protocol_of(const ServicePort& port) {
  bool wanted =
      std::find(port.handlers.begin(), port.handlers.end(), "proxy_proto") != port.handlers.end();
  return wanted ? port.proxy_protocol : std::uint8_t{0};
}

// Whether a machine is of the process groups that serve it; not whether it runs.
inline bool is_served_by(const Service& service, const MachineRecord& machine) {
  return service.groups.empty() || std::find(service.groups.begin(), service.groups.end(),
                                             machine.group) != service.groups.end();
}

}  // namespace sixpn
