// Keys and signatures: thin values over libsodium (the only file that includes it is keys.cc).
// Ed25519 signs (RFC 8032), X25519 is WireGuard's (RFC 7748), BLAKE2b keyed hash is the MAC of the
// knock (RFC 7693). Secrets are wiped when destroyed and never printed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sixpn {

using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519 or X25519
using Signature = std::array<std::uint8_t, 64>;
using Mac = std::array<std::uint8_t, 16>;
using Hash = std::array<std::uint8_t, 32>;

// 32 secret bytes: an Ed25519 seed, an X25519 private key, or the cluster key.
class Secret {
 public:
  static Secret random();
  static std::optional<Secret> from_bytes(std::string_view bytes);  // exactly 32

  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret();

  [[nodiscard]] const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }
  friend bool operator==(const Secret& a, const Secret& b);  // constant time

 private:
  Secret() = default;
  std::array<std::uint8_t, 32> bytes_{};
};

// An Ed25519 key pair kept as its seed.
class SigningKey {
 public:
  explicit SigningKey(Secret seed);
  static SigningKey generate() { return SigningKey(Secret::random()); }

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] const Secret& seed() const { return seed_; }
  [[nodiscard]] Signature sign(std::string_view message) const;

 private:
  Secret seed_;
  PublicKey public_key_{};
};

bool verify(const PublicKey& key, std::string_view message, const Signature& signature);

// The WireGuard public key of a private key.
PublicKey wireguard_public_key(const Secret& private_key);
// A fresh WireGuard private key (clamped).
Secret generate_wireguard_key();

// That who made it has the private key of a WireGuard key: an Ed25519 signature with the same
// scalar over a statement, behind that key's Edwards form. As XEdDSA (Perrin, "The XEdDSA and
// VXEdDSA Signature Schemes", 2016), but with the sign of the Edwards form told instead of fixed,
// and the nonce drawn from key and statement alone, as RFC 8032 does: the same proof each time.
using PossessionProof = std::array<std::uint8_t, 96>;
PossessionProof prove_possession(const Secret& private_key, std::string_view statement);
bool check_possession(const PublicKey& wireguard_key, std::string_view statement,
                      std::string_view proof);  // false also for a proof of another length

Mac compute_mac(const Secret& key, std::string_view message);
bool check_mac(const Secret& key, std::string_view message, const Mac& mac);  // constant time

Hash hash(std::string_view message);  // BLAKE2b-256

// 64 random bits, for ids and nonces (from the kernel's generator).
std::uint64_t random_u64();

}  // namespace sixpn
