#include "base/ids.h"

#include "base/encoding.h"

namespace sixpn {
namespace {

std::string hex_digits(std::uint64_t value, int digits) {
  std::string text(static_cast<std::size_t>(digits), '0');
  for (int i = digits - 1; i >= 0; --i, value >>= 4)
    text[static_cast<std::size_t>(i)] = "0123456789abcdef"[value & 0xf];
  return text;
}

std::optional<std::uint64_t> parse_digits(std::string_view text, std::size_t digits) {
  if (text.size() != digits) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    int digit = hex_value(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<unsigned>(digit);
  }
  return value;
}

}  // namespace

std::string to_string(HostId id) {
  return hex_digits(id.value, 8);
}
std::string to_string(NetworkId id) {
  return hex_digits(id.value, 8);
}
std::string to_string(MachineId id) {
  return hex_digits(id.value, 14);
}

std::optional<HostId> parse_host_id(std::string_view text) {
  auto value = parse_digits(text, 8);
  if (!value) return std::nullopt;
  return HostId{static_cast<std::uint32_t>(*value)};
}

std::optional<NetworkId> parse_network_id(std::string_view text) {
  auto value = parse_digits(text, 8);
  if (!value) return std::nullopt;
  return NetworkId{static_cast<std::uint32_t>(*value)};
}

std::optional<MachineId> parse_machine_id(std::string_view text) {
  auto value = parse_digits(text, 14);
  if (!value) return std::nullopt;
  return MachineId{*value};
}

}  // namespace sixpn
