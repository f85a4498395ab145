// Statements of the chain of trust, tokens and knocks, with all of their fields.
#include "base/encoding.h"
#include "mesh/core/knock.h"
#include "registry/core/trust.pb.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn::fuzz {
namespace {

std::string body(std::string_view sealed) {
  trust::Signed statement;
  statement.ParseFromString(std::string(sealed));
  return statement.body();
}

// Of a token's text: what is between its length and its checksum.
std::string payload_of(const std::string& token) {
  constexpr std::size_t kLengthBytes = 3;
  constexpr std::size_t kChecksumBytes = 4;
  const std::string bytes = *parse_base64(token.substr(token.find('.') + 1), Base64::kUrl);
  return bytes.substr(kLengthBytes, bytes.size() - kLengthBytes - kChecksumBytes);
}

void add_statements(Seeds& seeds) {
  const test::TrustFixture keys;
  Invite invite = keys.invite();
  invite.valid_until = test::kInvited + std::chrono::hours(9999);
  invite.issued = test::kInvited;
  Token token = keys.token_of(invite);
  PublicKey wireguard_key;
  wireguard_key.fill(5);
  const auto at = [](const char* text) { return *parse_endpoint(text); };
  token.seeds = {{HostId(0x20003),
                  wireguard_key,
                  {at("192.0.2.1:51820"), at("[2001:db8::1]:51820")},
                  {at("192.0.2.1:51821")}},
                 {HostId(0x20004), wireguard_key, {}, {at("[2001:db8::2]:51821")}}};
  const std::string signed_invite = sign_invite(invite, keys.root);
  const HostCertificate certificate = enrol(token, keys.host.public_key(), test::kInvited).value();
  const std::string revocation = sign_revocation(invite.host, test::kInvited, keys.root);
  const std::string renewal = sign_renewal(
      {invite.host, certificate_digest(certificate.encoded), *invite.valid_until, test::kInvited},
      keys.root);
  seeds.add("trust", "invite-signed", '\0' + signed_invite);
  seeds.add("trust", "certificate-signed", '\0' + certificate.encoded.str());
  seeds.add("trust", "revocation-signed", '\0' + revocation);
  seeds.add("trust", "renewal-signed", '\0' + renewal);
  seeds.add("trust", "invite", '\1' + body(signed_invite));
  seeds.add("trust", "certificate", '\2' + body(certificate.encoded));
  seeds.add("trust", "revocation", '\3' + body(revocation));
  seeds.add("trust", "seeds", '\4' + encode_seeds(token.seeds));
  seeds.add("trust", "token", '\5' + encode_token(token));
  seeds.add("trust", "token-payload", '\6' + payload_of(encode_token(token)));
  seeds.add("trust", "renewal", '\7' + body(renewal));
}

// knock() puts a header of its own before what it is given: the content that the frame's says.
std::string content_of(const std::string& frame) {
  constexpr std::size_t kLengthAt = 18;
  auto at = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(frame[i]); };
  return frame.substr(kLengthAt + 2, at(kLengthAt) << 8 | at(kLengthAt + 1));
}

void add_knocks(Seeds& seeds) {
  const Secret key = test::secret_of('c');
  const std::string cluster = cluster_id(pool_cluster().root().public_key());
  const std::string host = full_records().front().record->wire();
  const auto observed = *parse_endpoint("[2001:db8::9]:40000");
  const mesh::Knock knock{cluster, 0x0102'0304'0506'0708, test::kInvited, host};
  const mesh::KnockReply accepted{cluster, knock.nonce, true, "", host, observed};
  const mesh::KnockReply refused{cluster, knock.nonce, false, "revoked", "", observed};
  auto add = [&](const std::string& name, char kind, const std::string& frame) {
    seeds.add("knock", name, frame);
    seeds.add("knock", name + "-content", kind + content_of(frame));
  };
  add("knock", '\1', *mesh::encode_knock(knock, key));
  add("accepted", '\2', mesh::encode_reply(accepted, key));
  add("refused", '\2', mesh::encode_reply(refused, key));
}

}  // namespace

void add_trust(Seeds& seeds) {
  add_statements(seeds);
  add_knocks(seeds);
}

}  // namespace sixpn::fuzz
