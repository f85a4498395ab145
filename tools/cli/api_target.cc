#include "tools/cli/api_target.h"

namespace sixpn::cli {

namespace {

// RFC 3986 section 2.3; everything else is encoded.
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string percent_encode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace

ApiTarget& ApiTarget::segment(std::string_view text) {
  text_ += "/" + percent_encode(text);
  return *this;
}

ApiTarget& ApiTarget::query(std::string_view key, std::string_view value) {
  if (value.empty()) return *this;
  text_ += has_query_ ? '&' : '?';
  has_query_ = true;
  text_ += std::string(key) + "=" + percent_encode(value);
  return *this;
}

}  // namespace sixpn::cli
