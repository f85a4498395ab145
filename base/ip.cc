#include "base/ip.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace sixpn {

bool Ip6::is_v4_mapped() const {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                           0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
}

std::string to_string(const Ip6& ip) {
  char text[INET6_ADDRSTRLEN];
  if (ip.is_v4_mapped()) return inet_ntop(AF_INET, ip.bytes.data() + 12, text, sizeof text);
  return inet_ntop(AF_INET6, ip.bytes.data(), text, sizeof text);
}

std::optional<Ip6> parse_ip6(std::string_view text) {
  Ip6 ip;
  if (inet_pton(AF_INET6, std::string(text).c_str(), ip.bytes.data()) != 1) return std::nullopt;
  return ip;
}

std::optional<Ip6> parse_ip(std::string_view text) {
  if (auto ip = parse_ip6(text)) return ip;
  Ip6 mapped = Ip6::from_words({0, 0, 0, 0, 0, 0xffff, 0, 0});
  if (inet_pton(AF_INET, std::string(text).c_str(), mapped.bytes.data() + 12) != 1)
    return std::nullopt;
  return mapped;
}

Prefix6 make_prefix(const Ip6& ip, int length) {
  Prefix6 prefix{ip, length};
  for (int i = 0; i < 16; ++i) {
    int kept = length - 8 * i;
    if (kept >= 8) continue;
    auto mask = kept <= 0 ? 0U : 0xffU << (8 - kept);
    prefix.ip.bytes[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(mask);
  }
  return prefix;
}

bool Prefix6::contains(const Ip6& other) const {
  return make_prefix(other, length).ip == ip;
}

bool Prefix6::contains(const Prefix6& other) const {
  return other.length >= length && contains(other.ip);
}

std::string to_string(const Prefix6& prefix) {
  return to_string(prefix.ip) + "/" + std::to_string(prefix.length);
}

std::optional<Prefix6> parse_prefix6(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto ip = parse_ip6(text.substr(0, slash));
  auto digits = text.substr(slash + 1);
  int length = -1;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (!ip || failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (length < 0 || length > 128 || make_prefix(*ip, length).ip != *ip) return std::nullopt;
  return Prefix6{*ip, length};
}

std::string to_string(const IpEndpoint& endpoint) {
  auto port = std::to_string(endpoint.port);
  if (endpoint.ip.is_v4_mapped()) return to_string(endpoint.ip) + ":" + port;
  return "[" + to_string(endpoint.ip) + "]:" + port;
}

std::optional<IpEndpoint> parse_endpoint(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  auto digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto ip = bracketed ? parse_ip6(host) : parse_ip(host);
  if (!ip || (!bracketed && !ip->is_v4_mapped())) return std::nullopt;
  return IpEndpoint{*ip, port};
}

}  // namespace sixpn
