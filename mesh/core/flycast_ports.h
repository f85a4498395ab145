// Which calls of Flycast addresses the firewall hands to the proxy, as elements of its sets: the
// addresses that a network may dial and the TCP ports of the apps behind them. Whatever else is
// dialled there is refused by the kernel, at the first packet (docs/decisions/0102). Ports on which
// TLS ends are among them once this host was given a certificate for the network's org (0134).
//
// It is not the routing of a connection: which machine serves it is the flycast room's business,
// asleep or not. Called by make_desired for each network with machines here. Pure. Limits:
// kMaxFlycastElements per network.
#pragma once

#include <cstddef>
#include <set>

#include "base/ids.h"
#include "mesh/core/state.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// A network with more elements is open: every call of its Flycast prefix goes to the proxy, which
// refuses by itself what it does not know.
inline constexpr std::size_t kMaxFlycastElements = 4096;

// Elements of kFlycastAddresses, kFlycastPorts and kFlycastRanges; or one of kFlycastOpen, while
// the registry is not read, or for a network with too many.
std::set<SetElement> flycast_elements(const Snapshot& snapshot, NetworkId network);

}  // namespace sixpn::mesh
