#include "registry/core/x509.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>

#include "base/encoding.h"

namespace sixpn {
namespace {

template <auto Free>
struct Freed {
  void operator()(auto* owned) const { Free(owned); }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freed<EC_POINT_clear_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

constexpr std::size_t kScalarBytes = 32;
constexpr std::size_t kSerialBytes = 16;
constexpr const char* kGroup = "prime256v1";
constexpr const char* kNameConstraints =
    "critical,permitted;DNS:flycast,permitted;DNS:internal,"
    "permitted;IP:fdaa:0:0:0:0:0:0:0/ffff:0:0:0:0:0:0:0";

const unsigned char* unsigned_data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Error openssl_error(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return Error(what + ": " + (reason != nullptr ? reason : "OpenSSL failed"));
}

Group p256() {
  return Group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
}

std::string encode_point(const EC_GROUP* group, const EC_POINT* point,
                         point_conversion_form_t form) {
  std::array<unsigned char, 65> bytes;
  std::size_t size = EC_POINT_point2oct(group, point, form, bytes.data(), bytes.size(), nullptr);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

// In 1 .. order - 1, evenly: 512 bits are reduced (FIPS 186-5 section A.2.1).
Secret derive_scalar(const Secret& seed, std::string_view purpose) {
  const std::string message = std::string("sixpn tls key v1") + '\0' + std::string(purpose);
  std::array<unsigned char, EVP_MAX_MD_SIZE> wide;
  unsigned size = 0;
  HMAC(EVP_sha512(), seed.bytes().data(), static_cast<int>(seed.bytes().size()),
       unsigned_data(message), message.size(), wide.data(), &size);
  Number scalar(BN_bin2bn(wide.data(), static_cast<int>(size), nullptr));
  OPENSSL_cleanse(wide.data(), wide.size());
  Group group = p256();
  Number most(BN_dup(EC_GROUP_get0_order(group.get())));
  BN_CTX* scratch = BN_CTX_secure_new();
  BN_sub_word(most.get(), 1);
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  BN_mod(scalar.get(), scalar.get(), most.get(), scratch);
  BN_CTX_free(scratch);
  BN_add_word(scalar.get(), 1);
  std::array<unsigned char, kScalarBytes> bytes;
  BN_bn2binpad(scalar.get(), bytes.data(), bytes.size());
  auto out = Secret::from_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return *out;
}

Number number_of(const Secret& scalar) {
  return Number(BN_bin2bn(scalar.bytes().data(), kScalarBytes, nullptr));
}

std::string public_key_of(const Secret& scalar) {
  Group group = p256();
  Point point(EC_POINT_new(group.get()));
  EC_POINT_mul(group.get(), point.get(), number_of(scalar).get(), nullptr, nullptr, nullptr);
  return encode_point(group.get(), point.get(), POINT_CONVERSION_COMPRESSED);
}

// Null when the bytes are no point. `scalar` may be null: a public key.
Key make_key(std::string_view public_key, const BIGNUM* scalar) {
  Group group = p256();
  Point point(EC_POINT_new(group.get()));
  if (EC_POINT_oct2point(group.get(), point.get(), unsigned_data(public_key), public_key.size(),
                         nullptr) != 1)
    return nullptr;
  // Written out: many readers of certificates know no compressed points.
  const std::string whole = encode_point(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED);
  std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> fields(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(fields.get(), OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0);
  OSSL_PARAM_BLD_push_octet_string(fields.get(), OSSL_PKEY_PARAM_PUB_KEY, whole.data(),
                                   whole.size());
  if (scalar != nullptr) OSSL_PARAM_BLD_push_BN(fields.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar);
  std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> given(OSSL_PARAM_BLD_to_param(fields.get()));
  std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) == 1)
    EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, given.get());
  return Key(made);
}

Key make_key(const TlsKey& key) {
  return make_key(key.public_key(), number_of(key.scalar()).get());
}

std::string encode(const X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

// OpenSSL reads BER, too, and takes fingerprints of what it would have written.
Certificate parse(std::string_view der) {
  const unsigned char* at = unsigned_data(der);
  Certificate read(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  bool same = read && encode(read.get()) == der;
  ERR_clear_error();
  return same ? std::move(read) : nullptr;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes.front() =
      static_cast<unsigned char>((bytes.front() & 0x3fU) | 0x40U);  // positive, 16 bytes
  Number serial(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, const CertificateTimes& times) {
  auto seconds = [](WallTime time) { return static_cast<time_t>(unix_ms(time) / 1000); };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(times.from)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(times.until)) != nullptr;
}

bool set_name(X509* certificate, const std::string& name) {
  return name.empty() ||
         X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                    MBSTRING_UTF8, const_cast<unsigned char*>(unsigned_data(name)),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

struct Extension {
  int nid;
  std::string value;
};

bool add_extensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  return std::all_of(extensions.begin(), extensions.end(), [&](const Extension& each) {
    std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> made(
        X509V3_EXT_nconf_nid(nullptr, &context, each.nid, each.value.c_str()));
    return made && X509_add_ext(certificate, made.get(), -1) == 1;
  });
}

struct Wanted {
  std::string name;
  std::string_view public_key;
  CertificateTimes times;
  std::vector<Extension> extensions;
};

// `issuer` null: the certificate signs itself.
Result<std::string> make(const Wanted& wanted, const TlsKey& signer, X509* issuer) {
  Certificate made(X509_new());
  Key subject_key = make_key(wanted.public_key, nullptr);
  Key signing_key = make_key(signer);
  if (!subject_key) return openssl_error("the public key is no point of P-256");
  X509* by = issuer == nullptr ? made.get() : issuer;
  bool sound = made && signing_key && X509_set_version(made.get(), X509_VERSION_3) == 1 &&
               set_serial(made.get()) && set_times(made.get(), wanted.times) &&
               set_name(made.get(), wanted.name) &&
               X509_set_issuer_name(made.get(), X509_get_subject_name(by)) == 1 &&
               X509_set_pubkey(made.get(), subject_key.get()) == 1 &&
               add_extensions(made.get(), by, wanted.extensions) &&
               X509_sign(made.get(), signing_key.get(), EVP_sha256()) > 0;
  std::string der = sound ? encode(made.get()) : "";
  if (der.empty()) return openssl_error("making a certificate");
  return der;
}

Result<std::string> make_under(const Wanted& wanted, const TlsKey& signer, std::string_view der) {
  Certificate issuer = parse(der);
  if (!issuer) return Error("the issuing certificate is damaged");
  return make(wanted, signer, issuer.get());
}

std::vector<Extension> signer_extensions(const std::string& path_length) {
  return {{NID_basic_constraints, "critical,CA:TRUE,pathlen:" + path_length},
          {NID_key_usage, "critical,keyCertSign,cRLSign"},
          {NID_name_constraints, kNameConstraints},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid"}};
}

std::optional<WallTime> wall_time(const ASN1_TIME* time) {
  std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return std::nullopt;
  return from_unix_ms((std::int64_t{days} * 24 * 60 * 60 + seconds) * 1000);
}

std::string point_of(const X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  std::array<unsigned char, 65> bytes;
  std::size_t size = 0;
  std::array<char, 32> group{};
  bool right = key != nullptr &&
               EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
               std::string_view(group.data()) == kGroup &&
               EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, bytes.data(),
                                               bytes.size(), &size) == 1;
  Group curve = p256();
  Point point(EC_POINT_new(curve.get()));
  if (!right || EC_POINT_oct2point(curve.get(), point.get(), bytes.data(), size, nullptr) != 1)
    return {};
  return encode_point(curve.get(), point.get(), POINT_CONVERSION_COMPRESSED);
}

std::string name_of(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  std::array<char, 256> text{};
  X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(subject), NID_commonName, text.data(),
                            text.size());
  return text.data();
}

}  // namespace

TlsKey::TlsKey(const Secret& seed, std::string_view purpose)
    : scalar_(derive_scalar(seed, purpose)), public_key_(public_key_of(scalar_)) {}

Result<std::string> make_authority(const TlsKey& key, const std::string& name,
                                   const CertificateTimes& times) {
  return make({name, key.public_key(), times, signer_extensions("1")}, key, nullptr);
}

Result<std::string> make_issuer(const TlsKey& authority_key, std::string_view authority,
                                const std::string& name, std::string_view public_key,
                                const CertificateTimes& times) {
  return make_under({name, public_key, times, signer_extensions("0")}, authority_key, authority);
}

Result<std::string> make_leaf(const TlsKey& issuer_key, std::string_view issuer,
                              const LeafNames& names, std::string_view public_key,
                              const CertificateTimes& times) {
  // Critical, since the subject has no name (RFC 5280 section 4.2.1.6).
  std::string alternatives = "critical";
  for (const auto& name : names.dns) alternatives += ",DNS:" + name;
  for (const auto& address : names.addresses) alternatives += ",IP:" + to_string(address);
  Wanted wanted{"", public_key, times, {}};
  wanted.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                       {NID_key_usage, "critical,digitalSignature"},
                       {NID_ext_key_usage, "serverAuth"},
                       {NID_subject_alt_name, alternatives},
                       {NID_subject_key_identifier, "hash"},
                       {NID_authority_key_identifier, "keyid"}};
  return make_under(wanted, issuer_key, issuer);
}

Result<CertificateFacts> read_certificate(std::string_view der) {
  Certificate read = parse(der);
  if (!read) return Error("not an X.509 certificate: the bytes are damaged or cut short");
  CertificateFacts facts;
  facts.name = name_of(read.get());
  facts.public_key = point_of(read.get());
  if (facts.public_key.empty()) return Error("the certificate's key is not of P-256");
  auto from = wall_time(X509_get0_notBefore(read.get()));
  auto until = wall_time(X509_get0_notAfter(read.get()));
  if (!from || !until) return Error("the certificate's times are no dates");
  facts.times = {*from, *until};
  facts.may_sign = X509_check_ca(read.get()) == 1;
  unsigned size = 0;
  X509_digest(read.get(), EVP_sha256(), facts.fingerprint.data(), &size);
  return facts;
}

bool is_issued_by(std::string_view certificate, std::string_view issuer) {
  Certificate subject = parse(certificate);
  Certificate signer = parse(issuer);
  bool is = subject && signer && X509_check_issued(signer.get(), subject.get()) == X509_V_OK &&
            X509_verify(subject.get(), X509_get0_pubkey(signer.get())) == 1;
  ERR_clear_error();
  return is;
}

std::string certificate_pem(std::string_view der) {
  constexpr std::size_t kLine = 64;
  std::string text = to_base64(der);
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += kLine) out += text.substr(at, kLine) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

Result<std::string> private_key_der(const TlsKey& key) {
  Key whole = make_key(key);
  unsigned char* der = nullptr;
  int size = whole ? i2d_PrivateKey(whole.get(), &der) : -1;
  if (size <= 0) return openssl_error("encoding a key");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return out;
}

}  // namespace sixpn
