// The checks in fly.toml: of a service ([[http_service.checks]], [[services.tcp_checks]],
// [[services.http_checks]], [[services.script_checks]]) to ServiceCheck values, for
// fly_services.cc; of the app itself ([checks.NAME]) to AppCheck values, for fly_toml.cc; and the
// process groups that a check or service names. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/table_reader.h"
#include "registry/core/service.h"

namespace sixpn::config {

// Appends the checks under `key` of a service's table. Times outside of Fly's range are brought
// into it, and noted.
void read_checks(TableReader& service, std::string_view key, CheckKind kind,
                 std::vector<ServiceCheck>& out);

// `checks`: the table [checks]. As Fly has it, an interval under 2 s and a timeout over 60 s are
// mistakes here.
std::vector<AppCheck> read_app_checks(TableReader& checks,
                                      const std::map<std::string, std::string>& processes);

// The groups under "processes" of a table, none twice. One that [processes] (or, without it, "app")
// has not is a mistake.
void read_groups(TableReader& table, const std::map<std::string, std::string>& processes,
                 std::vector<std::string>& out);

}  // namespace sixpn::config
