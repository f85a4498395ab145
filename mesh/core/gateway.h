// What a host does for the peers that it is the gateway of: laptops and the like, each in one
// network, that come by plain WireGuard over a device of their own (docs/decisions/0144). The
// device's name is one of machines' interfaces, and each peer may send from one address, so all
// that the firewall says of a machine's packets it says of a peer's.
//
// Peers come from records that any host of their org may write. A record counts whose address is a
// peer's, of that network and behind this host; of two that name one address, the first by name.
// A key may be in several records: then its device may use any of these addresses.
//
// Pure. Used by desired.h and allowed_ips.h.
#pragma once

#include <set>
#include <vector>

#include "base/ids.h"
#include "mesh/core/desired.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// Of this network and behind this host, in the order of their names; each address once.
std::vector<const PeerRecord*> peers_behind(const NetworkView& view, HostId gateway);
// The networks that have such peers.
std::set<NetworkId> networks_of_peers(const Snapshot& snapshot, HostId gateway);
// The hosts behind which a network has peers.
std::set<HostId> gateways_of(const NetworkView& view);

// The device, who may call it, their routes and sources; nothing where there is none.
void add_gateway(const Snapshot& snapshot, const MeshOptions& options, DesiredMesh& mesh);

}  // namespace sixpn::mesh
