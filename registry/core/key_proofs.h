// Proofs in a host's record that it has the private keys of the WireGuard keys it publishes, so
// that a stolen host cannot take another's for its own (docs/decisions/0150). Checked where two
// hosts claim one key, and nowhere else: it takes 0.1 ms. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "registry/core/record.h"

namespace sixpn {

inline constexpr std::size_t kKeyProofBytes = sizeof(PossessionProof);

// What HostRecord::key_proofs says of these two private keys.
std::string prove_keys(HostId host, const Secret& main, const Secret& spare);

// Whether the host proves to have the private key of one that it publishes. False where its program
// is too old to say.
bool proves_key(const HostRecord& host, const PublicKey& key);

}  // namespace sixpn
