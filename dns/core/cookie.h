// DNS cookies (RFC 7873) as every server may make and check them: version 1 of RFC 9018, a
// timestamp and SipHash-2-4 over the client's cookie and address. Nothing is stored per client. The
// secret of each day follows from one root, so all workers agree without sharing anything, and it
// rolls over without a gap: a cookie says by its own timestamp which day's secret made it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/ip.h"

namespace sixpn::dns {

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const SipKey&, const SipKey&) = default;
};

// SipHash-2-4 (Aumasson and Bernstein 2012).
std::uint64_t siphash24(const SipKey& key, std::string_view bytes);

inline constexpr std::size_t kClientCookieBytes = 8;
inline constexpr std::size_t kServerCookieBytes = 16;
inline constexpr std::size_t kMaxCookieBytes = 40;  // both, of any server's making

// RFC 9018 section 4.3: older cookies are not believed, those from the future hardly, and past half
// their life they are replaced. Seconds.
inline constexpr std::uint32_t kCookieLife = 3600;
inline constexpr std::uint32_t kCookieFuture = 300;
inline constexpr std::uint32_t kCookieRenewal = 1800;
inline constexpr std::uint32_t kSecretLife = 86400;

using ServerCookie = std::array<char, kServerCookieBytes>;

// `client` is the client's cookie of 8 bytes; `seconds` Unix time, modulo 2^32.
ServerCookie make_server_cookie(const SipKey& secret, std::string_view client, const Ip6& source,
                                std::uint32_t seconds);

enum class CookieState {
  kNone,        // the query has none
  kClientOnly,  // it has no server cookie yet
  kBad,         // not of our making, for another address, or too old
  kValid,       // its source has received an answer of ours before
};

// One worker's use of the secrets.
class CookieBaker {
 public:
  // `root`: random, the same for all workers, never shown.
  explicit CookieBaker(const SipKey& root) : root_(root) {}

  // `cookie` as it came: 8 bytes, or 16 to 40. Writes the server cookie that the reply carries.
  CookieState check(std::string_view cookie, const Ip6& source, std::uint32_t seconds,
                    ServerCookie& reply);

 private:
  struct Day {
    std::uint32_t number = 0;
    SipKey secret;
    bool known = false;
  };
  const SipKey& secret_at(std::uint32_t seconds);

  SipKey root_;
  std::array<Day, 2> days_;  // today and the day next to it
};

}  // namespace sixpn::dns
