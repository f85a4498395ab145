// The resolver's counters and upstreams as the admin API shows them (docs/api.md): member `dns` of
// the status, and what of them an operator should be warned of. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "dns/io/stats.h"

namespace sixpn::agent {

boost::json::object dns_json(const dns::Stats& stats);
// Upstream resolvers that do not answer, or that ask this host in turn.
std::vector<std::string> dns_warnings(const dns::Stats& stats);

}  // namespace sixpn::agent
