// What the holder of the root key signs for TLS on Flycast, from what an agent tells (GET
// /v1/certs/material). The agent is not believed: hosts' records and certificates, and the orgs'
// authorities, are verified with the root key. Pure, but for the keys' randomness.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/keys.h"
#include "registry/core/tls_authority.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

struct CertifiableHost {
  HostCertificate certificate;
  std::string tls_key;  // "": its program is too old to end TLS
  std::optional<WallTime> valid_until;
};

struct CertMaterial {
  std::vector<CertifiableHost> hosts;
  std::vector<TlsAuthority> authorities;
  std::vector<std::string> refused;  // what did not verify, as sentences
};
CertMaterial read_cert_material(JsonView material, const PublicKey& root_key);

struct IssuedGrant {
  std::string host;  // name
  std::string org;
  WallTime until{};
  std::string statement;
};
// One for each host that may serve the authority's org, and has a key; not beyond `until`, nor the
// host's own certificate. `only`: those hosts, none: all. Errors: OpenSSL's.
Result<std::vector<IssuedGrant>> issue_grants(const CertMaterial& material,
                                              const TlsAuthority& authority,
                                              const std::set<HostId>& only, WallTime now,
                                              WallTime until, const SigningKey& root);

}  // namespace sixpn::cli
