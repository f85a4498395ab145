// The nft program: loads documents and lists tables (mesh/core/firewall_json.h has the text). One
// process per call, 8 to 25 ms; libnftables is GPL and so not linked (decision 0031). Mesh loop
// only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/core/firewall_json.h"
#include "mesh/core/service_map.h"

namespace sixpn::mesh {

// One transaction: all of it or nothing. Errors: nft's own words.
Result<void> load_firewall(const std::string& document);
// Nothing when the table does not exist.
Result<std::optional<FirewallListing>> list_firewall();
// The service map; nothing when the table does not exist.
Result<std::optional<ServiceMapListing>> list_service_map();
// Chains of other tables that drop by default what we let through.
Result<std::vector<std::string>> list_dropping_chains();

}  // namespace sixpn::mesh
