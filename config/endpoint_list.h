// Lists of addresses with ports, as several sections of agent.toml have them. Pure; called by their
// parsers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "config/table_reader.h"

namespace sixpn::config {

struct EndpointList {
  std::string_view key;
  std::uint16_t default_port;  // of "192.0.2.1" and "2001:db8::1"
  bool underlay_only;          // no address inside the mesh
};

// Adds to `out`. Errors, each with its place: no address, port 0, an address that cannot be used,
// one that is there twice.
void read_endpoints(TableReader& table, const EndpointList& list, std::vector<IpEndpoint>& out);

}  // namespace sixpn::config
