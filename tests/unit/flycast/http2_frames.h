// HTTP/2 frames by hand, for tests that must send what no client would: each
// piece is bytes (RFC 9113 section 4.1, RFC 7541 with literals and the static
// table alone).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flycast/io/http2_codec.h"

namespace sixpn::flycast::frames {

enum Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;

inline std::string u32(std::uint32_t value) {
  std::string bytes;
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
  return bytes;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = "") {
  std::string bytes = u32(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes + u32(stream) + std::string(payload);
}

// A field, never indexed, no Huffman; names and values below 127 bytes.
inline std::string field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\x10');
  bytes += static_cast<char>(name.size());
  bytes += name;
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

// With a name below 127 bytes and a value of any size from there on (RFC 7541 section 5.1).
inline std::string large_field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\x10');
  bytes += static_cast<char>(name.size());
  bytes += name;
  bytes += '\x7f';
  std::size_t rest = value.size() - 127;
  for (; rest >= 128; rest >>= 7) bytes += static_cast<char>((rest & 0x7f) | 0x80);
  bytes += static_cast<char>(rest);
  return bytes.append(value);
}
// HEADERS that end their stream, and as many CONTINUATIONs as `fields` need.
inline std::string large_headers(std::uint32_t stream, std::string_view fields) {
  constexpr std::size_t kMostPayload = 16384;
  std::string bytes;
  std::uint8_t type = kHeaders;
  std::uint8_t flags = kEndStream;
  while (true) {
    std::string_view part = fields.substr(0, kMostPayload);
    fields.remove_prefix(part.size());
    if (fields.empty()) flags |= kEndHeaders;
    bytes += frame(type, flags, stream, part);
    if (fields.empty()) return bytes;
    type = kContinuation;
    flags = 0;
  }
}

// GET / of http://web.flycast.
inline std::string get_fields() {
  return "\x82\x86\x84" + field(":authority", "web.flycast");
}
inline std::string post_fields() {
  return "\x83\x86\x84" + field(":authority", "web.flycast");
}
inline std::string get(std::uint32_t stream) {
  return frame(kHeaders, kEndStream | kEndHeaders, stream, get_fields());
}
inline std::string hello() {
  return std::string(kHttp2Preface) + frame(kSettings, 0, 0);
}

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;

  // The error code of a reset or GOAWAY.
  [[nodiscard]] std::uint32_t error() const { return number(type == kGoaway ? 4 : 0); }
  // Of a GOAWAY: the last request that was begun.
  [[nodiscard]] std::uint32_t last_stream() const { return number(0); }

 private:
  [[nodiscard]] std::uint32_t number(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i)
      value = value << 8 | static_cast<std::uint8_t>(payload[i]);
    return value;
  }
};

// Takes the whole frames off the front of `bytes`.
inline std::vector<Frame> take_frames(std::string& bytes) {
  std::vector<Frame> taken;
  auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  while (bytes.size() >= 9) {
    std::size_t size = static_cast<std::size_t>(at(0)) << 16 | at(1) << 8 | at(2);
    if (bytes.size() < 9 + size) break;
    std::uint32_t stream =
        static_cast<std::uint32_t>(at(5)) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    taken.push_back({at(3), at(4), stream, bytes.substr(9, size)});
    bytes.erase(0, 9 + size);
  }
  return taken;
}

}  // namespace sixpn::flycast::frames
