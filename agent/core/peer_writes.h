// What the agent writes to the registry for peers: devices outside the hosts that join one network
// through a host, their gateway. Pure planning, as in writes.h, whose error classes these are.
#pragma once

#include <string>
#include <vector>

#include "agent/core/writes.h"

namespace sixpn::agent {

// A peer as a command names it.
struct PeerName {
  std::string peer;
  std::string org;      // "": where only one is meant
  std::string network;  // "": "default" of a new one, else any
};

struct PlannedPeer {
  PeerRecord record;
  std::vector<registry::LocalWrite> writes;
};

// A peer behind this host, at the lowest address that is free there. Errors: a bad name or key, no
// such network, an org that this host may not serve, a name or key that is taken, no address left
// (256 for each network and host).
Result<PlannedPeer> plan_create_peer(const Snapshot& snapshot, const HostCertificate& self,
                                     const PeerName& name, const PublicKey& key);

// Finds the one peer that is meant. Errors: none; several (asks for --org and --network).
Result<const PeerRecord*> find_peer(const Snapshot& snapshot, const PeerName& name);

// Behind whichever host it is.
Result<std::vector<registry::LocalWrite>> plan_remove_peer(const Snapshot& snapshot,
                                                           const HostCertificate& self,
                                                           const PeerName& name);

}  // namespace sixpn::agent
