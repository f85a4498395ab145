// Trust: who may be a host, and what a host may write (DESIGN section 3).
//
//   root key --signs--> Invite (host id, name, region, orgs, expiry, enrolment public key)
//   enrolment key --signs--> HostCertificate (the host's own signing key, when it enrolled)
//   host's signing key --signs--> every record the host writes
//   root key --signs--> revocations and renewals of single hosts
//
// A Token is what the operator carries to the new host: the invite, the enrolment secret, the
// cluster key, the root's public key and how to reach some hosts. Private host keys never travel.
// Anyone can verify the chain knowing only the root's public key.
//
// Wire: protocol buffers (trust.proto); signed bytes travel opaque, and each signature covers a
// domain tag ("sixpn invite v1", ...) before the bytes, so that one kind can never pass for
// another.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "base/time.h"
#include "registry/core/keys.h"

namespace sixpn {

// Sizes, checked before any signature is: a host record with its certificate must fit one knock.
inline constexpr std::size_t kMaxInviteBytes = 512;
inline constexpr std::size_t kMaxInviteOrgBytes =
    256;  // of the names of its orgs, two more for each
inline constexpr std::size_t kMaxCertificateBytes = 640;
inline constexpr std::size_t kMaxRevocationBytes = 256;
inline constexpr std::size_t kMaxRenewalBytes = 256;
inline constexpr std::size_t kMaxSeeds = 16;
inline constexpr std::size_t kMaxSeedEndpoints = 16;  // of each kind, per seed

// In Invite::orgs, alone: any org.
inline constexpr std::string_view kAnyOrg = "*";

// How to reach an existing host: enough to build its WireGuard peer and to knock.
struct Seed {
  HostId host;
  PublicKey wireguard_key{};
  std::vector<IpEndpoint> wireguard;
  std::vector<IpEndpoint> knock;
  friend bool operator==(const Seed&, const Seed&) = default;
};

struct Invite {
  std::string cluster;  // 16 bytes: BLAKE2b of the root public key, truncated
  std::uint64_t serial = 0;
  HostId host;
  std::string name;
  std::string region;
  std::vector<std::string> orgs;  // {"*"}: any org
  WallTime expires{};             // enrolment must happen before
  PublicKey enrolment_key{};
  // How long the host's certificate is good, unless a renewal says otherwise (validity.h). Nothing:
  // for ever, as for all that was invited before validities existed.
  std::optional<WallTime> valid_until;
  std::optional<WallTime> issued;  // when the root signed this; nothing in older invites

  [[nodiscard]] bool allows_org(const std::string& org) const;
  friend bool operator==(const Invite&, const Invite&) = default;
};

struct HostCertificate {
  Invite invite;
  PublicKey signing_key{};  // Ed25519, made on the host
  WallTime enrolled{};
  SharedText encoded;  // what travels, and what is compared for equality of enrolments
  friend bool operator==(const HostCertificate&, const HostCertificate&) = default;
};

struct Token {
  PublicKey root_key{};
  Secret cluster_key;
  Secret enrolment_seed;
  std::string signed_invite;  // encoded SignedInvite
  std::vector<Seed> seeds;
};

// The cluster id of a root key: BLAKE2b-256 of it, first 16 bytes.
std::string cluster_id(const PublicKey& root_key);

// Signs an invite with the root key; the result goes into a Token.
std::string sign_invite(const Invite& invite, const SigningKey& root);
// Errors: not a signed invite, not signed by this root, of another cluster, bad name, region or
// host id, a time that is no date.
Result<Invite> verify_invite(std::string_view signed_invite, const PublicKey& root_key);

// Makes the host certificate on the new host. Errors: as verify_invite, or the invite is not for
// this enrolment key, or it had expired at `now`.
Result<HostCertificate> enrol(const Token& token, const PublicKey& signing_key, WallTime now);
// The whole chain. Every receiver calls this, once per certificate.
Result<HostCertificate> verify_certificate(std::string_view encoded, const PublicKey& root_key);

// Which of two enrolments of one host id stands: the earlier claimed one; equal times, the smaller
// encoding. True when `a` wins.
bool enrolment_wins(const HostCertificate& a, const HostCertificate& b);

// Revocation statement of a host, signed by the root (travels in RevocationRecord::statement).
std::string sign_revocation(HostId host, WallTime when, const SigningKey& root);
Result<HostId> verify_revocation(std::string_view statement, const PublicKey& root_key);

// What names a certificate in a renewal, and to a person.
Hash certificate_digest(std::string_view encoded);

// The root's statement that one certificate is good until another time. It counts for the
// certificate with this digest alone, so that it is worth nothing to a second enrolment.
struct Renewal {
  HostId host;
  Hash certificate{};
  WallTime valid_until{};
  WallTime signed_at{};
  friend bool operator==(const Renewal&, const Renewal&) = default;
};
std::string sign_renewal(const Renewal& renewal, const SigningKey& root);
// Errors: not a signed renewal, not signed by this root, of another cluster, damaged content.
Result<Renewal> verify_renewal(std::string_view statement, const PublicKey& root_key);

// Token text: "sixpn1." and base64url. Errors say what is wrong: not a token, cut short, other
// version.
std::string encode_token(const Token& token);
Result<Token> decode_token(std::string_view text);

// Seeds as an enrolled host keeps them on disk. Errors: damaged bytes, too many, an odd size.
std::string encode_seeds(const std::vector<Seed>& seeds);
Result<std::vector<Seed>> decode_seeds(std::string_view bytes);

}  // namespace sixpn
