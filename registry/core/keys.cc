#include "registry/core/keys.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "base/encoding.h"

namespace sixpn {
namespace {

// libsodium must be initialised once before use; failing that there is no randomness to trust.
const bool kReady = [] {
  if (sodium_init() < 0) std::abort();
  return true;
}();

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// ---- proofs of possession: scalars are 32 bytes, little-endian, modulo the order of the base
// point

using Scalar = std::array<std::uint8_t, crypto_core_ed25519_SCALARBYTES>;
using WideScalar = std::array<std::uint8_t, crypto_core_ed25519_NONREDUCEDSCALARBYTES>;

// Wiped when it goes.
struct SecretScalar {
  Scalar value{};
  SecretScalar() = default;
  SecretScalar(const SecretScalar&) = delete;
  SecretScalar& operator=(const SecretScalar&) = delete;
  ~SecretScalar() { sodium_memzero(value.data(), value.size()); }
};

void reduce(WideScalar& wide, Scalar& out) {
  crypto_core_ed25519_scalar_reduce(out.data(), wide.data());
  sodium_memzero(wide.data(), wide.size());
}

// SHA-512 of all parts, as a scalar.
void hash_to_scalar(std::initializer_list<std::string_view> parts, Scalar& out) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (std::string_view part : parts)
    crypto_hash_sha512_update(&state, bytes_of(part), part.size());
  WideScalar wide;
  crypto_hash_sha512_final(&state, wide.data());
  sodium_memzero(&state, sizeof state);
  reduce(wide, out);
}

// What X25519 multiplies by (RFC 7748, section 5), reduced.
void scalar_of(const Secret& private_key, Scalar& out) {
  WideScalar wide{};
  std::ranges::copy(private_key.bytes(), wide.begin());
  wide[0] &= 248;
  wide[31] = static_cast<std::uint8_t>((wide[31] & 127) | 64);
  reduce(wide, out);
}

constexpr std::size_t kEdwardsBytes = crypto_core_ed25519_BYTES;
static_assert(std::tuple_size_v<PossessionProof> == kEdwardsBytes + crypto_sign_BYTES);

}  // namespace

Secret Secret::random() {
  static_cast<void>(kReady);
  Secret secret;
  randombytes_buf(secret.bytes_.data(), secret.bytes_.size());
  return secret;
}

std::optional<Secret> Secret::from_bytes(std::string_view bytes) {
  Secret secret;
  if (bytes.size() != secret.bytes_.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    secret.bytes_[i] = static_cast<std::uint8_t>(bytes[i]);
  return secret;
}

Secret::~Secret() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

bool operator==(const Secret& a, const Secret& b) {
  return sodium_memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) == 0;
}

SigningKey::SigningKey(Secret seed) : seed_(seed) {
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret_key;
  crypto_sign_seed_keypair(public_key_.data(), secret_key.data(), seed_.bytes().data());
  sodium_memzero(secret_key.data(), secret_key.size());
}

Signature SigningKey::sign(std::string_view message) const {
  // An Ed25519 secret key in libsodium is the seed followed by the public key.
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret_key;
  std::copy(seed_.bytes().begin(), seed_.bytes().end(), secret_key.begin());
  std::copy(public_key_.begin(), public_key_.end(), secret_key.begin() + 32);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, bytes_of(message), message.size(),
                       secret_key.data());
  sodium_memzero(secret_key.data(), secret_key.size());
  return signature;
}

bool verify(const PublicKey& key, std::string_view message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), bytes_of(message), message.size(),
                                     key.data()) == 0;
}

PublicKey wireguard_public_key(const Secret& private_key) {
  PublicKey key;
  crypto_scalarmult_curve25519_base(key.data(), private_key.bytes().data());
  return key;
}

Secret generate_wireguard_key() {
  auto clamped = Secret::random().bytes();
  clamped[0] &= 248;
  clamped[31] = static_cast<std::uint8_t>((clamped[31] & 127) | 64);
  auto secret = Secret::from_bytes({reinterpret_cast<const char*>(clamped.data()), clamped.size()});
  sodium_memzero(clamped.data(), clamped.size());
  return *secret;
}

PossessionProof prove_possession(const Secret& private_key, std::string_view statement) {
  SecretScalar secret;
  SecretScalar nonce;
  scalar_of(private_key, secret.value);
  // No hash of a signature begins with 32 bytes of ones: they are no point.
  const std::string apart = '\xfe' + std::string(31, '\xff');
  hash_to_scalar({apart, as_bytes(secret.value), statement}, nonce.value);
  std::array<std::uint8_t, kEdwardsBytes> edwards;
  std::array<std::uint8_t, kEdwardsBytes> commitment;
  crypto_scalarmult_ed25519_base_noclamp(edwards.data(), secret.value.data());
  crypto_scalarmult_ed25519_base_noclamp(commitment.data(), nonce.value.data());
  Scalar response;
  hash_to_scalar({as_bytes(commitment), as_bytes(edwards), statement}, response);
  crypto_core_ed25519_scalar_mul(response.data(), response.data(), secret.value.data());
  crypto_core_ed25519_scalar_add(response.data(), response.data(), nonce.value.data());
  PossessionProof proof;
  auto end = std::ranges::copy(edwards, proof.begin()).out;
  end = std::ranges::copy(commitment, end).out;
  std::ranges::copy(response, end);
  return proof;
}

bool check_possession(const PublicKey& wireguard_key, std::string_view statement,
                      std::string_view proof) {
  if (proof.size() != sizeof(PossessionProof)) return false;
  const unsigned char* edwards = bytes_of(proof);
  PublicKey montgomery;
  // Refuses what is no point of the main subgroup.
  if (crypto_sign_ed25519_pk_to_curve25519(montgomery.data(), edwards) != 0) return false;
  return montgomery == wireguard_key &&
         crypto_sign_verify_detached(edwards + kEdwardsBytes, bytes_of(statement), statement.size(),
                                     edwards) == 0;
}

Mac compute_mac(const Secret& key, std::string_view message) {
  Mac mac;
  crypto_generichash(mac.data(), mac.size(), bytes_of(message), message.size(), key.bytes().data(),
                     key.bytes().size());
  return mac;
}

bool check_mac(const Secret& key, std::string_view message, const Mac& mac) {
  Mac expected = compute_mac(key, message);
  return sodium_memcmp(expected.data(), mac.data(), mac.size()) == 0;
}

Hash hash(std::string_view message) {
  Hash out;
  crypto_generichash(out.data(), out.size(), bytes_of(message), message.size(), nullptr, 0);
  return out;
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  randombytes_buf(&value, sizeof value);
  return value;
}

}  // namespace sixpn
