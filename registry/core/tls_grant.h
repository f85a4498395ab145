// TlsGrant: the root key's word on an X.509 certificate for TLS on an org's Flycast addresses: that
// of the org's authority, or of a host that may issue in its name. It travels in TlsGrantRecord.
// The signature comes before any look into the certificate, so that bytes of strangers never reach
// the parser of X.509. Whether it counts here and now: tls_authority.h. Pure values.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/keys.h"

namespace sixpn {

inline constexpr std::size_t kMaxTlsGrantBytes = 1024;

struct TlsGrant {
  std::string org;
  HostId host;              // zero: the authority's own
  std::string certificate;  // X.509, DER
  WallTime signed_at{};
  [[nodiscard]] bool is_authority() const { return host == HostId{}; }
  friend bool operator==(const TlsGrant&, const TlsGrant&) = default;
};

std::string sign_tls_grant(const TlsGrant& grant, const SigningKey& root);
// Errors: not a signed grant, not signed by this root, of another cluster, a bad name or host id.
Result<TlsGrant> verify_tls_grant(std::string_view statement, const PublicKey& root_key);

}  // namespace sixpn
