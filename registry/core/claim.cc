#include "registry/core/claim.h"

#include <string>
#include <string_view>

namespace sixpn::registry {
namespace {

constexpr std::string_view kClaimTag = "sixpn claim v1";

template <class Integer>
void append(std::string& bytes, Integer value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> shift & 0xff);
}

// The tag keeps a claim from passing as another kind of statement, and the other way round.
std::string signed_bytes(const Claim& claim) {
  std::string bytes(kClaimTag);
  bytes += '\0';
  append(bytes, static_cast<std::uint8_t>(claim.what));
  append(bytes, claim.host.value);
  append(bytes, claim.incarnation);
  append(bytes, claim.by.value);
  return bytes;
}

}  // namespace

Signature sign_claim(const Claim& claim, const SigningKey& key) {
  return key.sign(signed_bytes(claim));
}

bool verify_claim(const Claim& claim, const Signature& signature, const PublicKey& signer) {
  return verify(signer, signed_bytes(claim), signature);
}

}  // namespace sixpn::registry
