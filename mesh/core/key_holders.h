// KeyHolders: which host a WireGuard key belongs to where several publish it. WireGuard has one
// peer per key, so only one of them can be linked. Values only.
#pragma once

#include <map>
#include <vector>

#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// Neither gone nor revoked.
bool is_member(const Snapshot& snapshot, const HostView& host);

// By key, main or spare, of all members; zero is no key: who proves to have the private key
// (key_proofs.h), or, where nobody or more than one does, whoever has the smallest id. The same on
// every host.
std::map<PublicKey, HostId> key_holders(const Snapshot& snapshot);

// A member whose key belongs to another.
struct KeyClaim {
  HostId host;
  HostId holder;
  bool proven = false;  // by the holder: the claim is a lie
};
std::vector<KeyClaim> false_key_claims(const Snapshot& snapshot);

}  // namespace sixpn::mesh
