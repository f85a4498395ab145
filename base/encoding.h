// Text forms of bytes: hexadecimal, and base64 (RFC 4648: standard with padding, and URL-safe
// without). Not constant time: secrets are encoded only to be shown once or written to a 0600 file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sixpn {

// 0..15, or -1 for a character that is no hexadecimal digit.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string to_hex(std::string_view bytes);
std::optional<std::string> parse_hex(std::string_view text);

enum class Base64 { kStandard, kUrl };
std::string to_base64(std::string_view bytes, Base64 alphabet = Base64::kStandard);
std::optional<std::string> parse_base64(std::string_view text, Base64 alphabet = Base64::kStandard);

// The bytes of an array as a string_view, to pass keys and hashes to the functions above.
template <std::size_t N>
std::string_view as_bytes(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

// An array from exactly N bytes, or nothing.
template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> to_array(std::string_view bytes) {
  if (bytes.size() != N) return std::nullopt;
  std::array<std::uint8_t, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(bytes[i]);
  return out;
}

}  // namespace sixpn
