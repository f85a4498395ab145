// [dns] and [[dns.forward_rules]] of agent.toml. Pure; called by parse_agent_config().
#pragma once

#include "config/agent_config.h"
#include "config/table_reader.h"

namespace sixpn::config {

// Errors of a rule, each with its place: a domain that is none or that is answered here, no servers
// or too many, a network that is not written org/network, a second rule for a domain and network.
void read_dns(TableReader dns, DnsConfig& out);

}  // namespace sixpn::config
