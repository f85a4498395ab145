// Claim: what a host says about the life of a host, signed. Membership acts only on claims that
// verify, so that nobody speaks for another: "alive" and "left" are the host's own words, a
// suspicion is its accuser's, and "down" is no claim at all but enough suspicions
// (decisions/0016). Pure; Gossip signs and verifies, Membership only keeps the signatures.
//
// Signed are a domain tag and 17 bytes: status, host, incarnation, signer; big endian.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "registry/core/keys.h"
#include "registry/core/snapshot.h"

namespace sixpn::registry {

struct Claim {
  HostStatus what = HostStatus::kAlive;  // kAlive, kSuspected or kLeft
  HostId host;
  std::uint64_t incarnation = 0;
  HostId by;
  friend auto operator<=>(const Claim&, const Claim&) = default;
};

Signature sign_claim(const Claim& claim, const SigningKey& key);
bool verify_claim(const Claim& claim, const Signature& signature, const PublicKey& signer);

}  // namespace sixpn::registry
