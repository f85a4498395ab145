// Machines' veth pairs: made, configured at both ends, and inspected. The host end carries fe80::1;
// the machine's end, sixpn0 in its own namespace, carries the machine's /112 and the route to
// fdaa::/16. Mesh loop only; each call that looks into a namespace starts a thread for about 0.1
// ms.
#pragma once

#include "base/result.h"
#include "mesh/core/observed.h"
#include "mesh/core/state.h"
#include "mesh/io/netlink.h"

namespace sixpn::mesh {

// Both ends, down. Errors: no such namespace, an interface sixpn0 that is there already.
Result<void> create_veth(Netlink& host, const Veth& veth);
// Both ends up with MTU, addresses and routes. Harmless when it is done already.
Result<void> configure_veth(Netlink& host, const Veth& veth);
// `host_end` as found on this host; `host_addresses`: those of all interfaces of this host.
ObservedVeth inspect_veth(const Link& host_end, const std::vector<InterfaceAddress>& host_addresses,
                          const Veth& desired);

}  // namespace sixpn::mesh
