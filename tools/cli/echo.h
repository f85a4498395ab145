// ICMPv6 echo (RFC 4443 section 4) as bytes, and what `sixpn ping` counts of it. Pure: times are
// passed in, packet checksums are the kernel's work (RFC 3542 section 3.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"

namespace sixpn::cli {

// Identifier, sequence number and a nonce that makes a stray reply to another run of ping visible.
struct Echo {
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
  std::uint64_t nonce = 0;
  friend bool operator==(const Echo&, const Echo&) = default;
};

inline constexpr std::size_t kEchoBytes = 64;  // header and padding included, as ping's default

std::array<std::uint8_t, kEchoBytes> encode_echo_request(const Echo& echo);
// Nothing for any other packet, and for a short one.
std::optional<Echo> decode_echo_reply(std::span<const std::uint8_t> packet);

// An ICMPv6 error about one of our requests (types 1 to 4), which carries the beginning of that
// packet.
struct EchoError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Ip6 destination;  // that the request was for
  Echo echo;
};
std::optional<EchoError> decode_echo_error(std::span<const std::uint8_t> packet);
std::string describe(const EchoError& error);  // "no route to it", "it is unreachable"...

// What became of the requests to one address.
struct EchoCount {
  Ip6 address;
  std::string label;  // whose address it is: "web 148e21dad76789, fra"; may be empty
  unsigned sent = 0;
  std::vector<Duration> round_trips;  // of the answered ones
};

// "12 sent, 12 received, 0% lost, round trip min/avg/max 0.312/0.401/0.9 ms"
std::string summary(const EchoCount& count);

struct RoundTripRange {
  Duration min{};
  Duration average{};
  Duration max{};
};
// Nothing without a reply.
std::optional<RoundTripRange> round_trip_range(const EchoCount& count);

}  // namespace sixpn::cli
