#include "tools/cli/echo.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tools/cli/units.h"

namespace sixpn::cli {

namespace {

constexpr std::uint8_t kEchoRequest = 128;
constexpr std::uint8_t kEchoReply = 129;
constexpr std::uint8_t kIcmp6 = 58;
constexpr std::size_t kHeaderBytes = 8;      // type, code, checksum, identifier, sequence
constexpr std::size_t kIp6HeaderBytes = 40;  // RFC 8200 section 3
constexpr std::size_t kNonceBytes = 8;

void put16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

std::uint16_t get16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

std::optional<Echo> decode_echo(std::span<const std::uint8_t> packet, std::uint8_t type) {
  if (packet.size() < kHeaderBytes + kNonceBytes || packet[0] != type) return std::nullopt;
  Echo echo{get16(&packet[4]), get16(&packet[6]), 0};
  for (std::size_t i = 0; i < kNonceBytes; ++i)
    echo.nonce = echo.nonce << 8 | packet[kHeaderBytes + i];
  return echo;
}

}  // namespace

std::array<std::uint8_t, kEchoBytes> encode_echo_request(const Echo& echo) {
  std::array<std::uint8_t, kEchoBytes> packet{};
  packet[0] = kEchoRequest;
  put16(&packet[4], echo.identifier);
  put16(&packet[6], echo.sequence);
  for (std::size_t i = 0; i < kNonceBytes; ++i)
    packet[kHeaderBytes + i] = static_cast<std::uint8_t>(echo.nonce >> (56 - 8 * i));
  for (std::size_t i = kHeaderBytes + kNonceBytes; i < kEchoBytes; ++i)
    packet[i] = static_cast<std::uint8_t>(i);
  return packet;
}

std::optional<Echo> decode_echo_reply(std::span<const std::uint8_t> packet) {
  return decode_echo(packet, kEchoReply);
}

std::optional<EchoError> decode_echo_error(std::span<const std::uint8_t> packet) {
  if (packet.size() < kHeaderBytes + kIp6HeaderBytes || packet[0] < 1 || packet[0] > 4)
    return std::nullopt;
  std::span<const std::uint8_t> request = packet.subspan(kHeaderBytes);
  if (request[6] != kIcmp6) return std::nullopt;
  auto echo = decode_echo(request.subspan(kIp6HeaderBytes), kEchoRequest);
  if (!echo) return std::nullopt;
  EchoError error{packet[0], packet[1], {}, *echo};
  std::copy_n(request.begin() + 24, error.destination.bytes.size(),
              error.destination.bytes.begin());
  return error;
}

// RFC 4443 section 3.
std::string describe(const EchoError& error) {
  constexpr std::uint8_t kUnreachable = 1, kTooBig = 2, kTimeExceeded = 3;
  if (error.type == kTooBig) return "packet too big";
  if (error.type == kTimeExceeded) return "hop limit reached: is there a routing loop?";
  if (error.type != kUnreachable) return "parameter problem";
  constexpr std::array<std::string_view, 7> kReasons{
      "no route to it",       "forbidden by a firewall", "beyond the scope of the source",
      "address unreachable",  "port unreachable",        "source refused by a policy",
      "route refuses packets"};
  return std::string(error.code < kReasons.size() ? kReasons[error.code] : "unreachable");
}

std::optional<RoundTripRange> round_trip_range(const EchoCount& count) {
  const auto& times = count.round_trips;
  if (times.empty()) return std::nullopt;
  auto [min, max] = std::minmax_element(times.begin(), times.end());
  Duration sum = std::accumulate(times.begin(), times.end(), Duration::zero());
  return RoundTripRange{*min, sum / static_cast<std::int64_t>(times.size()), *max};
}

std::string summary(const EchoCount& count) {
  std::size_t received = count.round_trips.size();
  std::size_t lost = count.sent > received ? count.sent - received : 0;
  std::string text = fmt::format("{} sent, {} received, {}% lost", count.sent, received,
                                 count.sent == 0 ? 0 : lost * 100 / count.sent);
  if (auto range = round_trip_range(count))
    text += fmt::format(
        ", round trip min {}, average {}, max {}", format_milliseconds(range->min.count()),
        format_milliseconds(range->average.count()), format_milliseconds(range->max.count()));
  return text;
}

}  // namespace sixpn::cli
