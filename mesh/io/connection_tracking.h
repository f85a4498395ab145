// Connections that the service map handed to machines, as the kernel tracks them (ctnetlink). A
// machine that is gone leaves entries behind, for days: its clients' next packets, and new
// connections from the same port, would go on to nowhere. Mesh loop only.
#pragma once

#include <cstddef>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace sixpn::mesh {

// Forgets connections to a Flycast address that were handed to a machine which is not among
// `running` (ascending). The client's next packet is then nobody's, and is answered with a reset; a
// connection that was still being opened goes to another machine with its next try. How many there
// were. Errors: the kernel's.
Result<std::size_t> forget_connections(const std::vector<Ip6>& running);

}  // namespace sixpn::mesh
