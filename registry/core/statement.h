// Statement: bytes signed by a key of the trust chain under a domain tag, as they travel. Shared by
// the files that say what the statements mean (certificate.h, tls_grant.h); nobody else seals or
// opens one. Pure. Limits: each kind's own, checked before anything else.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/core/keys.h"

namespace sixpn {

// A statement as it came: not verified yet.
struct Unverified {
  std::string body;
  Signature signature{};
};

// The tag and the byte after it are signed before the body, so that a statement of one kind never
// verifies as another.
std::string seal(std::string_view tag, std::string_view body, const SigningKey& key);

// Errors: too long, damaged, or another encoding than the only one; `what` names it in them.
Result<Unverified> unseal(std::string_view encoded, std::size_t limit, const std::string& what);

bool is_signed_by(const Unverified& statement, std::string_view tag, const PublicKey& key);

}  // namespace sixpn
