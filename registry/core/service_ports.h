// What the ports of a service mean to whoever reads an app's record: Flycast opens them, DNS names
// them. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "registry/core/record.h"

namespace sixpn {

inline bool has_handler(const ServicePort& port, std::string_view handler) {
  return std::find(port.handlers.begin(), port.handlers.end(), handler) != port.handlers.end();
}

// Whether Flycast opens the port: it speaks no PostgreSQL (docs/decisions/0071).
inline bool is_relayed(const ServicePort& port) {
  return !has_handler(port, "pg_tls");
}

// Whether Flycast ends TLS there (docs/decisions/0126): its machines get the plain bytes.
inline bool ends_tls(const ServicePort& port) {
  return has_handler(port, "tls");
}

// What may be agreed on there by ALPN, best first; empty: nothing.
inline std::vector<std::string> tls_protocols(const ServicePort& port) {
  if (!port.tls.alpn.empty() || !has_handler(port, "http")) return port.tls.alpn;
  return {"h2", "http/1.1"};
}

// Whether a client says on the port what it would say to a machine.
inline bool is_spoken_plainly(const ServicePort& port) {
  return is_relayed(port) && !ends_tls(port);
}

// The version of the PROXY protocol in which the machine is told of its client; 0: none.
inline std::uint8_t proxy_protocol_of(const ServicePort& port) {
  bool wanted = has_handler(port, "proxy_proto");
  return wanted ? port.proxy_protocol : std::uint8_t{0};
}

// Whether a machine is of the process groups that serve it; not whether it runs.
inline bool is_served_by(const Service& service, const MachineRecord& machine) {
  return service.groups.empty() || std::find(service.groups.begin(), service.groups.end(),
                                             machine.group) != service.groups.end();
}

}  // namespace sixpn
