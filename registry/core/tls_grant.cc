#include "registry/core/tls_grant.h"

#include "base/encoding.h"
#include "registry/core/address.h"
#include "registry/core/certificate.h"
#include "registry/core/record.h"
#include "registry/core/statement.h"
#include "registry/core/trust.pb.h"
#include "registry/core/wire_values.h"

namespace sixpn {
namespace {

constexpr std::string_view kGrantTag = "sixpn tls grant v1";

}  // namespace

std::string sign_tls_grant(const TlsGrant& grant, const SigningKey& root) {
  trust::TlsGrant wire;
  wire.set_cluster(cluster_id(root.public_key()));
  wire.set_org(grant.org);
  wire.set_host(grant.host.value);
  wire.set_certificate(grant.certificate);
  wire.set_when_ms(unix_ms(grant.signed_at));
  return seal(kGrantTag, wire.SerializeAsString(), root);
}

Result<TlsGrant> verify_tls_grant(std::string_view statement, const PublicKey& root_key) {
  auto unverified = unseal(statement, kMaxTlsGrantBytes, "grant of a TLS certificate");
  if (!unverified) return std::move(unverified).error();
  if (!is_signed_by(*unverified, kGrantTag, root_key))
    return Error("the grant of a TLS certificate is not signed by the root key of cluster " +
                 to_hex(cluster_id(root_key)));
  trust::TlsGrant wire;
  if (!wire.ParseFromString(unverified->body))
    return Error("the content of the grant of a TLS certificate is damaged");
  if (wire.cluster() != cluster_id(root_key))
    return Error("the grant of a TLS certificate is for another cluster");
  auto when = decode_unix_ms(wire.when_ms());
  TlsGrant grant{wire.org(), HostId(wire.host()), wire.certificate(), when.value_or(WallTime{})};
  bool sound = when && is_dns_label(grant.org) && !grant.certificate.empty() &&
               (grant.is_authority() || grant.host.value >= kFirstHostId);
  if (!sound) return Error("the grant of a TLS certificate names no org, host or time");
  return grant;
}

}  // namespace sixpn
