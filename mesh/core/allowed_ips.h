// AllowedIPs of every peer host: its infrastructure address, the /80s of its machines' networks
// where this host takes part in them, and a /112 for each machine that lives there but was born
// elsewhere. WireGuard routes by longest prefix, so this table is the whole routing of the mesh.
#pragma once

#include <map>
#include <set>

#include "base/ids.h"
#include "base/ip.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// By peer host; self has no entry. `networks`: those installed here. `local`: addresses of the
// machines attached here, which no peer gets. An address that two machines claim goes to the one
// that lives where it was born, else to the one with the smaller id.
std::map<HostId, std::set<Prefix6>> make_allowed_ips(const Snapshot& snapshot,
                                                     const std::set<NetworkId>& networks,
                                                     const std::set<Ip6>& local);

}  // namespace sixpn::mesh
