// Certificates as OpenSSL itself judges them: what an org's authority lets a host say, and what
// not.
#include "registry/core/x509.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "registry/core/tls_authority.h"
#include "tests/unit/registry/trust_fixture.h"

namespace sixpn {
namespace {

using std::chrono::hours;
using test::kInvited;
using test::secret_of;

constexpr WallTime kNow = kInvited;
const CertificateTimes kTimes{kNow - hours(1), kNow + hours(24)};
const Ip6 kAddress = Ip6::from_words({0xfdaa, 0, 1, 0, 1, 0, 0, 2});

using Parsed = std::unique_ptr<X509, decltype(&X509_free)>;
Parsed parse(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return {d2i_X509(nullptr, &at, static_cast<long>(der.size())), &X509_free};
}

// What a TLS client would find: X509_V_OK or why not. `name`: asked for, "" for none.
int judge(const std::string& authority, const std::vector<std::string>& between,
          const std::string& leaf, const std::string& name, WallTime at = kNow) {
  Parsed trusted = parse(authority);
  Parsed subject = parse(leaf);
  std::vector<Parsed> chain;
  STACK_OF(X509)* untrusted = sk_X509_new_null();
  for (const auto& each : between) {
    chain.push_back(parse(each));
    sk_X509_push(untrusted, chain.back().get());
  }
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, trusted.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, subject.get(), untrusted);
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(wanted, static_cast<time_t>(unix_ms(at) / 1000));
  X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
  if (!name.empty()) X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size());
  X509_verify_cert(context);
  int verdict = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  sk_X509_free(untrusted);
  return verdict;
}

struct Chain {
  TlsKey authority_key{secret_of('a'), "authority"};
  TlsKey issuer_key{secret_of('i'), "host"};
  TlsKey leaf_key{secret_of('l'), "leaf"};
  std::string authority = *make_authority(authority_key, "sixpn acme", kTimes);
  std::string issuer =
      *make_issuer(authority_key, authority, "a for acme", issuer_key.public_key(), kTimes);
  [[nodiscard]] std::string leaf(const LeafNames& names) const {
    return *make_leaf(issuer_key, issuer, names, leaf_key.public_key(), kTimes);
  }
};

TEST(X509, KeysFollowFromTheirSeedAndPurpose) {
  TlsKey key(secret_of('s'), "host");
  EXPECT_EQ(key.public_key().size(), 33u);
  EXPECT_EQ(TlsKey(secret_of('s'), "host").public_key(), key.public_key());
  EXPECT_EQ(TlsKey(secret_of('s'), "host").scalar(), key.scalar());
  EXPECT_NE(TlsKey(secret_of('s'), "authority of acme").public_key(), key.public_key());
  EXPECT_NE(TlsKey(secret_of('t'), "host").public_key(), key.public_key());
  EXPECT_NE(TlsKey::generate().public_key(), TlsKey::generate().public_key());
}

TEST(X509, AChainIsGoodForItsNamesAndTimes) {
  Chain chain;
  std::string leaf = chain.leaf({{"web.flycast", "admin.svc.web.flycast"}, {kAddress}});
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, leaf, "web.flycast"), X509_V_OK);
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, leaf, "admin.svc.web.flycast"), X509_V_OK);
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, leaf, "other.flycast"),
            X509_V_ERR_HOSTNAME_MISMATCH);
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, leaf, "", kNow + hours(25)),
            X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, leaf, "", kNow - hours(2)),
            X509_V_ERR_CERT_NOT_YET_VALID);
  EXPECT_NE(judge(chain.authority, {}, leaf, ""), X509_V_OK);
  Chain other;
  other.authority_key = TlsKey(secret_of('b'), "authority");
  other.authority = *make_authority(other.authority_key, "sixpn acme", kTimes);
  EXPECT_NE(judge(other.authority, {chain.issuer}, leaf, "web.flycast"), X509_V_OK);
}

