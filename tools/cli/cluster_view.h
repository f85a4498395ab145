// The agent's view of its cluster as text: hosts, organisations, the whole status. Pure: JSON of
// docs/api.md in, text out.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cli/json_view.h"

namespace sixpn::cli {

// GET /v1/status. `now_ms` is Unix time, for ages.
std::string status_text(JsonView status, std::int64_t now_ms);
// The hosts of a status, with everything known of them; those that are shut out last.
std::string hosts_text(JsonView status, std::int64_t now_ms);
// Organisations with their networks and counts, from a status.
std::string orgs_text(JsonView status);
// The same: [{"name", "networks": [], "apps": n, "machines": n}].
boost::json::array orgs_json(JsonView status);

}  // namespace sixpn::cli
