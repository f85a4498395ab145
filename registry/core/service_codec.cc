#include "registry/core/service_codec.h"

#include "registry/core/record.pb.h"
#include "registry/core/wire_fields.h"

namespace sixpn::registry {
namespace {

using registry::take;

std::uint32_t to_ms(Duration time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

Duration from_ms(std::uint32_t ms) {
  return std::chrono::milliseconds(ms);
}

void put(wire::HttpOptions& out, const HttpOptions& in) {
  out.set_compress(in.compress);
  out.set_h2_backend(in.h2_backend);
  out.set_idle_timeout_ms(to_ms(in.idle_timeout));
  out.set_headers_read_timeout_ms(to_ms(in.headers_read_timeout));
  out.set_pristine(in.pristine);
  for (const auto& edit : in.response_headers) {
    auto* added = out.add_response_headers();
    added->set_name(edit.name);
    for (const auto& value : edit.values) added->add_values(value);
  }
  for (const auto& rule : in.replay_cache) {
    auto* added = out.add_replay_cache();
    added->set_path_prefix(rule.path_prefix);
    added->set_ttl_ms(to_ms(rule.ttl));
    added->set_by_header(rule.by_header);
    added->set_name(rule.name);
    added->set_allow_bypass(rule.allow_bypass);
  }
}

void put(wire::ServicePort& out, const ServicePort& in) {
  out.set_first(in.first);
  out.set_last(in.last);
  for (const auto& name : in.handlers) out.add_handlers(name);
  out.set_force_https(in.force_https);
  if (in.proxy_protocol != kProxyProtocolText) out.set_proxy_protocol(in.proxy_protocol);
  if (in.http != HttpOptions{}) put(*out.mutable_http(), in.http);
  if (in.tls == TlsOptions{}) return;
  for (const auto& protocol : in.tls.alpn) out.mutable_tls()->add_alpn(protocol);
  out.mutable_tls()->set_only_tls13(in.tls.only_tls13);
}

void put(wire::Check& out, const ServiceCheck& in) {
  out.set_kind(static_cast<std::uint32_t>(in.kind));
  out.set_interval_ms(to_ms(in.interval));
  out.set_timeout_ms(to_ms(in.timeout));
  out.set_grace_ms(to_ms(in.grace));
  out.set_method(in.method);
  out.set_path(in.path);
  out.set_tls(in.tls);
  out.set_tls_skip_verify(in.tls_skip_verify);
  out.set_tls_server_name(in.tls_server_name);
  for (const auto& [name, value] : in.headers) {
    auto* added = out.add_headers();
    added->set_key(name);
    added->set_value(value);
  }
  for (const auto& word : in.command) out.add_command(word);
}

void take(const wire::HttpOptions& in, HttpOptions& out) {
  out.compress = in.compress();
  out.h2_backend = in.h2_backend();
  out.idle_timeout = from_ms(in.idle_timeout_ms());
  out.headers_read_timeout = from_ms(in.headers_read_timeout_ms());
  out.pristine = in.pristine();
  for (const auto& edit : in.response_headers())
    out.response_headers.push_back({edit.name(), {edit.values().begin(), edit.values().end()}});
  for (const auto& rule : in.replay_cache())
    out.replay_cache.push_back({rule.path_prefix(), from_ms(rule.ttl_ms()), rule.by_header(),
                                rule.name(), rule.allow_bypass()});
}

bool take(const wire::ServicePort& in, ServicePort& out) {
  out.handlers.assign(in.handlers().begin(), in.handlers().end());
  out.force_https = in.force_https();
  if (in.has_http()) take(in.http(), out.http);
  out.tls = {{in.tls().alpn().begin(), in.tls().alpn().end()}, in.tls().only_tls13()};
  std::uint32_t version = in.proxy_protocol() == 0 ? kProxyProtocolText : in.proxy_protocol();
  return take(in.first(), out.first) && take(in.last(), out.last) &&
         take(version, out.proxy_protocol, kProxyProtocolText, kProxyProtocolBinary);
}

bool take(const wire::Check& in, ServiceCheck& out) {
  out.interval = from_ms(in.interval_ms());
  out.timeout = from_ms(in.timeout_ms());
  out.grace = from_ms(in.grace_ms());
  out.method = in.method();
  out.path = in.path();
  out.tls = in.tls();
  out.tls_skip_verify = in.tls_skip_verify();
  out.tls_server_name = in.tls_server_name();
  for (const auto& field : in.headers()) out.headers.push_back({field.key(), field.value()});
  out.command.assign(in.command().begin(), in.command().end());
  return take(in.kind(), out.kind, CheckKind::kTcp, CheckKind::kScript);
}

}  // namespace

void put_check(wire::AppCheck& out, const AppCheck& in) {
  out.set_name(in.name);
  out.set_port(in.port);
  for (const auto& group : in.groups) out.add_groups(group);
  put(*out.mutable_check(), in.check);
  out.set_readiness(in.readiness);
}

bool take_check(const wire::AppCheck& in, AppCheck& out) {
  out.name = in.name();
  out.groups.assign(in.groups().begin(), in.groups().end());
  out.readiness = in.readiness();
  return take(in.port(), out.port) && take(in.check(), out.check);
}

void put_service(wire::Service& out, const Service& in) {
  out.set_protocol(static_cast<std::uint32_t>(in.protocol));
  out.set_internal_port(in.internal_port);
  for (const auto& port : in.ports) put(*out.add_ports(), port);
  for (const auto& group : in.groups) out.add_groups(group);
  out.set_concurrency(static_cast<std::uint32_t>(in.concurrency));
  out.set_soft_limit(in.soft_limit);
  out.set_hard_limit(in.hard_limit);
  out.set_auto_start(in.auto_start);
  out.set_auto_stop(static_cast<std::uint32_t>(in.auto_stop));
  out.set_min_machines_running(in.min_machines_running);
  for (const auto& check : in.checks) put(*out.add_checks(), check);
  out.set_kernel_path(in.kernel_path);
}

bool take_service(const wire::Service& in, Service& out) {
  for (const auto& port : in.ports())
    if (!take(port, out.ports.emplace_back())) return false;
  out.groups.assign(in.groups().begin(), in.groups().end());
  out.soft_limit = in.soft_limit();
  out.hard_limit = in.hard_limit();
  out.auto_start = in.auto_start();
  out.min_machines_running = in.min_machines_running();
  out.kernel_path = in.kernel_path();
  for (const auto& check : in.checks())
    if (!take(check, out.checks.emplace_back())) return false;
  return take(in.protocol(), out.protocol, ServiceProtocol::kTcp, ServiceProtocol::kUdp) &&
         take(in.internal_port(), out.internal_port) &&
         take(in.concurrency(), out.concurrency, ConcurrencyType::kConnections,
              ConcurrencyType::kRequests) &&
         take(in.auto_stop(), out.auto_stop, AutoStop::kOff, AutoStop::kSuspend);
}

}  // namespace sixpn::registry
