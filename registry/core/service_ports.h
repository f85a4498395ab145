// What the ports of a service mean to whoever reads an app's record: Flycast opens them, DNS names
// them. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "registry/core/record.h"

namespace sixpn {

// Of Fly's handlers: all.
inline constexpr std::array<std::string_view, 4> kHandlers = {"http", "tls", "pg_tls",
                                                              "proxy_proto"};

inline bool has_handler(const ServicePort& port, std::string_view handler) {
  return std::find(port.handlers.begin(), port.handlers.end(), handler) != port.handlers.end();
}

// Whether Flycast opens the port: a handler of a later version might want other bytes than those
// that a machine would get.
inline bool is_relayed(const ServicePort& port) {
  return std::all_of(port.handlers.begin(), port.handlers.end(), [](const std::string& handler) {
    return std::find(kHandlers.begin(), kHandlers.end(), handler) != kHandlers.end();
  });
}

// Whether clients ask for TLS in PostgreSQL's protocol before they speak it (docs/decisions/0145).
inline bool asks_for_tls(const ServicePort& port) {
  return has_handler(port, "pg_tls");
}

// Whether Flycast ends TLS there (docs/decisions/0126): its machines get the plain bytes.
inline bool ends_tls(const ServicePort& port) {
  return has_handler(port, "tls") || asks_for_tls(port);
}

// What may be agreed on there by ALPN, best first; empty: nothing.
inline std::vector<std::string> tls_protocols(const ServicePort& port) {
  if (!port.tls.alpn.empty()) return port.tls.alpn;
  if (asks_for_tls(port)) return {"postgresql"};
  return has_handler(port, "http") ? std::vector<std::string>{"h2", "http/1.1"}
                                   : std::vector<std::string>{};
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
