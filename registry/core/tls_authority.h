// Who may end TLS for an org's Flycast addresses, read from a snapshot: the org's authority, and
// the certificate by which a host issues in its name. Also how the holder of the root key makes
// both. A grant counts where the root signed it for that very org and host, and for a host, where
// the authority's key signed the certificate, for the key that the host has now; records that say
// otherwise are as good as none. Pure; any loop. decisions/0126.
#pragma once

#include <string>
#include <string_view>

#include "registry/core/snapshot.h"
#include "registry/core/tls_grant.h"
#include "registry/core/x509.h"

namespace sixpn {

// How long what the holder of the root key makes is good, unless told otherwise.
inline constexpr std::chrono::milliseconds kAuthorityLife = std::chrono::hours(24 * 3650);
inline constexpr std::chrono::milliseconds kIssuerLife = std::chrono::hours(24 * 365);

// The host's own key for TLS, of the seed in its identity folder.
TlsKey host_tls_key(const Secret& seed);

struct TlsAuthority {
  std::string org;
  std::string certificate;  // DER
  CertificateFacts facts;
};
// Errors: none, or none that counts, and the command that mends it.
Result<TlsAuthority> find_authority(const Snapshot& snapshot, const std::string& org,
                                    const PublicKey& root_key);

struct TlsIssuer {
  TlsAuthority authority;
  std::string certificate;  // DER
  CertificateTimes times;
};
// `tls_key`: the host's, as HostRecord::tls_key. Errors: as find_authority, and for the host's own
// certificate; also when either has ended.
Result<TlsIssuer> find_issuer(const Snapshot& snapshot, const std::string& org, HostId host,
                              const std::string& tls_key, const PublicKey& root_key, WallTime now);

// Whether there is a certificate for the org at all: the authority's (host zero), or a host's. What
// it is worth, find_authority and find_issuer say.
bool has_tls_grant(const Snapshot& snapshot, const std::string& org, HostId host);

// ---- what the holder of the root key makes. Errors: OpenSSL's.

// The key follows from the root key and the org's name: it is made when it is needed, and stored
// nowhere.
Result<TlsGrant> make_authority_grant(const SigningKey& root, const std::string& org,
                                      const CertificateTimes& times, WallTime now);

// What a host record says that the root's holder must know of, verified.
struct TlsHost {
  HostId host;
  std::string name;
  std::string tls_key;
  WallTime until{};  // of the certificate to make
};
// Never good for longer than its authority.
Result<TlsGrant> make_issuer_grant(const SigningKey& root, const TlsAuthority& authority,
                                   const TlsHost& host, WallTime now);

}  // namespace sixpn
