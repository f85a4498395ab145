// The limits of HTTP/1 messages, in one place (docs/bounds.md). Beyond one the message is refused
// with the status that is named; a machine's response is refused with 502.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sixpn::flycast {

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;         // 431
inline constexpr std::size_t kMaxFields = 256;                  // 431
inline constexpr std::size_t kMaxRequestLineBytes = 32 * 1024;  // 414
inline constexpr std::size_t kMaxMethodBytes = 32;              // 501
inline constexpr std::size_t kMaxChunkLineBytes = 1024;         // 400: size and extensions
inline constexpr std::size_t kMaxExtensionBytes = 16 * 1024;    // 400: of all chunks of a message
inline constexpr std::size_t kMaxTrailerBytes = 16 * 1024;      // 431
inline constexpr std::size_t kMaxTrailers = 64;                 // 431
// What the proxy itself adds to a request's head: its fields (header_rules.h), and what an app's
// replay says and sets (replay_instruction.h: 2 KiB and 64 fields of 16 KiB).
inline constexpr std::size_t kMaxAddedBytes = 24 * 1024;
inline constexpr std::size_t kMaxAddedFields = 96;
// What a response's head may have beside its fields: those of framing and of one connection, which
// are written anew. So what is written of a head that was taken is one that would be taken.
inline constexpr std::size_t kMaxFramingBytes = 1024;
inline constexpr std::size_t kMaxFramingFields = 8;
// Interim (1xx) responses before the final one: a machine that sends more is refused.
inline constexpr int kMaxInterimResponses = 16;
// A body or chunk whose size needs more bits is refused with 400.
inline constexpr std::uint64_t kMaxBodyBytes = (std::uint64_t{1} << 62);

}  // namespace sixpn::flycast
