#include "registry/core/tls_authority.h"

#include <algorithm>

#include "base/encoding.h"
#include "registry/core/certificate.h"

namespace sixpn {
namespace {

// A common name has at most 64 characters (RFC 5280, appendix A.1).
constexpr std::size_t kMostOfName = 29;

std::string shortened(const std::string& name) {
  return name.size() <= kMostOfName ? name : name.substr(0, kMostOfName);
}

TlsKey authority_key(const SigningKey& root, const std::string& org) {
  return {root.seed(), "authority of " + org};
}

Error no_authority(const std::string& org, const std::string& why) {
  return Error("there is no authority for TLS of org " + org + why +
               ": run `sixpn certs create-ca " + "--org " + org + "` with the root key");
}

Error no_issuer(const Snapshot& snapshot, HostId host, const std::string& org,
                const std::string& why) {
  const HostView* view = snapshot.find_host(host);
  const std::string name = view == nullptr ? to_string(host) : view->record.name;
  return Error("host " + name + " has no certificate for TLS of org " + org + why +
               ": run `sixpn certs issue --org " + org + "` (or `sixpn host renew " + name +
               "`) with the root key");
}

// The grant under a key, if the root signed it for just that.
Result<TlsGrant> verified_grant(const Snapshot& snapshot, const std::string& org, HostId host,
                                const PublicKey& root_key) {
  auto found = snapshot.tls_grants.find(tls_grant_key(org, host).id);
  if (found == snapshot.tls_grants.end()) return Error("");
  auto grant = verify_tls_grant(found->second->statement, root_key);
  if (!grant) return Error(" (" + grant.error().message + ")");
  if (grant->org != org || grant->host != host) return Error(" (the one there is for another)");
  return grant;
}

}  // namespace

TlsKey host_tls_key(const Secret& seed) {
  return {seed, "host"};
}

Result<TlsAuthority> find_authority(const Snapshot& snapshot, const std::string& org,
                                    const PublicKey& root_key) {
  auto grant = verified_grant(snapshot, org, HostId{}, root_key);
  if (!grant) return no_authority(org, grant.error().message);
  auto facts = read_certificate(grant->certificate);
  if (!facts || !facts->may_sign) return no_authority(org, " (the one there is no authority's)");
  return TlsAuthority{org, std::move(grant->certificate), std::move(*facts)};
}

bool has_tls_grant(const Snapshot& snapshot, const std::string& org, HostId host) {
  return snapshot.tls_grants.contains(tls_grant_key(org, host).id);
}

Result<TlsIssuer> find_issuer(const Snapshot& snapshot, const std::string& org, HostId host,
                              const std::string& tls_key, const PublicKey& root_key, WallTime now) {
  auto authority = find_authority(snapshot, org, root_key);
  if (!authority) return std::move(authority).error();
  if (authority->facts.times.until <= now) return no_authority(org, " any more: it has ended");
  auto none = [&](const std::string& why) { return no_issuer(snapshot, host, org, why); };
  auto grant = verified_grant(snapshot, org, host, root_key);
  if (!grant) return none(grant.error().message);
  auto facts = read_certificate(grant->certificate);
  if (!facts || !facts->may_sign) return none(" (the one there lets it issue nothing)");
  if (facts->public_key != tls_key) return none(" (the one there is for another key)");
  if (!is_issued_by(grant->certificate, authority->certificate))
    return none(" (the one there is not of the org's authority)");
  if (facts->times.until <= now) return none(" any more: it has ended");
  return TlsIssuer{std::move(*authority), std::move(grant->certificate), facts->times};
}

Result<TlsGrant> make_authority_grant(const SigningKey& root, const std::string& org,
                                      const CertificateTimes& times, WallTime now) {
  const std::string cluster = to_hex(cluster_id(root.public_key())).substr(0, 8);
  auto made = make_authority(authority_key(root, org),
                             "sixpn " + shortened(org) + " (cluster " + cluster + ")", times);
  if (!made) return std::move(made).error();
  return TlsGrant{org, HostId{}, std::move(*made), now};
}

Result<TlsGrant> make_issuer_grant(const SigningKey& root, const TlsAuthority& authority,
                                   const TlsHost& host, WallTime now) {
  CertificateTimes times{now - kCertificateBackdate,
                         std::min(host.until, authority.facts.times.until)};
  auto made =
      make_issuer(authority_key(root, authority.org), authority.certificate,
                  shortened(host.name) + " for " + shortened(authority.org), host.tls_key, times);
  if (!made) return std::move(made).error();
  return TlsGrant{authority.org, host.host, std::move(*made), now};
}

}  // namespace sixpn
