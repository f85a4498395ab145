#include "flycast/core/header_rules.h"

#include <algorithm>
#include <array>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_syntax.h"

namespace sixpn::flycast {
namespace {

// As Fly's proxy calls itself: applications look for it.
constexpr std::string_view kViaName = "fly.io";
constexpr std::string_view kServer = "Fly/sixpn-" SIXPN_VERSION;

// What only a proxy may say to a machine.
constexpr std::array<std::string_view, 9> kProxyOnly = {
    "fly-client-ip",     "fly-region",        "fly-request-id",
    "fly-replay-src",    "fly-replay-failed", "fly-preferred-instance-unavailable",
    "x-forwarded-proto", "x-forwarded-ssl",   "fly-replay-cache-status"};
constexpr std::string_view kForwardedPrefix = "fly-forwarded-";
// What a client may say and we add to.
constexpr std::array<std::string_view, 3> kAddedTo = {"x-forwarded-for", "x-forwarded-port", "via"};

// Instructions of a machine to the proxy.
constexpr std::array<std::string_view, 4> kToTheProxy = {
    "fly-replay", "fly-replay-cache", "fly-replay-cache-ttl-secs", "fly-replay-cache-allow-bypass"};

// Framing, and fields of one connection (RFC 9110 section 7.6.1).
constexpr std::array<std::string_view, 10> kFraming = {
    "connection", "content-length", "transfer-encoding", "keep-alive",     "proxy-connection",
    "te",         "trailer",        "upgrade",           "http2-settings", "expect"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view each) { return reads_as(name, each); });
}

bool is_spoof(const FieldView& field) {
  if (is_proxys_own(field.name)) return true;
  // Read as one with ours, it could come out as the rightmost.
  return std::any_of(kAddedTo.begin(), kAddedTo.end(), [&](std::string_view each) {
    return reads_as(field.name, each) && !same_name(field.name, each);
  });
}

std::string via(HttpVersion version) {
  return std::string(to_string(version)) + " " + std::string(kViaName);
}

// One field with the values of all that were there, and `value` behind them.
void append_to_list(HeaderList& headers, std::string_view name, std::string_view value) {
  std::string list = headers.joined(name);
  if (!list.empty()) list += ", ";
  list += value;
  headers.set(name, list);
}

void apply(HeaderList& headers, const HeaderEdit& edit) {
  if (!may_edit(edit.name)) return;
  headers.remove(edit.name);
  for (const std::string& value : edit.values) headers.add(edit.name, value);
}

}  // namespace

std::string_view to_string(HttpVersion version) {
  switch (version) {
    case HttpVersion::kHttp10:
      return "1.0";
    case HttpVersion::kHttp11:
      return "1.1";
    case HttpVersion::kHttp2:
      return "2";
  }
  return "unknown";
}

bool is_proxys_own(std::string_view name) {
  return is_one_of(name, kProxyOnly) ||
         reads_as(name.substr(0, kForwardedPrefix.size()), kForwardedPrefix);
}

void apply_request_rules(HeaderList& headers, const RequestArrival& arrival) {
  headers.remove_if(is_spoof);
  std::string port = std::to_string(arrival.port);
  append_to_list(headers, "X-Forwarded-For", arrival.chain);
  append_to_list(headers, "Via", via(arrival.version));
  if (!headers.contains("X-Forwarded-Port")) headers.add("X-Forwarded-Port", port);
  headers.add("X-Forwarded-Proto", arrival.tls ? "https" : "http");
  headers.add("X-Forwarded-SSL", arrival.tls ? "on" : "off");
  headers.add("Fly-Client-IP", arrival.client);
  headers.add("Fly-Forwarded-Port", port);
  headers.add("Fly-Region", arrival.region);
  headers.add("Fly-Request-Id", arrival.request_id);
}

bool may_edit(std::string_view name) {
  return is_token(name) && !is_one_of(name, kFraming);
}

void apply_response_rules(HeaderList& headers, const ResponseRules& rules, HttpVersion version,
                          std::string_view request_id) {
  headers.remove_if([](const FieldView& field) { return is_one_of(field.name, kToTheProxy); });
  if (!rules.pristine) {
    headers.set("Server", kServer);
    append_to_list(headers, "Via", via(version));
    headers.set("Fly-Request-Id", request_id);
  }
  for (const HeaderEdit& edit : rules.edits) apply(headers, edit);
}

}  // namespace sixpn::flycast
