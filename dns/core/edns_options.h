// The options inside OPT that we understand (IANA "DNS EDNS0 Option Codes"): what a query asks for,
// and what its reply says. All others are ignored and never echoed (RFC 6891 section 6.1.2):
// padding too, which is for encrypted transports (RFC 8467). Pure, and without allocating.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/time.h"
#include "dns/core/codes.h"
#include "dns/core/cookie.h"

namespace sixpn::dns {

struct EdnsOptions {
  std::string_view cookie;  // the first one; into the message. Empty: none
  bool nsid = false;        // RFC 5001
  bool keepalive = false;   // RFC 7828

  [[nodiscard]] bool any() const { return !cookie.empty() || nsid || keepalive; }
};

// False, FORMERR: the options do not fill `rdata`, or a cookie has a length that none has (RFC 7873
// section 5.2.2).
bool read_edns_options(std::string_view rdata, EdnsOptions& out);

// Who we are, where a client asks for it.
struct ServerIdentity {
  std::string id;  // NSID, id.server: at most kMaxBytes are said; empty: we do not say
  SipKey cookie_root;
  Duration tcp_idle = std::chrono::seconds(10);

  static constexpr std::size_t kMaxBytes = 64;
};

// RFC 8914.
struct ExtendedError {
  ExtendedErrorCode code = ExtendedErrorCode::kOther;
  std::string text;
};

// The options of one reply, in wire form.
class ReplyOptions {
 public:
  void clear() {
    size_ = 0;
    cookie_ = CookieState::kNone;
  }
  [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), size_}; }
  [[nodiscard]] CookieState cookie() const { return cookie_; }

  static constexpr std::size_t kMaxErrorText = 80;  // longer texts are cut
  static constexpr std::size_t kMostBytes = (4 + kClientCookieBytes + kServerCookieBytes) +
                                            (4 + ServerIdentity::kMaxBytes) + (4 + 2) +
                                            (4 + 2 + kMaxErrorText);

  // The bytes() of other options. What does not fit is left out, here and below.
  void add(std::string_view options);
  void add_extended_error(ExtendedErrorCode code, std::string_view text);

 private:
  friend class OptionAnswers;

  void put_u16(std::size_t value);
  void put(std::string_view bytes);

  std::array<char, kMostBytes> bytes_;
  std::size_t size_ = 0;
  CookieState cookie_ = CookieState::kNone;
};

// One worker's answers to options. NSID only when asked; a keepalive time over TCP when asked (RFC
// 7828 section 3.3.2), never over UDP; a cookie to whoever sent one. `out` is empty before.
class OptionAnswers {
 public:
  explicit OptionAnswers(ServerIdentity identity);

  void answer(const EdnsOptions& asked, const Ip6& source, Transport transport, WallTime now,
              ReplyOptions& out) {
    if (asked.any()) write(asked, source, transport, now, out);
  }

 private:
  void write(const EdnsOptions& asked, const Ip6& source, Transport transport, WallTime now,
             ReplyOptions& out);

  ServerIdentity identity_;
  CookieBaker baker_;
};

// Writes an OPT of version 0 (RFC 6891 section 6.1) with the rdata `options`: 11 bytes and these.
inline constexpr std::size_t kBareOptBytes = 11;
std::size_t write_opt(char* out, std::uint8_t extended_rcode, bool dnssec_ok,
                      std::string_view options);

}  // namespace sixpn::dns
