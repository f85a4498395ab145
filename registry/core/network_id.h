// Network ids: a hash of cluster, org and network name, so that hosts need not ask one another.
// Whoever creates a network takes the first that is free; an id that proves its org and name stands
// before one that does not, when two orgs claim it (snapshot_builder.h). Pure.
#pragma once

#include <string>

#include "base/ids.h"
#include "registry/core/record.h"

namespace sixpn {

inline constexpr unsigned kMaxNetworkRehashes = 64;

// `attempt` > 0 rehashes after a collision. `cluster`: the cluster's id.
NetworkId network_id(const std::string& cluster, const std::string& org, const std::string& name,
                     unsigned attempt);

// The attempt that gives the network its id; kMaxNetworkRehashes when none does.
unsigned attempt_of(const std::string& cluster, const NetworkRecord& network);

}  // namespace sixpn
