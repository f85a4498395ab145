#include "registry/core/service_rules.h"

#include <algorithm>
#include <string>

#include "registry/core/record.h"

namespace sixpn::registry {
namespace {

Result<void> require(bool holds, std::string_view otherwise) {
  if (holds) return {};
  return Error(std::string(otherwise));
}

template <class List, class Rule>
bool each(const List& list, std::size_t limit, Rule holds) {
  return list.size() <= limit && std::all_of(list.begin(), list.end(), holds);
}

bool is_visible(unsigned char c) {
  return c > 0x20 && c < 0x7f;
}

bool is_within(Duration time, Duration least, Duration most) {
  return time >= least && time <= most;
}

// Handlers are words such as "proxy_proto": a label that may hold '_'.
bool is_handler_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return is_dns_label(name);
}

bool is_command_word(const std::string& word) {
  return word.size() <= kMaxServiceTextBytes && word.find('\0') == std::string::npos;
}

bool is_alpn(const std::string& protocol) {
  return !protocol.empty() && protocol.size() <= kMaxAlpnBytes;
}

bool is_edit(const HeaderEdit& edit) {
  return is_header_name(edit.name) && each(edit.values, kMaxHeaderEditValues, is_header_value);
}

bool is_replay_rule(const ReplayCacheRule& rule) {
  return is_request_path(rule.path_prefix) && is_header_name(rule.name) &&
         is_within(rule.ttl, kMinReplayCacheTtl, kMaxServiceTime);
}

Result<void> check_http(const HttpOptions& http) {
  bool timed = is_within(http.idle_timeout, Duration::zero(), kMaxServiceTime) &&
               is_within(http.headers_read_timeout, Duration::zero(), kMaxServiceTime);
  if (!timed) return Error("a port's timeouts must be at most a day");
  if (!each(http.response_headers, kMaxHeaderEdits, is_edit))
    return Error("a port edits too many response headers, or one with a bad name or value");
  return require(each(http.replay_cache, kMaxReplayCacheRules, is_replay_rule),
                 "a port has too many replay cache rules, or one with a bad path, name or time");
}

Result<void> check_port(const ServicePort& port) {
  if (port.first == 0 || port.first > port.last)
    return Error("a service's external ports must be 1..65535, first not above last");
  if (!each(port.handlers, kMaxHandlersPerPort, is_handler_name))
    return Error("a port has too many handlers, or one whose name is no handler's");
  bool version =
      port.proxy_protocol == kProxyProtocolText || port.proxy_protocol == kProxyProtocolBinary;
  if (!version) return Error("a port's PROXY protocol must be of version 1 or 2");
  if (!each(port.tls.alpn, kMaxAlpn, is_alpn))
    return Error("a port agrees on too many protocols of TLS, or on one that is no name");
  return check_http(port.http);
}

Result<void> check_request(const ServiceCheck& check) {
  if (!is_header_name(check.method)) return Error("a check's method is no HTTP method");
  if (!is_request_path(check.path)) return Error("a check's path must begin with '/'");
  if (!is_header_value(check.tls_server_name)) return Error("a check's server name is malformed");
  bool fields = each(check.headers, kMaxHeadersPerCheck, [](const HeaderField& field) {
    return is_header_name(field.name) && is_header_value(field.value);
  });
  return require(fields, "a check has too many headers, or one with a bad name or value");
}

Result<void> check_kind(const ServiceCheck& check) {
  switch (check.kind) {
    case CheckKind::kTcp:
      return {};
    case CheckKind::kHttp:
      return check_request(check);
    case CheckKind::kScript:
      return require(
          !check.command.empty() && each(check.command, kMaxCommandWords, is_command_word),
          "a check's command must be 1 to 32 words of at most 1024 bytes");
  }
  return {};
}

Result<void> check_check(const ServiceCheck& check) {
  bool timed =
      is_within(check.interval, kMinCheckTime, kMaxCheckTime) &&
      is_within(check.timeout, kMinCheckTime, kMaxCheckTime) &&
      (check.grace == Duration::zero() || is_within(check.grace, kMinCheckTime, kMaxCheckTime));
  if (!timed) return Error("a check's interval, timeout and grace period must be 1 s to 60 s");
  return check_kind(check);
}

}  // namespace

bool is_check_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxCheckNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           return letter || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= kMaxServiceTextBytes &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           return letter || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
         });
}

bool is_header_value(std::string_view value) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (blank(value.front()) || blank(value.back()))) return false;
  return value.size() <= kMaxServiceTextBytes &&
         std::all_of(value.begin(), value.end(), [&](char c) {
           auto byte = static_cast<unsigned char>(c);
           return is_visible(byte) || blank(c) || byte >= 0x80;
         });
}

bool is_request_path(std::string_view path) {
  return !path.empty() && path.front() == '/' && path.size() <= kMaxServiceTextBytes &&
         std::all_of(path.begin(), path.end(), is_visible) &&
         path.find('#') == std::string_view::npos;
}

Result<void> check_service(const Service& service) {
  if (service.internal_port == 0) return Error("a service's internal port must be 1..65535");
  if (service.ports.size() > kMaxPortsPerService) return Error("a service has too many ports");
  if (!each(service.groups, kMaxGroupsPerService, is_dns_label))
    return Error("a service has too many process groups, or one with a bad name");
  if (service.checks.size() > kMaxChecksPerService) return Error("a service has too many checks");
  for (const auto& port : service.ports)
    if (auto checked = check_port(port); !checked) return checked;
  for (const auto& check : service.checks)
    if (auto checked = check_check(check); !checked) return checked;
  return {};
}

Result<void> check_app_check(const AppCheck& check) {
  if (!is_check_name(check.name))
    return Error("a check's name must be 1 to 63 letters, digits, '-', '_' and '.'");
  if (check.port == 0) return Error("a check's port must be 1..65535");
  if (!each(check.groups, kMaxGroupsPerService, is_dns_label))
    return Error("a check has too many process groups, or one with a bad name");
  const ServiceCheck& how = check.check;
  bool timed = is_within(how.interval, kMinAppCheckInterval, kMaxAppCheckTime) &&
               is_within(how.timeout, kMinAppCheckTimeout, kMaxCheckTime) &&
               is_within(how.grace, Duration::zero(), kMaxAppCheckTime);
  if (!timed)
    return Error(
        "an app's check has an interval of 2 s to 1 h, a timeout of at most 60 s and a grace "
        "period of at most 1 h");
  return check_kind(how);
}

}  // namespace sixpn::registry
