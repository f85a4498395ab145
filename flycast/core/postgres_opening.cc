#include "flycast/core/postgres_opening.h"

namespace sixpn::flycast {
namespace {

constexpr std::uint32_t kRequestBytes = 8;  // of one that asks for encryption
constexpr std::uint32_t kSslRequest = 80877103;
constexpr std::uint32_t kGssRequest = 80877104;
constexpr std::uint32_t kCancelBytes = 16;
constexpr std::uint32_t kCancelRequest = 80877102;
constexpr std::uint32_t kMajorVersion = 3;
// RFC 8446 section 5.1: a record of the type handshake, whose version begins with 3.
constexpr std::string_view kTlsHandshake = "\x16\x03";

std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (char byte : bytes.substr(at, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string u32(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

}  // namespace

PostgresOpening judge_postgres_opening(std::string_view first) {
  if (first.size() < kPostgresOpeningBytes) return PostgresOpening::kOther;
  if (first.starts_with(kTlsHandshake)) return PostgresOpening::kDirectTls;
  std::uint32_t size = u32_at(first, 0);
  std::uint32_t code = u32_at(first, 4);
  if (size == kRequestBytes && code == kSslRequest) return PostgresOpening::kTls;
  if (size == kRequestBytes && code == kGssRequest) return PostgresOpening::kGss;
  if (size == kCancelBytes && code == kCancelRequest) return PostgresOpening::kCancel;
  return code >> 16 == kMajorVersion ? PostgresOpening::kPlain : PostgresOpening::kOther;
}

std::string postgres_refusal(std::string_view sqlstate, std::string_view message) {
  std::string fields;
  auto add = [&fields](char type, std::string_view value) {
    fields += type;
    fields += value;
    fields += '\0';
  };
  add('S', "FATAL");
  add('V', "FATAL");
  add('C', sqlstate);
  add('M', message);
  fields += '\0';
  return "E" + u32(static_cast<std::uint32_t>(fields.size()) + 4) + fields;
}

}  // namespace sixpn::flycast
