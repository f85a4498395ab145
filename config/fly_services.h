// The services of a fly.toml: [http_service] and [[services]] to Service values. Part of
// fly_toml.cc's work, in a file of its own. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/table_reader.h"
#include "registry/core/record.h"

namespace sixpn::config {

// Reads both sections of `file`, checks them against the process groups, and notes what is left
// out.
std::vector<Service> read_services(TableReader& file,
                                   const std::map<std::string, std::string>& processes);

}  // namespace sixpn::config
