// Certificates as the registry makes them, certificates as others might, and grants of both.
// Serial numbers and signatures are drawn anew by whoever makes a certificate: here they are fixed.
#include <algorithm>

#include "base/encoding.h"
#include "registry/core/tls_authority.h"
#include "registry/core/trust.pb.h"
#include "tests/fuzz/der.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/registry/tls_world.h"

namespace sixpn::fuzz {
namespace {

using std::chrono::hours;

constexpr CertificateTimes kTimes{test::kNow - hours(1), test::kNow + hours(1000)};

// What the signature of a certificate covers, with serial number 01 01 ... 01.
std::string content_of(std::string_view certificate) {
  std::string out(der_content(der_content(certificate)));
  constexpr std::size_t kSerialAt = 7;  // behind the version (5 bytes) and its own tag and length
  std::fill_n(out.begin() + kSerialAt, 16, '\1');
  return out;
}

struct NamedContent {
  std::string name;
  std::string content;
};

std::vector<NamedContent> ours() {
  const TlsKey authority_key(test::secret_of('a'), "authority");
  const TlsKey host_key = host_tls_key(test::secret_of('t'));
  const std::string authority =
      *make_authority(authority_key, "sixpn acme (cluster 01234567)", kTimes);
  const std::string issuer =
      *make_issuer(authority_key, authority, "b for acme", host_key.public_key(), kTimes);
  const LeafNames names{{"web.flycast", "*.web.flycast"}, {*parse_ip("fdaa::3")}};
  const std::string leaf = *make_leaf(host_key, issuer, names, host_key.public_key(), kTimes);
  // RFC 5280 section 4.1.2.5: from 2050 on, times have another type.
  const CertificateTimes late{from_unix_ms(2'600'000'000'000), from_unix_ms(253'402'300'799'000)};
  return {{"authority", content_of(authority)},
          {"issuer", content_of(issuer)},
          {"leaf", content_of(leaf)},
          {"late", content_of(*make_authority(authority_key, "", late))}};
}

std::string hex(std::string_view text) {
  return *parse_hex(text);
}

std::string name_of(const std::string& common_name) {
  if (common_name.empty()) return der(kDerSequence, "");
  return der(kDerSequence,
             der(kDerSet, der(kDerSequence, hex("0603550403") + der(kDerUtf8, common_name))));
}

// Of RFC 5480 and RFC 8410 section 4; the points are the generators of the curves.
std::string p256() {
  return hex(
      "3039301306072a8648ce3d020106082a8648ce3d030107032200036b17d1f2e12c4247f8bce6e563a440"
      "f277037d812deb33a0f4a13945d898c296");
}
std::string p384() {
  return hex(
      "3046301006072a8648ce3d020106052b8104002203320003aa87ca22be8b05378eb1c71ef320ad746e1d"
      "3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7");
}
std::string ed25519() {
  return hex("302a300506032b6570032100") + std::string(32, '\3');
}
std::string rsa() {
  const std::string number = der(kDerInteger, std::string(64, '\x5b'));
  const std::string key = der(kDerSequence, number + der(kDerInteger, "\3"));
  return der(kDerSequence, hex("300d06092a864886f70d0101010500") + der(kDerBits, '\0' + key));
}

struct Odd {
  const char* name;
  std::string common_name;
  std::string times;
  std::string key;
};

std::string content_of(const Odd& odd) {
  return der(kDerVersion, der(kDerInteger, "\2")) + der(kDerInteger, "\1") +
         hex("300a06082a8648ce3d040302") + name_of("issuer") + der(kDerSequence, odd.times) +
         name_of(odd.common_name) + odd.key;
}

std::vector<NamedContent> others() {
  const std::string usual = der(kDerUtcTime, "260101000000Z") + der(kDerUtcTime, "270101000000Z");
  const std::vector<Odd> odd = {
      {"compressed", "b", usual, p256()},
      {"p384", "b", usual, p384()},
      {"ed25519", "b", usual, ed25519()},
      {"rsa", "b", usual, rsa()},
      {"no-name", "", usual, p256()},
      {"long-name", std::string(300, 'n'), usual, p256()},
      {"zero-in-name", std::string("b\0c", 3), usual, p256()},
      {"first-and-last-year", "b",
       der(kDerTime, "00000101000000Z") + der(kDerTime, "99991231235959Z"), p256()},
      {"time-zone", "b", der(kDerUtcTime, "260101000000+0100") + der(kDerTime, "20270101000000.5Z"),
       p256()},
      {"no-date", "b", der(kDerUtcTime, "261301000000Z") + der(kDerTime, "2027"), p256()}};
  std::vector<NamedContent> out;
  for (const Odd& each : odd) out.push_back({each.name, content_of(each)});
  return out;
}

// The same in BER that is not DER: a length in more bytes than it takes.
std::string in_ber(const std::string& certificate) {
  return certificate.substr(0, 1) + "\x83" + '\0' + certificate.substr(2);
}

void add_grant(Seeds& seeds, const std::string& name, const TlsGrant& grant) {
  const SigningKey root(test::secret_of('r'));
  const std::string statement = sign_tls_grant(grant, root);
  trust::Signed opened;
  opened.ParseFromString(statement);
  seeds.add("tls_grant", name + "-signed", '\0' + statement);
  seeds.add("tls_grant", name, '\1' + opened.body());
}

}  // namespace

void add_tls(Seeds& seeds) {
  for (const auto& [name, content] : ours()) {
    seeds.add("x509", name, '\1' + content);
    seeds.add("x509", name + "-whole", '\0' + certificate_around(content));
    const HostId host = name == "authority" ? HostId{} : test::kHost;
    add_grant(seeds, name, {"acme", host, certificate_around(content), test::kNow});
  }
  for (const auto& [name, content] : others()) seeds.add("x509", name, '\1' + content);
  seeds.add("x509", "ber-whole", '\0' + in_ber(certificate_around(ours().front().content)));
  add_grant(seeds, "no-certificate", {"globex", test::kOther, "none", test::kNow});
  // Refused, signed or not.
  add_grant(seeds, "no-label", {"Globex!", test::kOther, "none", test::kNow});
  add_grant(seeds, "no-host", {"globex", HostId{7}, "none", test::kNow});
  add_grant(seeds, "no-time", {"globex", test::kOther, "none", from_unix_ms(-1)});
  add_grant(seeds, "empty", {"globex", test::kOther, "", test::kNow});
}

}  // namespace sixpn::fuzz
