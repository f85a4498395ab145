#include "flycast/core/field_roles.h"

#include <algorithm>
#include <array>

#include "flycast/core/http1_limits.h"
#include "flycast/core/http1_syntax.h"

namespace sixpn::flycast {
namespace {

struct KnownField {
  std::string_view name;
  FieldRole role;
};
constexpr std::array<KnownField, 10> kKnownFields = {{
    {"host", FieldRole::kHost},
    {"content-length", FieldRole::kLength},
    {"transfer-encoding", FieldRole::kCoding},
    {"connection", FieldRole::kConnection},
    {"upgrade", FieldRole::kUpgrade},
    {"expect", FieldRole::kExpect},
    {"te", FieldRole::kHop},
    {"keep-alive", FieldRole::kHop},
    {"proxy-connection", FieldRole::kHop},
    {"http2-settings", FieldRole::kHop},
}};

constexpr std::array<std::string_view, 4> kNoTrailers = {"content-length", "transfer-encoding",
                                                         "host", "connection"};
constexpr std::array<std::string_view, 25> kDroppedTrailers = {"te",
                                                               "trailer",
                                                               "upgrade",
                                                               "expect",
                                                               "keep-alive",
                                                               "max-forwards",
                                                               "proxy-connection",
                                                               "http2-settings",
                                                               "cache-control",
                                                               "pragma",
                                                               "range",
                                                               "if-match",
                                                               "if-none-match",
                                                               "if-range",
                                                               "authorization",
                                                               "if-modified-since",
                                                               "proxy-authorization",
                                                               "cookie",
                                                               "set-cookie",
                                                               "content-encoding",
                                                               "content-type",
                                                               "content-range",
                                                               "age",
                                                               "expires",
                                                               "location"};
// Of the proxy's own fields, and of those it adds to.
constexpr std::array<std::string_view, 2> kProxysPrefixes = {"fly-", "x-forwarded-"};

// ": " and a line end.
constexpr std::size_t kLineBytes = 4;

// As a variable's name is made of it.
constexpr char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + ('a' - 'A'));
  bool is_alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return is_alnum ? c : '-';
}

}  // namespace

FieldRole role_of(std::string_view name) {
  for (const KnownField& known : kKnownFields)
    if (same_name(name, known.name)) return known.role;
  return FieldRole::kNone;
}

bool reads_as(std::string_view name, std::string_view lower_case) {
  return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(),
                    [](char given, char wanted) { return folded(given) == wanted; });
}

bool imitates_framing(std::string_view name) {
  for (std::string_view framing : {"content-length", "transfer-encoding"})
    if (reads_as(name, framing)) return !same_name(name, framing);
  return false;
}

TrailerRule rule_of_trailer(std::string_view name) {
  auto is_name = [&](std::string_view each) { return reads_as(name, each); };
  auto is_prefix = [&](std::string_view each) {
    return name.size() > each.size() && reads_as(name.substr(0, each.size()), each);
  };
  if (std::any_of(kNoTrailers.begin(), kNoTrailers.end(), is_name)) return TrailerRule::kRefuse;
  bool drop = std::any_of(kDroppedTrailers.begin(), kDroppedTrailers.end(), is_name) ||
              std::any_of(kProxysPrefixes.begin(), kProxysPrefixes.end(), is_prefix);
  return drop ? TrailerRule::kDrop : TrailerRule::kKeep;
}

bool Http2Trailers::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kLineBytes;
  // Behind them HTTP/1 has an empty line.
  if (++lines_ > kMaxTrailers || bytes_ + 2 > kMaxTrailerBytes) return false;
  if (!is_token(name) || !is_field_value(value)) return false;
  TrailerRule rule = rule_of_trailer(name);
  if (rule == TrailerRule::kKeep) fields_.add(name, value);
  return rule != TrailerRule::kRefuse;
}

}  // namespace sixpn::flycast
