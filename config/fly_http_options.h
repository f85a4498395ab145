// `http_options` of a port in fly.toml to HttpOptions. Part of fly_services.cc's work, in a file of
// its own. Pure.
#pragma once

#include "config/table_reader.h"
#include "registry/core/service.h"

namespace sixpn::config {

// Reads `http_options` of a port's or of [http_service]'s table, if it is there.
void read_http_options(TableReader& port, HttpOptions& out);

}  // namespace sixpn::config
