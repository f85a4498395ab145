#include "tools/cli/tls_issuing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "registry/core/signed_record.h"

namespace sixpn::cli {
namespace {

Result<CertifiableHost> read_host(JsonView given, const PublicKey& root_key) {
  auto wire = parse_base64(given["record"].text());
  if (!wire) return Error("a host's record cannot be read: is the agent of another version?");
  auto record = decode_record(std::move(*wire));
  if (!record) return std::move(record).error();
  const auto* host = std::get_if<HostValue>(&(*record)->record.value);
  if (host == nullptr) return Error("a record is given for a host's that is none");
  const std::string name = "host " + (*host)->name;
  auto certificate = verify_certificate((*host)->certificate, root_key);
  if (!certificate) return std::move(certificate).error().within(name);
  bool own =
      certificate->invite.host == (*host)->id && verify_record(**record, certificate->signing_key);
  if (!own) return Error(name + ": its record is not signed by it");
  CertifiableHost out{std::move(*certificate), (*host)->tls_key, std::nullopt};
  if (auto until = given["valid_until_ms"].integer()) out.valid_until = from_unix_ms(*until);
  return out;
}

Result<TlsAuthority> read_authority(JsonView given, const PublicKey& root_key) {
  auto statement = parse_base64(given.text());
  if (!statement) return Error("an authority cannot be read: is the agent of another version?");
  auto grant = verify_tls_grant(*statement, root_key);
  if (!grant) return std::move(grant).error();
  if (!grant->is_authority()) return Error("a host's certificate is given for an authority's");
  auto facts = read_certificate(grant->certificate);
  if (!facts) return std::move(facts).error().within("authority of org " + grant->org);
  return TlsAuthority{grant->org, grant->certificate, std::move(*facts)};
}

}  // namespace

CertMaterial read_cert_material(JsonView material, const PublicKey& root_key) {
  CertMaterial out;
  for (const JsonView& each : material["hosts"].items()) {
    auto host = read_host(each, root_key);
    if (host)
      out.hosts.push_back(std::move(*host));
    else
      out.refused.push_back(host.error().message);
  }
  for (const JsonView& each : material["authorities"].items()) {
    auto authority = read_authority(each, root_key);
    if (authority)
      out.authorities.push_back(std::move(*authority));
    else
      out.refused.push_back(authority.error().message);
  }
  return out;
}

Result<std::vector<IssuedGrant>> issue_grants(const CertMaterial& material,
                                              const TlsAuthority& authority,
                                              const std::set<HostId>& only, WallTime now,
                                              WallTime until, const SigningKey& root) {
  std::vector<IssuedGrant> out;
  for (const CertifiableHost& host : material.hosts) {
    const Invite& invite = host.certificate.invite;
    bool wanted = only.empty() || only.contains(invite.host);
    if (!wanted || host.tls_key.empty() || !invite.allows_org(authority.org)) continue;
    TlsHost certified{invite.host, invite.name, host.tls_key, until};
    if (host.valid_until) certified.until = std::min(certified.until, *host.valid_until);
    if (certified.until <= now) continue;
    auto grant = make_issuer_grant(root, authority, certified, now);
    if (!grant) return std::move(grant).error().within("host " + invite.name);
    out.push_back({invite.name, authority.org,
                   std::min(certified.until, authority.facts.times.until),
                   sign_tls_grant(*grant, root)});
  }
  return out;
}

}  // namespace sixpn::cli
