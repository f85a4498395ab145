// The text of a Token (certificate.h): "sixpn1." and, in base64url, the length of what follows, the
// message, and the first bytes of its hash. The length tells a cut token from a damaged one.
#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "registry/core/certificate.h"
#include "registry/core/trust.pb.h"
#include "registry/core/wire_values.h"

namespace sixpn {
namespace {

constexpr std::string_view kTokenName = "sixpn";
constexpr int kTokenVersion = 1;
constexpr std::size_t kLengthBytes = 3;  // three bytes are four digits of base64: readable when cut
constexpr std::size_t kLengthDigits = 4;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kMaxTokenBytes = 16 * 1024;

constexpr std::string_view kNotAToken =
    "this is not a sixpn token (it should begin with \"sixpn1.\")";

template <class Repeated>
Result<std::vector<IpEndpoint>> read_endpoints(const Repeated& encoded) {
  if (static_cast<std::size_t>(encoded.size()) > kMaxSeedEndpoints)
    return Error("a seed has more than " + std::to_string(kMaxSeedEndpoints) + " endpoints");
  std::vector<IpEndpoint> endpoints;
  for (const std::string& bytes : encoded) {
    auto endpoint = decode_endpoint(bytes);
    if (!endpoint)
      return Error("a seed's endpoint has " + std::to_string(bytes.size()) + " bytes, not 18");
    if (endpoint->port == 0) return Error("a seed's endpoint has port 0");
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

template <class Repeated>
void write_seeds(const std::vector<Seed>& seeds, Repeated& out) {
  for (const Seed& seed : seeds) {
    trust::Seed& wire = *out.Add();
    wire.set_host(seed.host.value);
    wire.set_wireguard_key(std::string(as_bytes(seed.wireguard_key)));
    for (const auto& endpoint : seed.wireguard) wire.add_wireguard(encode_endpoint(endpoint));
    for (const auto& endpoint : seed.knock) wire.add_knock(encode_endpoint(endpoint));
  }
}

Result<Seed> read_seed(const trust::Seed& wire) {
  Seed seed;
  seed.host = HostId(wire.host());
  auto key = to_array<32>(wire.wireguard_key());
  if (!key) return Error("a seed's WireGuard key is not 32 bytes");
  seed.wireguard_key = *key;
  auto wireguard = read_endpoints(wire.wireguard());
  if (!wireguard) return std::move(wireguard).error();
  seed.wireguard = std::move(*wireguard);
  auto knock = read_endpoints(wire.knock());
  if (!knock) return std::move(knock).error();
  seed.knock = std::move(*knock);
  return seed;
}

template <class Repeated>
Result<std::vector<Seed>> read_seeds(const Repeated& encoded) {
  if (static_cast<std::size_t>(encoded.size()) > kMaxSeeds)
    return Error("more than " + std::to_string(kMaxSeeds) + " seeds");
  std::vector<Seed> seeds;
  for (const trust::Seed& wire : encoded) {
    auto seed = read_seed(wire);
    if (!seed) return std::move(seed).error();
    seeds.push_back(std::move(*seed));
  }
  return seeds;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Takes "sixpn<version>." off the front.
Result<std::string_view> strip_version(std::string_view text) {
  auto dot = text.find('.');
  if (dot == std::string_view::npos || !text.starts_with(kTokenName))
    return Error(std::string(kNotAToken));
  std::string_view digits = text.substr(kTokenName.size(), dot - kTokenName.size());
  int version = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (failed != std::errc() || end != digits.data() + digits.size() || version < 0)
    return Error(std::string(kNotAToken));
  if (version != kTokenVersion)
    return Error("the token is of version " + std::to_string(version) +
                 ", this program reads version " + std::to_string(kTokenVersion) +
                 ": make the invite with the same version of sixpn");
  return text.substr(dot + 1);
}

std::size_t digits_of(std::size_t bytes) {
  return (bytes * 8 + 5) / 6;
}

// Checks length and checksum; the message inside.
Result<std::string> open_payload(std::string_view digits) {
  if (digits.size() < kLengthDigits) return Error("the token is cut short");
  auto length_bytes = parse_base64(digits.substr(0, kLengthDigits), Base64::kUrl);
  if (!length_bytes) return Error("the token is damaged: it holds a character that no token has");
  std::size_t length = 0;
  for (char c : *length_bytes) length = length << 8 | static_cast<unsigned char>(c);
  if (length > kMaxTokenBytes) return Error("the token is damaged: its length makes no sense");
  std::size_t expected = digits_of(kLengthBytes + length + kChecksumBytes);
  if (digits.size() < expected)
    return Error("the token is cut short: " + std::to_string(expected - digits.size()) +
                 " characters are missing at its end");
  if (digits.size() > expected)
    return Error("the token has " + std::to_string(digits.size() - expected) +
                 " characters too many at its end");
  auto bytes = parse_base64(digits, Base64::kUrl);
  if (!bytes) return Error("the token is damaged: it holds a character that no token has");
  std::string message = bytes->substr(kLengthBytes, length);
  if (as_bytes(hash(message)).substr(0, kChecksumBytes) != bytes->substr(kLengthBytes + length))
    return Error("the token is damaged: its checksum does not match");
  return message;
}

Result<Token> read_token(const std::string& message) {
  trust::Token wire;
  if (!wire.ParseFromString(message)) return Error("the token's content is damaged");
  auto root_key = to_array<32>(wire.root_key());
  auto cluster_key = Secret::from_bytes(wire.cluster_key());
  auto enrolment_seed = Secret::from_bytes(wire.enrolment_seed());
  if (!root_key || !cluster_key || !enrolment_seed)
    return Error("the token's content is damaged: a key is not 32 bytes");
  auto seeds = read_seeds(wire.seeds());
  if (!seeds) return std::move(seeds).error().within("the token's content is damaged");
  return Token{*root_key, *cluster_key, *enrolment_seed, wire.signed_invite(), std::move(*seeds)};
}

}  // namespace

std::string encode_token(const Token& token) {
  trust::Token wire;
  wire.set_root_key(std::string(as_bytes(token.root_key)));
  wire.set_cluster_key(std::string(as_bytes(token.cluster_key.bytes())));
  wire.set_enrolment_seed(std::string(as_bytes(token.enrolment_seed.bytes())));
  wire.set_signed_invite(token.signed_invite);
  write_seeds(token.seeds, *wire.mutable_seeds());
  std::string message = wire.SerializeAsString();
  std::string bytes;
  for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(message.size() >> shift);
  bytes += message;
  bytes += as_bytes(hash(message)).substr(0, kChecksumBytes);
  return std::string(kTokenName) + std::to_string(kTokenVersion) + "." +
         to_base64(bytes, Base64::kUrl);
}

Result<Token> decode_token(std::string_view text) {
  auto digits = strip_version(trim(text));
  if (!digits) return std::move(digits).error();
  auto message = open_payload(*digits);
  if (!message) return std::move(message).error();
  return read_token(*message);
}

std::string encode_seeds(const std::vector<Seed>& seeds) {
  trust::SeedList wire;
  write_seeds(seeds, *wire.mutable_seeds());
  return wire.SerializeAsString();
}

Result<std::vector<Seed>> decode_seeds(std::string_view bytes) {
  trust::SeedList wire;
  if (bytes.size() > kMaxTokenBytes ||
      !wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the list of seeds is damaged");
  return read_seeds(wire.seeds());
}

}  // namespace sixpn
