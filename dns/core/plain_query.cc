#include "dns/core/plain_query.h"

#include <algorithm>
#include <cassert>

#include "dns/core/lower_bytes.h"

namespace sixpn::dns {
namespace {

std::uint16_t u16_at(const unsigned char* bytes) {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

bool read_name(std::string_view bytes, QuestionName& out) {
  std::size_t at = 0;
  out.labels = 0;
  std::size_t end = std::min(bytes.size(), kMaxNameBytes);
  while (at < end) {
    std::size_t length = static_cast<unsigned char>(bytes[at]);
    if (length == 0) {
      out.size = static_cast<std::uint16_t>(at + 1);
      copy_lower(bytes.substr(0, out.size), out.wire.data());
      return true;
    }
    if (length > kMaxLabelBytes || at + 1 + length >= end) return false;
    out.label_at[out.labels++] = static_cast<std::uint8_t>(at);
    at += 1 + length;
  }
  return false;
}

// Types that are answered otherwise than by looking up a name.
bool is_ordinary(RrType type) {
  return type != 0 && type != kTypeOpt && !(type >= kTypeTkey && type <= kTypeAxfr);
}

// `record` is all that follows the question.
bool read_opt(std::string_view record, PlainQuery& out) {
  if (record.size() < kBareOptBytes) return false;
  const auto* opt = reinterpret_cast<const unsigned char*>(record.data());
  bool root_owner = opt[0] == 0;
  bool version_zero = opt[6] == 0;
  bool ends_here = kBareOptBytes + u16_at(opt + 9) == record.size();
  if (!root_owner || u16_at(opt + 1) != kTypeOpt || !version_zero || !ends_here) return false;
  out.has_edns = true;
  out.payload_size = u16_at(opt + 3);
  out.dnssec_ok = (opt[7] & 0x80) != 0;
  return record.size() == kBareOptBytes ||
         read_edns_options(record.substr(kBareOptBytes), out.options);
}

}  // namespace

std::size_t PlainQuery::udp_limit() const {
  if (!has_edns) return kMinUdpBytes;
  return std::clamp<std::size_t>(payload_size, kMinUdpBytes, kMaxUdpBytes);
}

bool read_plain_query(std::string_view message, PlainQuery& out) {
  constexpr std::size_t kLeastQuestion = 5;
  if (message.size() < kHeaderBytes + kLeastQuestion) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  // QR and the opcode are zero; one question, no answer, no authority, at most one more record.
  bool query = (bytes[2] & 0xf8) == 0;
  bool sections = u16_at(bytes + 4) == 1 && u16_at(bytes + 6) == 0 && u16_at(bytes + 8) == 0;
  std::uint16_t additionals = u16_at(bytes + 10);
  if (!query || !sections || additionals > 1) return false;
  out.recursion_desired = (bytes[2] & 1) != 0;
  out.checking_disabled = (bytes[3] & kFlagCheckingDisabled) != 0;
  if (!read_name(message.substr(kHeaderBytes), out.name)) return false;
  std::size_t at = kHeaderBytes + out.name.size;
  if (message.size() < at + 4 || (additionals == 0 && message.size() != at + 4)) return false;
  out.type = u16_at(bytes + at);
  if (u16_at(bytes + at + 2) != kClassIn || !is_ordinary(out.type)) return false;
  out.question_end = static_cast<std::uint16_t>(at + 4);
  out.has_edns = false;
  out.options = {};
  return additionals == 0 || read_opt(message.substr(at + 4), out);
}

void make_plain(std::string_view message, const ParsedQuery& parsed, PlainQuery& out) {
  const Query& query = parsed.query;
  bool read = read_name(message.substr(kHeaderBytes), out.name);
  assert(read && query.question);
  static_cast<void>(read);
  out.type = query.question->type;
  out.question_end = static_cast<std::uint16_t>(kHeaderBytes + out.name.size + 4);
  out.recursion_desired = query.recursion_desired;
  out.checking_disabled = query.checking_disabled;
  out.has_edns = query.edns.has_value();
  out.dnssec_ok = query.edns && query.edns->dnssec_ok;
  out.payload_size = query.edns ? query.edns->payload_size : 0;
  out.options = parsed.options;
}

}  // namespace sixpn::dns
