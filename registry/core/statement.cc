#include "registry/core/statement.h"

#include "base/encoding.h"
#include "registry/core/trust.pb.h"

namespace sixpn {
namespace {

std::string signed_bytes(std::string_view tag, std::string_view body) {
  std::string bytes(tag);
  bytes += '\0';
  bytes += body;
  return bytes;
}

// The only encoding of a statement.
std::string encode_statement(std::string_view body, const Signature& signature) {
  trust::Signed statement;
  statement.set_body(std::string(body));
  statement.set_signature(std::string(as_bytes(signature)));
  return statement.SerializeAsString();
}

}  // namespace

std::string seal(std::string_view tag, std::string_view body, const SigningKey& key) {
  return encode_statement(body, key.sign(signed_bytes(tag, body)));
}

Result<Unverified> unseal(std::string_view encoded, std::size_t limit, const std::string& what) {
  if (encoded.size() > limit)
    return Error("the " + what + " has " + std::to_string(encoded.size()) + " bytes, at most " +
                 std::to_string(limit) + " are allowed");
  trust::Signed statement;
  if (!statement.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())))
    return Error("not a signed " + what + ": the bytes are damaged or cut short");
  auto signature = to_array<64>(statement.signature());
  if (!signature || statement.body().empty())
    return Error("not a signed " + what + ": the bytes are damaged or cut short");
  // Equality of enrolments is equality of bytes: no second encoding of a statement passes.
  if (encode_statement(statement.body(), *signature) != encoded)
    return Error("not a signed " + what + ": bytes that do not belong there");
  return Unverified{statement.body(), *signature};
}

bool is_signed_by(const Unverified& statement, std::string_view tag, const PublicKey& key) {
  return verify(key, signed_bytes(tag, statement.body), statement.signature);
}

}  // namespace sixpn
