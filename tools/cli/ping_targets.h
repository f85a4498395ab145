// Whom `sixpn ping` means, and from which of this host's addresses it asks. Pure: the agent's
// answers in, addresses out.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tools/cli/json_view.h"
#include "tools/cli/ping_session.h"

namespace sixpn::cli {

// An address of the mesh, or the name of a host (its own address): no question to DNS is needed.
// Nothing for anything else.
std::optional<Ip6> find_direct_address(JsonView status, const std::string& target);

// One target per address, labelled by what the status knows of it. The source is this host's proxy
// address in the network of the address, or its own address for a host's. Errors: an address
// outside the mesh, a status without this host's address.
Result<std::vector<PingTarget>> make_ping_targets(JsonView status,
                                                  const std::vector<Ip6>& addresses);

}  // namespace sixpn::cli
