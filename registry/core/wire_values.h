// Small values as they lie in signed and MACed messages: endpoints and times. What is read comes
// from outside and is bounded here once. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"

namespace sixpn {

// 16 bytes of address and 2 of port, in network order.
std::string encode_endpoint(const IpEndpoint& endpoint);
// Nothing unless exactly 18 bytes.
std::optional<IpEndpoint> decode_endpoint(std::string_view bytes);

// Nothing for a time that cannot be meant: before 1970, or after the year 9999 (arithmetic on which
// could overflow).
std::optional<WallTime> decode_unix_ms(std::int64_t ms);

}  // namespace sixpn
