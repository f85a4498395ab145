#include "registry/core/key_proofs.h"

#include <string_view>

#include "base/encoding.h"

namespace sixpn {
namespace {

// Of one host, so that another's proof is worth nothing to it.
std::string statement_of(HostId host) {
  return "sixpn wireguard key v1 " + to_string(host);
}

}  // namespace

std::string prove_keys(HostId host, const Secret& main, const Secret& spare) {
  std::string out;
  for (const Secret* key : {&main, &spare})
    out += as_bytes(prove_possession(*key, statement_of(host)));
  return out;
}

bool proves_key(const HostRecord& host, const PublicKey& key) {
  const std::string_view proofs = host.key_proofs.str();
  auto proves = [&](const PublicKey& published, std::size_t first) {
    return key == published && proofs.size() >= first + kKeyProofBytes &&
           check_possession(key, statement_of(host.id), proofs.substr(first, kKeyProofBytes));
  };
  return proves(host.wireguard_key, 0) || proves(host.spare_key, kKeyProofBytes);
}

}  // namespace sixpn
