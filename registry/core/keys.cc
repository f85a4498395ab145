#include "registry/core/keys.h"

#include <sodium.h>

#include <cstdlib>

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
