// Certificates for TLS and the root's word on them. Half of the grants stand behind a right
// signature, as in trust_targets.cc; half of the certificates have right lengths around them.
#include <openssl/sha.h>

#include "registry/core/address.h"
#include "registry/core/record_rules.h"
#include "registry/core/statement.h"
#include "registry/core/tls_grant.h"
#include "tests/fuzz/der.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/registry/tls_world.h"

namespace sixpn::fuzz {
namespace {

// ECDSA with SHA-256 (RFC 5758 section 3.2).
constexpr std::string_view kEcdsa = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

// An org's authority whose key no input can be signed by: it is drawn anew in each run.
struct World : test::TlsWorld {
  TlsGrant drawn = authority(SigningKey::generate(), "acme");
  World() { put("acme", HostId{}, sign_tls_grant(drawn, root)); }
};

const World& world() {
  static const World made;
  return made;
}

// What a certificate says can be certified again, and then says the same; and it is nobody's whose
// key did not sign it.
void check_facts(std::string_view certificate) {
  static const TlsKey key = TlsKey::generate();
  static const CertificateTimes times{test::kNow, test::kNow + std::chrono::hours(1)};
  static const std::string authority = *make_authority(key, "a", times);
  SIXPN_PROMISE(!is_issued_by(certificate, authority));
  SIXPN_PROMISE(!is_issued_by(authority, certificate));
  auto facts = read_certificate(certificate);
  if (!facts) {
    SIXPN_PROMISE(!facts.error().message.empty());
    return;
  }
  SIXPN_PROMISE(facts->public_key.size() == registry::kTlsKeyBytes && facts->name.size() < 256);
  auto again = make_issuer(key, authority, "b", facts->public_key, facts->times);
  SIXPN_PROMISE(again.has_value() && is_issued_by(*again, authority));
  auto said = read_certificate(*again);
  SIXPN_PROMISE(said && said->name == "b" && said->may_sign);
  SIXPN_PROMISE(said->public_key == facts->public_key);
  SIXPN_PROMISE(said->times.from == facts->times.from && said->times.until == facts->times.until);
  SIXPN_PROMISE(said->fingerprint != facts->fingerprint);
}

Hash sha256(std::string_view bytes) {
  Hash out;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data());
  return out;
}

void check_grant(std::string_view statement) {
  const SigningKey& root = world().root;
  auto grant = verify_tls_grant(statement, root.public_key());
  if (!grant) {
    SIXPN_PROMISE(!grant.error().message.empty());
    return;
  }
  SIXPN_PROMISE(statement.size() <= kMaxTlsGrantBytes && !grant->certificate.empty());
  SIXPN_PROMISE(is_dns_label(grant->org) && unix_ms(grant->signed_at) >= 0);
  SIXPN_PROMISE(grant->is_authority() || grant->host.value >= kFirstHostId);
  auto again = verify_tls_grant(sign_tls_grant(*grant, root), root.public_key());
  SIXPN_PROMISE(again && *again == *grant);
  World with = world();
  with.put(grant->org, grant->host, std::string(statement));
  auto authority = find_authority(with.snapshot, grant->org, root.public_key());
  if (authority && grant->is_authority())
    SIXPN_PROMISE(authority->facts.may_sign && authority->certificate == grant->certificate);
  // The root's word for a host is not enough: the authority's key must have signed.
  if (!grant->is_authority()) SIXPN_PROMISE(!with.find());
  check_facts(grant->certificate);
}

}  // namespace

std::string der(char tag, std::string_view content) {
  std::string out(1, tag);
  const std::size_t size = content.size();
  if (size > 0xff) out += {'\x82', static_cast<char>(size >> 8)};
  if (size > 0x7f && size <= 0xff) out += '\x81';
  out += static_cast<char>(size);
  return out += content;
}

std::string_view der_content(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  auto at = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t more = at(1) < 0x80 ? 0 : at(1) & 0x7f;
  if (more > 2 || bytes.size() < 2 + more) return {};
  std::size_t size = more == 0 ? at(1) : 0;
  for (std::size_t i = 0; i < more; ++i) size = size << 8 | at(2 + i);
  return bytes.substr(2 + more, size);
}

std::string certificate_around(std::string_view content) {
  const std::string half = der(kDerInteger, std::string(32, '\1'));
  const std::string signature = der(kDerBits, '\0' + der(kDerSequence, half + half));
  return der(kDerSequence, der(kDerSequence, content) + std::string(kEcdsa) + signature);
}

void tls_grant(std::string_view bytes) {
  Choices choices(bytes);
  if ((choices.byte() & 1) == 0) return check_grant(choices.rest());
  check_grant(seal("sixpn tls grant v1", choices.rest(), world().root));
  // A statement of one kind never passes as another.
  SIXPN_PROMISE(!verify_tls_grant(seal("sixpn renewal v1", choices.rest(), world().root),
                                  world().root.public_key()));
}

void x509(std::string_view bytes) {
  Choices choices(bytes);
  bool whole = (choices.byte() & 1) == 0;
  if (choices.rest().size() > 0xff00) return;
  const std::string certificate =
      whole ? std::string(choices.rest()) : certificate_around(choices.rest());
  if (auto facts = read_certificate(certificate))
    // As browsers show it: of these very bytes.
    SIXPN_PROMISE(facts->fingerprint == sha256(certificate));
  check_facts(certificate);
}

}  // namespace sixpn::fuzz
