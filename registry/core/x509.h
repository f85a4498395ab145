// X.509 certificates for TLS on Flycast, and their P-256 keys: made, read, and no more of the
// standard than that. Thin values over OpenSSL (the only file of this room that includes it is
// x509.cc). An authority signs issuers, one for each host, and an issuer signs leaves, which
// servers show: all but leaves may only name what ends in .flycast or .internal and addresses of
// fdaa::/16 (RFC 5280 section 4.2.1.10, critical), so that installing an authority gives nobody a
// word on other names. Who may be issued what: tls_authority.h, and the callers. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/keys.h"

namespace sixpn {

// Clocks differ: a certificate is good from so long before it is made.
inline constexpr std::chrono::milliseconds kCertificateBackdate = std::chrono::hours(1);

// A P-256 key pair, made from 32 secret bytes and a word for what it is for: the same from the
// same, so that whoever keeps the secret needs to keep nothing else.
class TlsKey {
 public:
  TlsKey(const Secret& seed, std::string_view purpose);
  static TlsKey generate() { return {Secret::random(), "once"}; }

  // Compressed point (SEC 1 section 2.3.3), 33 bytes.
  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  [[nodiscard]] const Secret& scalar() const { return scalar_; }

 private:
  Secret scalar_;
  std::string public_key_;
};

struct CertificateTimes {
  WallTime from{};
  WallTime until{};
};

// What a leaf is good for. Names must be DNS names of labels (is_dns_label): they are not checked
// again.
struct LeafNames {
  std::vector<std::string> dns;
  std::vector<Ip6> addresses;
  friend bool operator==(const LeafNames&, const LeafNames&) = default;
};

// All in DER. Errors: an issuer or a public key that is none, or OpenSSL's.
Result<std::string> make_authority(const TlsKey& key, const std::string& name,
                                   const CertificateTimes& times);
Result<std::string> make_issuer(const TlsKey& authority_key, std::string_view authority,
                                const std::string& name, std::string_view public_key,
                                const CertificateTimes& times);
Result<std::string> make_leaf(const TlsKey& issuer_key, std::string_view issuer,
                              const LeafNames& names, std::string_view public_key,
                              const CertificateTimes& times);

struct CertificateFacts {
  std::string name;        // of the subject
  std::string public_key;  // as TlsKey's
  CertificateTimes times;
  bool may_sign = false;  // an authority or an issuer
  Hash fingerprint{};     // SHA-256 of the DER, as browsers show it
};
// Errors: no certificate, not in DER, bytes behind it, a key that is not of P-256, times that are
// no dates.
Result<CertificateFacts> read_certificate(std::string_view der);
// Signed by that one's key, and says so; nothing about times and names.
bool is_issued_by(std::string_view certificate, std::string_view issuer);

std::string certificate_pem(std::string_view der);
// The private key for whoever must hand it to a library: PKCS #8, DER.
Result<std::string> private_key_der(const TlsKey& key);

}  // namespace sixpn
