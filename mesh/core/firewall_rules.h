// The rules of the firewall's table, in order, as nft JSON expressions. Only firewall_json.cc
// includes this. Why each is there: docs/decisions/0031-firewall.md.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "mesh/core/firewall.h"

namespace sixpn::mesh {

struct FirewallRule {
  std::string chain;
  boost::json::array expressions;
};

struct FirewallChain {
  std::string name;
  std::string hook;  // "" for a chain that is only jumped to
  int priority = 0;
};

std::vector<FirewallChain> firewall_chains();
// Names of the counters of dropped packets, each used by some rule.
std::vector<std::string> firewall_counters();
std::vector<FirewallRule> firewall_rules(const FirewallStructure& structure);

}  // namespace sixpn::mesh
