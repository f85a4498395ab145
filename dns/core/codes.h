// The numbers of DNS that this room decides on: types, classes, opcodes, response codes, extended
// errors (IANA "Domain Name System Parameters"). Types stay plain integers: a query may ask for any
// of 65536.
#pragma once

#include <cstdint>

namespace sixpn::dns {

using RrType = std::uint16_t;
inline constexpr RrType kTypeA = 1;
inline constexpr RrType kTypeNs = 2;
inline constexpr RrType kTypeSoa = 6;
inline constexpr RrType kTypePtr = 12;
inline constexpr RrType kTypeTxt = 16;
inline constexpr RrType kTypeAaaa = 28;
inline constexpr RrType kTypeSrv = 33;
inline constexpr RrType kTypeSvcb = 64;
inline constexpr RrType kTypeHttps = 65;
inline constexpr RrType kTypeOpt = 41;
inline constexpr RrType kTypeTkey = 249;
inline constexpr RrType kTypeTsig = 250;
inline constexpr RrType kTypeIxfr = 251;
inline constexpr RrType kTypeAxfr = 252;
inline constexpr RrType kTypeAny = 255;

inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::uint16_t kClassChaos = 3;

inline constexpr std::uint8_t kOpcodeQuery = 0;

// RFC 1035 section 4.1.1; 16 and above need EDNS (RFC 6891 section 6.1.3).
enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kBadVers = 16,
  kBadCookie = 23,
};

// RFC 8914 section 4.
enum class ExtendedErrorCode : std::uint16_t {
  kOther = 0,
  kStaleAnswer = 3,
  kCachedError = 13,
  kNotReady = 14,
  kProhibited = 18,
  kStaleNxDomain = 19,
  kNotSupported = 21,
  kNoReachableAuthority = 22,
  kNetworkError = 23,
};

// Positive and negative answers alike (the SOA's own TTL and its minimum field, RFC 2308 section
// 5).
inline constexpr std::uint32_t kTtlSeconds = 5;

enum class Transport { kUdp, kTcp };

inline constexpr std::size_t kHeaderBytes = 12;
// The second word of the header.
inline constexpr std::uint16_t kFlagResponse = 0x8000;
inline constexpr std::uint16_t kFlagAuthoritative = 0x0400;
inline constexpr std::uint16_t kFlagTruncated = 0x0200;
inline constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
inline constexpr std::uint16_t kFlagRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
inline constexpr std::size_t kMaxMessageBytes = 65535;
// UDP sizes: without EDNS, and the most that we send or advertise (RFC 9715: no fragments on any
// path).
inline constexpr std::size_t kMinUdpBytes = 512;
inline constexpr std::size_t kMaxUdpBytes = 1232;

}  // namespace sixpn::dns