// Whoever installs an authority trusts it with no other names, whatever its hosts sign.
TEST(X509, NobodyMaySpeakForOtherNames) {
  Chain chain;
  const Ip6 outside = Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1});
  for (const LeafNames& names :
       {LeafNames{{"example.com"}, {}}, LeafNames{{"notflycast"}, {}},
        LeafNames{{"web.flycast", "example.com"}, {}}, LeafNames{{"web.flycast"}, {outside}}})
    EXPECT_EQ(judge(chain.authority, {chain.issuer}, chain.leaf(names), ""),
              X509_V_ERR_PERMITTED_VIOLATION)
        << names.dns.front();
  EXPECT_EQ(judge(chain.authority, {chain.issuer}, chain.leaf({{"a.vm.web.internal"}, {}}), ""),
            X509_V_OK);
  // Nor make others that may.
  TlsKey third_key(secret_of('3'), "host");
  std::string third =
      *make_issuer(chain.issuer_key, chain.issuer, "third", third_key.public_key(), kTimes);
  std::string leaf =
      *make_leaf(third_key, third, {{"web.flycast"}, {}}, chain.leaf_key.public_key(), kTimes);
  EXPECT_EQ(judge(chain.authority, {chain.issuer, third}, leaf, ""),
            X509_V_ERR_PATH_LENGTH_EXCEEDED);
  // Nor a leaf.
  std::string forged = *make_leaf(chain.leaf_key, chain.leaf({{"web.flycast"}, {}}),
                                  {{"web.flycast"}, {}}, third_key.public_key(), kTimes);
  EXPECT_NE(judge(chain.authority, {chain.issuer, chain.leaf({{"web.flycast"}, {}})}, forged, ""),
            X509_V_OK);
}

TEST(X509, FactsAreReadBack) {
  Chain chain;
  auto facts = read_certificate(chain.issuer);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->name, "a for acme");
  EXPECT_EQ(facts->public_key, chain.issuer_key.public_key());
  EXPECT_EQ(facts->times.from, kTimes.from);
  EXPECT_EQ(facts->times.until, kTimes.until);
  EXPECT_TRUE(facts->may_sign);
  EXPECT_FALSE(read_certificate(chain.leaf({{"web.flycast"}, {}}))->may_sign);
  EXPECT_TRUE(is_issued_by(chain.issuer, chain.authority));
  EXPECT_FALSE(is_issued_by(chain.authority, chain.issuer));
  TlsKey other(secret_of('b'), "authority");
  EXPECT_FALSE(is_issued_by(chain.issuer, *make_authority(other, "sixpn acme", kTimes)));
  EXPECT_TRUE(certificate_pem(chain.authority).starts_with("-----BEGIN CERTIFICATE-----\nMII"));
}

TEST(X509, DamagedBytesAreAnError) {
  Chain chain;
  for (std::size_t cut = 0; cut < chain.issuer.size(); ++cut)
    EXPECT_FALSE(read_certificate(std::string_view(chain.issuer).substr(0, cut))) << cut;
  EXPECT_FALSE(read_certificate(chain.issuer + "x"));
  // The outermost length in a byte more than it takes: BER, of which a reader of DER has another
  // fingerprint.
  std::string longer = chain.issuer;
  ASSERT_EQ(longer[1], '\x82');
  longer[1] = '\x83';
  longer.insert(2, 1, '\0');
  EXPECT_FALSE(read_certificate(longer));
  EXPECT_FALSE(is_issued_by(longer, chain.authority));
  for (std::size_t at = 0; at < chain.issuer.size(); ++at) {
    std::string damaged = chain.issuer;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    auto read = read_certificate(damaged);
    EXPECT_FALSE(is_issued_by(damaged, chain.authority)) << at;
    if (read) {
      EXPECT_EQ(read->public_key.size(), 33u);
    }
  }
  EXPECT_FALSE(make_issuer(chain.authority_key, chain.authority, "x", "no point", kTimes));
  EXPECT_FALSE(make_issuer(chain.authority_key, "no certificate", "x",
                           chain.issuer_key.public_key(), kTimes));
}

}  // namespace
}  // namespace sixpn
