#include "registry/core/wire_values.h"

#include "base/encoding.h"

namespace sixpn {
namespace {

constexpr std::size_t kEndpointBytes = 18;
constexpr std::int64_t kLastUnixMs = 253'402'300'799'999;  // 9999-12-31

}  // namespace

std::string encode_endpoint(const IpEndpoint& endpoint) {
  std::string bytes(as_bytes(endpoint.ip.bytes));
  bytes += static_cast<char>(endpoint.port >> 8);
  bytes += static_cast<char>(endpoint.port);
  return bytes;
}

std::optional<IpEndpoint> decode_endpoint(std::string_view bytes) {
  if (bytes.size() != kEndpointBytes) return std::nullopt;
  IpEndpoint endpoint;
  endpoint.ip.bytes = *to_array<16>(bytes.substr(0, 16));
  endpoint.port = static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[16]) << 8 |
                                             static_cast<unsigned char>(bytes[17]));
  return endpoint;
}

std::optional<WallTime> decode_unix_ms(std::int64_t ms) {
  if (ms <= 0 || ms > kLastUnixMs) return std::nullopt;
  return from_unix_ms(ms);
}

}  // namespace sixpn
