// What a new connection to an HTTP port speaks, told from its first bytes. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sixpn::flycast {

// The client's half of HTTP/2's preface (RFC 9113 section 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class FirstBytes : std::uint8_t {
  kMore,   // nothing is certain yet
  kHttp1,  // HTTP/1, or meant to be: its reader says what is wrong
  kHttp2,
  kOther,  // a line of three words whose last is no HTTP version: no answer would be understood
};
FirstBytes judge_first_bytes(std::string_view all);

}  // namespace sixpn::flycast
