#include "dns/core/edns_options.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kNsid = 3, kCookie = 10, kKeepalive = 11, kExtendedError = 15;
constexpr Duration kKeepaliveUnit = std::chrono::milliseconds(100);

bool is_cookie_size(std::size_t size) {
  constexpr std::size_t kLeastServerCookie = 8;
  return size == kClientCookieBytes ||
         (size >= kClientCookieBytes + kLeastServerCookie && size <= kMaxCookieBytes);
}

void write_u16(char* at, std::size_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value);
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
  write_u16(bytes_.data() + size_, value);
  size_ += 2;
}

void ReplyOptions::put(std::string_view bytes) {
  std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
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
  out[0] = 0;  // the root
  write_u16(out + 1, kTypeOpt);
  write_u16(out + 3, kMaxUdpBytes);
  out[5] = static_cast<char>(extended_rcode);
  out[6] = 0;  // version
  out[7] = static_cast<char>(dnssec_ok ? 0x80 : 0);
  out[8] = 0;
  write_u16(out + 9, options.size());
  std::memcpy(out + kBareOptBytes, options.data(), options.size());
  return kBareOptBytes + options.size();
}

std::size_t append_options(char* reply, std::size_t size, std::string_view options) {
  if (options.empty()) return size;
  WireReader reader({reply, size});
  reader.bytes(4);
  std::size_t questions = reader.u16();
  std::size_t records = std::size_t{reader.u16()} + reader.u16() + reader.u16();
  for (; questions > 0 && reader.ok(); --questions) {
    reader.skip_name();
    reader.bytes(4);
  }
  std::uint16_t last_type = 0;
  std::size_t length_at = 0;
  for (; records > 0 && reader.ok(); --records) {
    reader.skip_name();
    last_type = reader.u16();
    reader.bytes(6);  // class and TTL
    length_at = reader.position();
    reader.bytes(reader.u16());
  }
  if (!reader.ok() || !reader.at_end() || last_type != kTypeOpt) return size;
  write_u16(reply + length_at, size - length_at - 2 + options.size());
  std::memcpy(reply + size, options.data(), options.size());
  return size + options.size();
}

void append_options(std::string& reply, std::string_view options) {
  std::size_t size = reply.size();
  reply.resize(size + options.size());
  reply.resize(append_options(reply.data(), size, options));
}

}  // namespace sixpn::dns
