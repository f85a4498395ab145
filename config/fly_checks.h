// The checks of a service in fly.toml: [[http_service.checks]], [[services.tcp_checks]],
// [[services.http_checks]] and [[services.script_checks]] to ServiceCheck values. Part of
// fly_services.cc's work, in a file of its own. Pure.
#pragma once

#include <vector>

#include "config/table_reader.h"
#include "registry/core/service.h"

namespace sixpn::config {

// Appends the checks under `key` of a service's table. Times outside of Fly's range are brought
// into it, and noted.
void read_checks(TableReader& service, std::string_view key, CheckKind kind,
                 std::vector<ServiceCheck>& out);

}  // namespace sixpn::config
