#include "registry/core/certificate.h"

#include <algorithm>

#include "base/encoding.h"
#include "registry/core/address.h"
#include "registry/core/record.h"
#include "registry/core/region.h"
#include "registry/core/statement.h"
#include "registry/core/stored_certificate.h"
#include "registry/core/trust.pb.h"
#include "registry/core/wire_values.h"

namespace sixpn {
namespace {

constexpr std::string_view kInviteTag = "sixpn invite v1";
constexpr std::string_view kCertificateTag = "sixpn certificate v1";
constexpr std::string_view kRevocationTag = "sixpn revocation v1";
constexpr std::string_view kRenewalTag = "sixpn renewal v1";

constexpr std::size_t kClusterIdBytes = 16;

Result<WallTime> read_time(std::int64_t ms, const std::string& what) {
  auto time = decode_unix_ms(ms);
  if (!time) return Error("the time of " + what + " (" + std::to_string(ms) + " ms) is not a date");
  return *time;
}

// Zero is a field that was not there.
Result<std::optional<WallTime>> read_optional_time(std::int64_t ms, const std::string& what) {
  if (ms == 0) return std::optional<WallTime>();
  auto time = read_time(ms, what);
  if (!time) return std::move(time).error();
  return std::optional<WallTime>(*time);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, 64)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return out + (text.size() > 64 ? "...\"" : "\"");
}

Result<void> check_orgs(const std::vector<std::string>& orgs) {
  if (orgs.empty()) return Error("the invite names no organisation (\"*\" allows all)");
  if (orgs.size() == 1 && orgs.front() == kAnyOrg) return {};
  std::size_t bytes = 0;
  for (const auto& org : orgs) {
    if (!is_dns_label(org))
      return Error("the organisation " + quoted(org) +
                   " is not a name of a-z, 0-9 and '-', 1 to 63 characters (\"*\" stands alone)");
    bytes += org.size() + 2;
  }
  if (bytes > kMaxInviteOrgBytes)
    return Error("the invite names too many organisations: " + std::to_string(bytes) +
                 " bytes of names, at most " + std::to_string(kMaxInviteOrgBytes) +
                 " fit into a knock (\"*\" allows all)");
  auto sorted = orgs;
  std::sort(sorted.begin(), sorted.end());
  if (auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    return Error("the organisation " + quoted(*twice) + " is named twice");
  return {};
}

Result<void> check_identity(const Invite& invite) {
  if (invite.host.value < kFirstHostId)
    return Error("host id " + to_string(invite.host) + " is reserved: its upper half is zero");
  if (!is_dns_label(invite.name))
    return Error("the host name " + quoted(invite.name) +
                 " is not a name of a-z, 0-9 and '-', 1 to 63 characters");
  if (!is_region(invite.region))
    return Error("the region " + quoted(invite.region) + ": expected " +
                 std::string(expected_region(invite.region)));
  return check_orgs(invite.orgs);
}

Result<Invite> read_invite(const std::string& body) {
  trust::Invite wire;
  if (!wire.ParseFromString(body)) return Error("the invite's content is damaged");
  Invite invite;
  invite.cluster = wire.cluster();
  invite.serial = wire.serial();
  invite.host = HostId(wire.host());
  invite.name = wire.name();
  invite.region = wire.region();
  invite.orgs.assign(wire.orgs().begin(), wire.orgs().end());
  auto enrolment_key = to_array<32>(wire.enrolment_key());
  if (!enrolment_key) return Error("the invite's enrolment key is not 32 bytes");
  invite.enrolment_key = *enrolment_key;
  auto expires = read_time(wire.expires_ms(), "the invite's expiry");
  if (!expires) return std::move(expires).error();
  invite.expires = *expires;
  auto valid_until = read_optional_time(wire.valid_until_ms(), "the certificate's end");
  if (!valid_until) return std::move(valid_until).error();
  invite.valid_until = *valid_until;
  auto issued = read_optional_time(wire.issued_ms(), "the invitation");
  if (!issued) return std::move(issued).error();
  invite.issued = *issued;
  if (auto valid = check_identity(invite); !valid) return std::move(valid).error();
  return invite;
}

enum class Check { kAll, kAllButSignatures };

Result<Invite> unseal_invite(std::string_view signed_invite, const PublicKey& root_key,
                             Check check) {
  auto statement = unseal(signed_invite, kMaxInviteBytes, "invite");
  if (!statement) return std::move(statement).error();
  if (check == Check::kAll && !is_signed_by(*statement, kInviteTag, root_key))
    return Error("the invite is not signed by the root key of cluster " +
                 to_hex(cluster_id(root_key)));
  auto invite = read_invite(statement->body);
  if (invite && invite->cluster != cluster_id(root_key))
    return Error("the invite is for cluster " + to_hex(invite->cluster.substr(0, kClusterIdBytes)) +
                 ", not for " + to_hex(cluster_id(root_key)));
  return invite;
}

Result<HostCertificate> read_certificate(const Unverified& statement, const PublicKey& root_key,
                                         Check check) {
  trust::Certificate wire;
  if (!wire.ParseFromString(statement.body)) return Error("the certificate's content is damaged");
  auto invite = unseal_invite(wire.signed_invite(), root_key, check);
  if (!invite) return std::move(invite).error().within("host certificate");
  if (check == Check::kAll && !is_signed_by(statement, kCertificateTag, invite->enrolment_key))
    return Error("the host certificate is not signed by the enrolment key of its invite");
  auto signing_key = to_array<32>(wire.signing_key());
  if (!signing_key) return Error("the host certificate's signing key is not 32 bytes");
  auto enrolled = read_time(wire.enrolled_ms(), "the host's enrolment");
  if (!enrolled) return std::move(enrolled).error();
  if (*enrolled > invite->expires)
    return Error("the host enrolled " + std::to_string((*enrolled - invite->expires).count()) +
                 " ms after its invite had expired");
  HostCertificate certificate;
  certificate.invite = std::move(*invite);
  certificate.signing_key = *signing_key;
  certificate.enrolled = *enrolled;
  return certificate;
}

}  // namespace

bool Invite::allows_org(const std::string& org) const {
  return std::any_of(orgs.begin(), orgs.end(), [&](const std::string& allowed) {
    return allowed == kAnyOrg || allowed == org;
  });
}

std::string cluster_id(const PublicKey& root_key) {
  return std::string(as_bytes(hash(as_bytes(root_key))).substr(0, kClusterIdBytes));
}

std::string sign_invite(const Invite& invite, const SigningKey& root) {
  trust::Invite wire;
  wire.set_cluster(invite.cluster);
  wire.set_serial(invite.serial);
  wire.set_host(invite.host.value);
  wire.set_name(invite.name);
  wire.set_region(invite.region);
  for (const auto& org : invite.orgs) wire.add_orgs(org);
  wire.set_expires_ms(unix_ms(invite.expires));
  wire.set_enrolment_key(std::string(as_bytes(invite.enrolment_key)));
  if (invite.valid_until) wire.set_valid_until_ms(unix_ms(*invite.valid_until));
  if (invite.issued) wire.set_issued_ms(unix_ms(*invite.issued));
  return seal(kInviteTag, wire.SerializeAsString(), root);
}

Result<Invite> verify_invite(std::string_view signed_invite, const PublicKey& root_key) {
  return unseal_invite(signed_invite, root_key, Check::kAll);
}

Result<HostCertificate> enrol(const Token& token, const PublicKey& signing_key, WallTime now) {
  auto invite = verify_invite(token.signed_invite, token.root_key);
  if (!invite) return std::move(invite).error();
  SigningKey enrolment_key(token.enrolment_seed);
  if (enrolment_key.public_key() != invite->enrolment_key)
    return Error("the token's enrolment secret does not belong to its invite");
  trust::Certificate wire;
  wire.set_signed_invite(token.signed_invite);
  wire.set_signing_key(std::string(as_bytes(signing_key)));
  wire.set_enrolled_ms(unix_ms(now));
  // What is made here must pass what every receiver checks.
  return verify_certificate(seal(kCertificateTag, wire.SerializeAsString(), enrolment_key),
                            token.root_key);
}

namespace {

Result<HostCertificate> unseal_certificate(std::string_view encoded, const PublicKey& root_key,
                                           Check check) {
  auto statement = unseal(encoded, kMaxCertificateBytes, "host certificate");
  if (!statement) return std::move(statement).error();
  auto certificate = read_certificate(*statement, root_key, check);
  if (certificate) certificate->encoded = encoded;
  return certificate;
}

}  // namespace

Result<HostCertificate> verify_certificate(std::string_view encoded, const PublicKey& root_key) {
  return unseal_certificate(encoded, root_key, Check::kAll);
}

Result<HostCertificate> read_stored_certificate(std::string_view encoded,
                                                const PublicKey& root_key) {
  return unseal_certificate(encoded, root_key, Check::kAllButSignatures);
}

bool enrolment_wins(const HostCertificate& a, const HostCertificate& b) {
  if (a.enrolled != b.enrolled) return a.enrolled < b.enrolled;
  return a.encoded < b.encoded;
}

std::string sign_revocation(HostId host, WallTime when, const SigningKey& root) {
  trust::Revocation wire;
  wire.set_cluster(cluster_id(root.public_key()));
  wire.set_host(host.value);
  wire.set_when_ms(unix_ms(when));
  return seal(kRevocationTag, wire.SerializeAsString(), root);
}

Result<HostId> verify_revocation(std::string_view statement, const PublicKey& root_key) {
  auto unverified = unseal(statement, kMaxRevocationBytes, "revocation");
  if (!unverified) return std::move(unverified).error();
  if (!is_signed_by(*unverified, kRevocationTag, root_key))
    return Error("the revocation is not signed by the root key of cluster " +
                 to_hex(cluster_id(root_key)));
  trust::Revocation wire;
  if (!wire.ParseFromString(unverified->body)) return Error("the revocation's content is damaged");
  if (wire.cluster() != cluster_id(root_key)) return Error("the revocation is for another cluster");
  HostId host(wire.host());
  if (host.value < kFirstHostId)
    return Error("the revoked host id " + to_string(host) + " is reserved: its upper half is zero");
  return host;
}

Hash certificate_digest(std::string_view encoded) {
  return hash(encoded);
}

std::string sign_renewal(const Renewal& renewal, const SigningKey& root) {
  trust::Renewal wire;
  wire.set_cluster(cluster_id(root.public_key()));
  wire.set_host(renewal.host.value);
  wire.set_certificate(std::string(as_bytes(renewal.certificate)));
  wire.set_valid_until_ms(unix_ms(renewal.valid_until));
  wire.set_when_ms(unix_ms(renewal.signed_at));
  return seal(kRenewalTag, wire.SerializeAsString(), root);
}

Result<Renewal> verify_renewal(std::string_view statement, const PublicKey& root_key) {
  auto unverified = unseal(statement, kMaxRenewalBytes, "renewal");
  if (!unverified) return std::move(unverified).error();
  if (!is_signed_by(*unverified, kRenewalTag, root_key))
    return Error("the renewal is not signed by the root key of cluster " +
                 to_hex(cluster_id(root_key)));
  trust::Renewal wire;
  if (!wire.ParseFromString(unverified->body)) return Error("the renewal's content is damaged");
  if (wire.cluster() != cluster_id(root_key)) return Error("the renewal is for another cluster");
  auto digest = to_array<32>(wire.certificate());
  if (!digest) return Error("the renewal's certificate digest is not 32 bytes");
  auto valid_until = read_time(wire.valid_until_ms(), "the certificate's end");
  if (!valid_until) return std::move(valid_until).error();
  auto signed_at = read_time(wire.when_ms(), "the renewal");
  if (!signed_at) return std::move(signed_at).error();
  return Renewal{HostId(wire.host()), *digest, *valid_until, *signed_at};
}

}  // namespace sixpn
