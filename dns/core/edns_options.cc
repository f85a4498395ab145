#include "dns/core/edns_options.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "dns/core/wire_reader.h"
#include "dns/core/wire_writer.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kNsid = 3, kCookie = 10, kKeepalive = 11, kExtendedError = 15;
constexpr std::uint16_t kDnssecOk = 0x8000;
constexpr Duration kKeepaliveUnit = std::chrono::milliseconds(100);

bool is_cookie_size(std::size_t size) {
  constexpr std::size_t kLeastServerCookie = 8;
  return size == kClientCookieBytes ||
         (size >= kClientCookieBytes + kLeastServerCookie && size <= kMaxCookieBytes);
}

}  // namespace

bool read_edns_options(std::string_view rdata, EdnsOptions& out) {
  WireReader reader(rdata);
  while (!reader.at_end()) {
    auto code = reader.u16();
    auto value = reader.bytes(reader.u16());
    if (!reader.ok()) return false;
    if (code == kNsid) out.nsid = true;
    if (code == kKeepalive) out.keepalive = true;
    // Of several the first counts (RFC 7873 section 5.2).
    if (code != kCookie || !out.cookie.empty()) continue;
    if (!is_cookie_size(value.size())) return false;
    out.cookie = value;
  }
  return true;
}

void ReplyOptions::put_u16(std::size_t value) {
  dns::put_u16(bytes_.data() + size_, value);
  size_ += 2;
}

void ReplyOptions::put(std::string_view bytes) {
  put_bytes(bytes_.data() + size_, bytes);
  size_ += bytes.size();
}

void ReplyOptions::add(std::string_view options) {
  if (size_ + options.size() <= bytes_.size()) put(options);
}

// RFC 8914 section 2.
void ReplyOptions::add_extended_error(ExtendedErrorCode code, std::string_view text) {
  text = text.substr(0, kMaxErrorText);
  if (size_ + 6 + text.size() > bytes_.size()) return;
  put_u16(kExtendedError);
  put_u16(2 + text.size());
  put_u16(static_cast<std::uint16_t>(code));
  put(text);
}

OptionAnswers::OptionAnswers(ServerIdentity identity)
    : identity_(std::move(identity)), baker_(identity_.cookie_root) {
  identity_.id.resize(std::min(identity_.id.size(), ServerIdentity::kMaxBytes));
}

void OptionAnswers::write(const EdnsOptions& asked, const Ip6& source, Transport transport,
                          WallTime now, ReplyOptions& out) {
  if (!asked.cookie.empty()) {
    auto seconds = static_cast<std::uint32_t>(unix_ms(now) / 1000);
    ServerCookie server;
    out.cookie_ = baker_.check(asked.cookie, source, seconds, server);
    out.put_u16(kCookie);
    out.put_u16(kClientCookieBytes + kServerCookieBytes);
    out.put(asked.cookie.substr(0, kClientCookieBytes));
    out.put({server.data(), server.size()});
  }
  if (asked.nsid && !identity_.id.empty()) {
    out.put_u16(kNsid);
    out.put_u16(identity_.id.size());
    out.put(identity_.id);
  }
  if (asked.keepalive && transport == Transport::kTcp) {
    out.put_u16(kKeepalive);
    out.put_u16(2);
    out.put_u16(static_cast<std::size_t>(std::min<std::int64_t>(
        identity_.tcp_idle / kKeepaliveUnit, std::numeric_limits<std::uint16_t>::max())));
  }
}

std::size_t write_opt(char* out, std::uint8_t extended_rcode, bool dnssec_ok,
                      std::string_view options) {
  char* at = out;
  *at++ = 0;  // the root
  at = put_u16(put_u16(at, kTypeOpt), kMaxUdpBytes);
  *at++ = static_cast<char>(extended_rcode);
  *at++ = 0;  // version
  at = put_u16(at, dnssec_ok ? kDnssecOk : 0);
  at = put_bytes(put_u16(at, options.size()), options);
  return static_cast<std::size_t>(at - out);
}

}  // namespace sixpn::dns
