// The chain of trust and the knock. Half of the inputs are what a thief would send: bytes as they
// are. The other half stand behind a right signature or MAC, where a newer version, or a mistake
// with the root key, would put them.
#include "base/encoding.h"
#include "mesh/core/knock.h"
#include "registry/core/certificate.h"
#include "registry/core/trust.pb.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn::fuzz {
namespace {

const test::TrustFixture& keys() {
  static const test::TrustFixture made;
  return made;
}

std::string sealed(std::string_view tag, std::string_view body, const SigningKey& key) {
  std::string message(tag);
  message += '\0';
  message += body;
  trust::Signed statement;
  statement.set_body(std::string(body));
  statement.set_signature(std::string(as_bytes(key.sign(message))));
  return statement.SerializeAsString();
}

// An invite that verifies can be said again by the root, and means the same.
void check_invite(std::string_view signed_invite) {
  const PublicKey& root = keys().root.public_key();
  auto invite = verify_invite(signed_invite, root);
  if (!invite) return;
  SIXPN_PROMISE(signed_invite.size() <= kMaxInviteBytes);
  auto again = verify_invite(sign_invite(*invite, keys().root), root);
  SIXPN_PROMISE(again && *again == *invite);
}

void check_certificate(std::string_view encoded) {
  auto certificate = verify_certificate(encoded, keys().root.public_key());
  if (!certificate) return;
  SIXPN_PROMISE(encoded.size() <= kMaxCertificateBytes && certificate->encoded == encoded);
  SIXPN_PROMISE(certificate->enrolled <= certificate->invite.expires);
  SIXPN_PROMISE(!enrolment_wins(*certificate, *certificate));
}

void check_seeds(std::string_view bytes) {
  auto seeds = decode_seeds(bytes);
  if (!seeds) return;
  SIXPN_PROMISE(seeds->size() <= kMaxSeeds);
  auto again = decode_seeds(encode_seeds(*seeds));
  SIXPN_PROMISE(again && *again == *seeds);
}

void check_token(std::string_view text) {
  auto token = decode_token(text);
  if (!token) {
    SIXPN_PROMISE(!token.error().message.empty());
    return;
  }
  auto again = decode_token(encode_token(*token));
  SIXPN_PROMISE(again && again->signed_invite == token->signed_invite &&
                again->seeds == token->seeds && again->root_key == token->root_key);
}

// The frame of mesh/core/knock.h around any content, with a right MAC.
std::string knock_frame(char kind, std::string_view content, const Secret& key) {
  std::string frame = {1, kind};
  std::string rest = {static_cast<char>(content.size() >> 8), static_cast<char>(content.size())};
  rest += content;
  if (kind == 1) rest.resize(mesh::kKnockBytes - 18, '\0');
  std::string covered = kind == 1 ? "sixpn knock v1" : "sixpn knock reply v1";
  covered += '\0';
  covered += frame + rest;
  return frame + std::string(as_bytes(compute_mac(key, covered))) + rest;
}

void check_knock(std::string_view bytes, const Secret& key) {
  auto decoded = mesh::decode_knock_datagram(bytes, key);
  if (const auto* knock = std::get_if<mesh::Knock>(&decoded)) {
    SIXPN_PROMISE(bytes.size() == mesh::kKnockBytes);
    auto host = mesh::verify_host_record(knock->record, keys().root.public_key());
    SIXPN_PROMISE(!host || host->host().id == host->certificate.invite.host);
    if (auto again = mesh::encode_knock(*knock, key)) {
      auto said = mesh::decode_knock_datagram(*again, key);
      SIXPN_PROMISE(std::holds_alternative<mesh::Knock>(said));
      SIXPN_PROMISE(*std::get_if<mesh::Knock>(&said) == *knock);
    }
  } else if (const auto* reply = std::get_if<mesh::KnockReply>(&decoded)) {
    SIXPN_PROMISE(reply->reason.size() <= mesh::kMaxReasonBytes);
    SIXPN_PROMISE(mesh::encode_reply(*reply, key).size() <= mesh::kKnockBytes);
  }
}

}  // namespace

void trust(std::string_view bytes) {
  Choices choices(bytes);
  std::uint8_t mode = choices.byte();
  std::string_view rest = choices.rest();
  const PublicKey& root = keys().root.public_key();
  switch (mode % 9) {
    case 0:
      check_invite(rest);
      check_certificate(rest);
      static_cast<void>(verify_revocation(rest, root));
      static_cast<void>(verify_renewal(rest, root));
      return;
    case 1:
      return check_invite(sealed("sixpn invite v1", rest, keys().root));
    case 2:
      return check_certificate(sealed("sixpn certificate v1", rest, keys().enrolment));
    case 3:
      if (auto host = verify_revocation(sealed("sixpn revocation v1", rest, keys().root), root)) {
        auto again = verify_revocation(sign_revocation(*host, test::kInvited, keys().root), root);
        SIXPN_PROMISE(again && *again == *host);
      }
      return;
    case 4:
      return check_seeds(rest);
    case 5:
      return check_token(rest);
    case 6: {  // a token that came whole, of anything
      if (rest.size() > 0xffff) return;
      std::string payload = {0, static_cast<char>(rest.size() >> 8),
                             static_cast<char>(rest.size())};
      payload += rest;
      payload += as_bytes(hash(rest)).substr(0, 4);
      return check_token("sixpn1." + to_base64(payload, Base64::kUrl));
    }
    case 7:
      if (auto renewal = verify_renewal(sealed("sixpn renewal v1", rest, keys().root), root)) {
        auto again = verify_renewal(sign_renewal(*renewal, keys().root), root);
        SIXPN_PROMISE(again && *again == *renewal);
      }
      return;
    default: {  // a statement of one kind never passes as another
      std::string invite = sealed("sixpn invite v1", rest, keys().root);
      SIXPN_PROMISE(!verify_revocation(invite, root));
      SIXPN_PROMISE(!verify_invite(sealed("sixpn revocation v1", rest, keys().root), root));
      return;
    }
  }
}

void knock(std::string_view bytes) {
  static const Secret key = test::secret_of('c');
  check_knock(bytes, key);
  Choices choices(bytes);
  char kind = (choices.byte() & 1) != 0 ? 1 : 2;
  if (choices.rest().size() > mesh::kKnockBytes - 20) return;
  check_knock(knock_frame(kind, choices.rest(), key), key);
}

}  // namespace sixpn::fuzz
