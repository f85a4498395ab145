#include "dns/core/svcb_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/ip.h"
#include "dns/core/rdata_text.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

using Text = std::optional<std::string>;
constexpr std::size_t kIp4Bytes = 4, kIp6Bytes = 16;

// RFC 9460 section 14.3.2, and `dohpath` of RFC 9461.
constexpr std::array<std::string_view, 8> kKeys{"mandatory", "alpn", "no-default-alpn", "port",
                                                "ipv4hint",  "ech",  "ipv6hint",        "dohpath"};

std::string key_name(std::uint16_t key) {
  return key < kKeys.size() ? std::string(kKeys[key]) : fmt::format("key{}", key);
}

// Words of `size` bytes each, one at least, with commas between them.
template <class TextOf>
Text list_text(std::string_view value, std::size_t size, TextOf text_of) {
  if (value.empty() || value.size() % size != 0) return std::nullopt;
  std::string text;
  for (; !value.empty(); value.remove_prefix(size))
    text += (text.empty() ? "" : ",") + text_of(value.substr(0, size));
  return text;
}

std::uint16_t number(std::string_view two) {
  return WireReader(two).u16();
}

// A comma or backslash of an id is escaped as one of the list, and that once more as one of the
// string (RFC 9460 appendix A.1).
std::string alpn_id_text(std::string_view id) {
  std::string in_list;
  for (char c : id) {
    if (c == ',' || c == '\\') in_list += '\\';
    in_list += c;
  }
  return escaped_text(in_list);
}

Text alpn_text(std::string_view value) {
  WireReader reader(value);
  std::string text;
  while (!reader.at_end() && reader.ok()) {
    auto id = reader.bytes(static_cast<unsigned char>(reader.bytes(1)[0]));
    if (id.empty()) return std::nullopt;
    text += (text.empty() ? "" : ",") + alpn_id_text(id);
  }
  if (text.empty()) return std::nullopt;
  return '"' + text + '"';
}

// What stands behind "key="; "" where there is nothing to say.
Text value_text(std::uint16_t key, std::string_view value) {
  switch (key) {
    case 0:
      return list_text(value, 2, [](std::string_view two) { return key_name(number(two)); });
    case 1:
      return alpn_text(value);
    case 2:
      return value.empty() ? Text("") : std::nullopt;
    case 3:
      return value.size() == 2 ? Text(std::to_string(number(value))) : std::nullopt;
    case 4:
      return list_text(value, kIp4Bytes, ip4_text);
    case 5:
      return value.empty() ? std::nullopt : Text(to_base64(value));
    case 6:
      return list_text(value, kIp6Bytes, ip6_text);
    default:
      return value.empty() ? "" : quoted_text(value);
  }
}

}  // namespace

Text svcb_params_text(std::string_view params) {
  WireReader reader(params);
  std::string text;
  for (int before = -1; reader.ok() && !reader.at_end();) {
    auto key = reader.u16();
    auto value = reader.bytes(reader.u16());
    if (!reader.ok() || key <= before) return std::nullopt;
    before = key;
    auto said = value_text(key, value);
    if (!said) return std::nullopt;
    text += (text.empty() ? "" : " ") + key_name(key) + (said->empty() ? "" : "=") + *said;
  }
  return text;
}

std::string ip4_text(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  return fmt::format("{}.{}.{}.{}", byte(0), byte(1), byte(2), byte(3));
}

std::string ip6_text(std::string_view bytes) {
  Ip6 ip;
  std::copy(bytes.begin(), bytes.end(), ip.bytes.begin());
  return (ip.is_v4_mapped() ? "::ffff:" : "") + to_string(ip);
}

}  // namespace sixpn::dns
