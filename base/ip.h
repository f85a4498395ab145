// IP values: Ip6, Prefix6 and IpEndpoint. Text forms follow RFC 4291 (parsing) and RFC 5952
// (printing). IPv4 appears only in endpoints of the underlay, kept as an IPv4-mapped Ip6
// (::ffff:a.b.c.d). Pure values; std only, usable from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sixpn {

struct Ip6 {
  std::array<std::uint8_t, 16> bytes{};

  // From eight 16-bit words, as written: Ip6::from_words({0xfdaa, 0, 0, 0, 0, 0, 0, 3}).
  static constexpr Ip6 from_words(const std::array<std::uint16_t, 8>& words) {
    Ip6 ip;
    for (std::size_t i = 0; i < 8; ++i) {
      ip.bytes[2 * i] = static_cast<std::uint8_t>(words[i] >> 8);
      ip.bytes[2 * i + 1] = static_cast<std::uint8_t>(words[i]);
    }
    return ip;
  }

  // Word 0..7 in host order.
  [[nodiscard]] constexpr std::uint16_t word(std::size_t i) const {
    return static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  }
  // 32 bits starting at 16-bit word i.
  [[nodiscard]] constexpr std::uint32_t dword(std::size_t i) const {
    return static_cast<std::uint32_t>(word(i)) << 16 | word(i + 1);
  }

  [[nodiscard]] bool is_v4_mapped() const;

  friend constexpr auto operator<=>(const Ip6&, const Ip6&) = default;
};

std::string to_string(const Ip6& ip);  // RFC 5952; a v4-mapped address prints as a.b.c.d
std::optional<Ip6> parse_ip6(std::string_view text);  // IPv6 text only
std::optional<Ip6> parse_ip(std::string_view text);   // IPv6 text, or IPv4 text (mapped)

struct Prefix6 {
  Ip6 ip;          // host bits are zero: make_prefix masks them
  int length = 0;  // 0..128

  [[nodiscard]] bool contains(const Ip6& other) const;
  [[nodiscard]] bool contains(const Prefix6& other) const;
  friend constexpr auto operator<=>(const Prefix6&, const Prefix6&) = default;
};

Prefix6 make_prefix(const Ip6& ip, int length);
std::string to_string(const Prefix6& prefix);                 // "fdaa:0:1::/48"
std::optional<Prefix6> parse_prefix6(std::string_view text);  // host bits must be zero

// An address and UDP or TCP port of the underlay or overlay.
struct IpEndpoint {
  Ip6 ip;
  std::uint16_t port = 0;
  friend constexpr auto operator<=>(const IpEndpoint&, const IpEndpoint&) = default;
};

std::string to_string(const IpEndpoint& endpoint);  // "[fdaa::1]:53" or "192.0.2.1:51820"
std::optional<IpEndpoint> parse_endpoint(std::string_view text);

}  // namespace sixpn

template <>
struct std::hash<sixpn::Ip6> {
  std::size_t operator()(const sixpn::Ip6& ip) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()});
  }
};
