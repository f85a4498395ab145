#include "config/fly_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/fly_checks.h"
#include "config/fly_http_options.h"
#include "registry/core/service_ports.h"
#include "registry/core/service_rules.h"

namespace sixpn::config {

namespace {

using Processes = std::map<std::string, std::string>;

constexpr std::uint32_t kDefaultSoftLimit = 20;

// A service with the places that later checks point at.
struct ServiceDraft {
  Service service;
  std::vector<TomlPosition> port_at;  // beside service.ports
};

bool is_https(const ServicePort& port) {
  return has_handler(port, "tls") && has_handler(port, "http");
}

// Where clients are redirected to must be there.
void read_force_https(TableReader& table, ServicePort& port) {
  auto force = table.boolean("force_https");
  if (!force || !force->value) return;
  port.force_https = true;
  if (!has_handler(port, "http"))
    table.error(force->at, "force_https", "needs the handler \"http\": only HTTP can redirect");
}

void check_force_https(TableReader& table, const Service& service) {
  auto forces = [](const ServicePort& port) { return port.force_https; };
  auto answers = [](const ServicePort& port) {
    return port.first <= 443 && 443 <= port.last && is_https(port);
  };
  const auto& ports = service.ports;
  if (std::any_of(ports.begin(), ports.end(), forces) &&
      std::none_of(ports.begin(), ports.end(), answers))
    table.error(table.at(), "ports.force_https",
                "needs a port 443 with the handlers \"tls\" and \"http\" in this service, to "
                "redirect to");
}

bool is_alpn(const std::string& protocol) {
  return !protocol.empty() && protocol.size() <= registry::kMaxAlpnBytes;
}

void read_alpn(TableReader& options, ServicePort& port) {
  auto named = options.strings("alpn");
  for (const Read<std::string>& protocol : named) {
    bool http = protocol.value == "h2" || protocol.value == "http/1.1";
    if (!is_alpn(protocol.value) || (has_handler(port, "http") && !http))
      options.error(protocol.at, "alpn",
                    "expected \"h2\" or \"http/1.1\", or without the handler \"http\" any "
                    "protocol of at most 255 bytes");
    port.tls.alpn.push_back(protocol.value);
  }
  if (named.size() > registry::kMaxAlpn)
    options.error(options.at(), "alpn",
                  fmt::format("expected at most {} protocols", registry::kMaxAlpn));
}

void read_tls_versions(TableReader& options, ServicePort& port) {
  bool tls12 = false;
  bool tls13 = false;
  for (const Read<std::string>& version : options.strings("versions")) {
    tls12 = tls12 || version.value == "TLSv1.2";
    tls13 = tls13 || version.value == "TLSv1.3";
    if (version.value != "TLSv1.2" && version.value != "TLSv1.3")
      options.error(version.at, "versions", "expected \"TLSv1.2\" or \"TLSv1.3\"");
  }
  port.tls.only_tls13 = tls13 && !tls12;
  if (tls12 && !tls13) options.note(options.at(), "versions", "TLSv1.3 is spoken too");
}

void read_tls_options(TableReader& table, ServicePort& port) {
  auto options = table.table("tls_options");
  if (!options) return;
  read_alpn(*options, port);
  read_tls_versions(*options, port);
  options->accept_unused("default_self_signed");
  options->report_unknown_keys();
}

void read_internal_port(TableReader& table, Service& service) {
  if (auto port = table.integer("internal_port", 1, 65535))
    service.internal_port = static_cast<std::uint16_t>(port->value);
}

void read_concurrency(TableReader& table, Service& service) {
  auto concurrency = table.table("concurrency");
  if (!concurrency) return;
  constexpr std::int64_t kMaxLimit = std::numeric_limits<std::int32_t>::max();
  auto type = concurrency->word("type", {"connections", "requests"});
  if (type && type->value == "requests") service.concurrency = ConcurrencyType::kRequests;
  auto hard = concurrency->integer("hard_limit", 1, kMaxLimit);
  if (hard) service.hard_limit = static_cast<std::uint32_t>(hard->value);
  auto soft = concurrency->integer("soft_limit", 1, kMaxLimit);
  if (soft)
    service.soft_limit = static_cast<std::uint32_t>(soft->value);
  else if (hard)
    service.soft_limit = std::min(kDefaultSoftLimit, service.hard_limit);
  if (hard && soft && soft->value > hard->value)
    concurrency->error(
        soft->at, "soft_limit",
        fmt::format("expected at most hard_limit ({}), found {}", hard->value, soft->value));
  concurrency->report_unknown_keys();
}

// Fly takes both a word and, as it once did, true or false.
AutoStop read_auto_stop(TableReader& table) {
  constexpr std::string_view kKey = "auto_stop_machines";
  const TomlEntry* entry = table.find(kKey);
  if (entry == nullptr) return AutoStop::kOff;
  if (const auto* flag = std::get_if<bool>(&entry->value.value))
    return *flag ? AutoStop::kStop : AutoStop::kOff;
  auto word = table.word(kKey, {"off", "stop", "suspend"});
  if (!word || word->value == "off") return AutoStop::kOff;
  return word->value == "stop" ? AutoStop::kStop : AutoStop::kSuspend;
}

void read_machine_rules(TableReader& table, Service& service) {
  service.auto_stop = read_auto_stop(table);
  if (auto start = table.boolean("auto_start_machines")) service.auto_start = start->value;
  auto least = table.integer("min_machines_running", 0, std::numeric_limits<std::int32_t>::max());
  if (!least) return;
  service.min_machines_running = static_cast<std::uint32_t>(least->value);
  if (least->value > 0 && service.auto_stop == AutoStop::kOff)
    table.note(least->at, "min_machines_running",
               "has no effect: auto_stop_machines is off, so that no machine is stopped");
}

void read_service_groups(TableReader& table, const Processes& processes, Service& service) {
  read_groups(table, processes, service.groups);
  if (processes.size() > 1 && table.find("processes") == nullptr)
    table.error(table.at(), "processes",
                fmt::format("is required: [processes] has {} groups", processes.size()));
}

// What [http_service] and [[services]] have in common.
void read_common(TableReader& table, const Processes& processes, Service& service) {
  read_internal_port(table, service);
  read_machine_rules(table, service);
  read_concurrency(table, service);
  read_service_groups(table, processes, service);
}

// "port", or "start_port" and "end_port". False when the range cannot be told.
bool read_port_range(TableReader& table, ServicePort& port) {
  auto single = table.integer("port", 1, 65535);
  auto first = table.integer("start_port", 1, 65535);
  auto last = table.integer("end_port", 1, 65535);
  bool has_single = table.find("port") != nullptr;
  bool has_first = table.find("start_port") != nullptr;
  bool has_last = table.find("end_port") != nullptr;
  if (has_single ? has_first || has_last : !has_first || !has_last) {
    table.error(table.at(), "port", "expected either port, or start_port and end_port");
    return false;
  }
  if (single) first = last = single;
  if (!first || !last) return false;
  if (first->value > last->value) {
    table.error(
        last->at, "end_port",
        fmt::format("expected at least start_port ({}), found {}", first->value, last->value));
    return false;
  }
  port.first = static_cast<std::uint16_t>(first->value);
  port.last = static_cast<std::uint16_t>(last->value);
  return true;
}

std::string range_text(const ServicePort& port) {
  if (port.first == port.last) return fmt::format("port {}", port.first);
  return fmt::format("ports {}-{}", port.first, port.last);
}

void read_handlers(TableReader& table, ServicePort& port) {
  std::vector<std::string_view> known(kHandlers.begin(), kHandlers.end());
  for (const Read<std::string>& handler : table.strings("handlers")) {
    if (std::find(known.begin(), known.end(), handler.value) == known.end()) {
      std::string_view meant = nearest_word(handler.value, known);
      table.error(handler.at, "handlers",
                  fmt::format("expected \"http\", \"tls\", \"pg_tls\" or \"proxy_proto\", found "
                              "\"{}\"{}",
                              handler.value,
                              meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
    }
    port.handlers.push_back(handler.value);
  }
  if (asks_for_tls(port) && (has_handler(port, "tls") || has_handler(port, "http")))
    table.error(table.at(), "handlers",
                "\"pg_tls\" is TLS as PostgreSQL's clients begin it: no \"tls\" or \"http\" goes "
                "with it");
}

void read_proxy_protocol(TableReader& table, ServicePort& port) {
  auto options = table.table("proxy_proto_options");
  if (!options) return;
  auto version = options->word("version", {"v1", "v2"});
  if (version && version->value == "v2") port.proxy_protocol = kProxyProtocolBinary;
  options->report_unknown_keys();
}

void read_port(TableReader table, ServiceDraft& draft) {
  ServicePort port;
  bool has_range = read_port_range(table, port);
  read_handlers(table, port);
  read_force_https(table, port);
  read_http_options(table, port.http);
  read_proxy_protocol(table, port);
  read_tls_options(table, port);
  table.report_unknown_keys();
  if (!has_range) return;
  draft.service.ports.push_back(std::move(port));
  draft.port_at.push_back(table.at());
}

ServiceDraft read_http_service(TableReader& table, const Processes& processes) {
  ServiceDraft draft;
  draft.service.ports = {{80, 80, {"http"}}, {443, 443, {"tls", "http"}}};
  draft.port_at = {table.at(), table.at()};
  read_common(table, processes, draft.service);
  if (table.find("internal_port") == nullptr)
    table.error(table.at(), "internal_port", "is required: the port that your program listens on");
  ServicePort& plain = draft.service.ports[0];
  ServicePort& secure = draft.service.ports[1];
  read_force_https(table, plain);
  read_http_options(table, plain.http);
  secure.http = plain.http;
  read_tls_options(table, secure);
  read_checks(table, "checks", CheckKind::kHttp, draft.service.checks);
  table.accept_unused("machine_checks");
  table.report_unknown_keys();
  return draft;
}

// sixpn's own: how Flycast reaches the machines.
void read_path(TableReader& table, Service& service) {
  auto path = table.word("flycast_path", {"proxy", "kernel"});
  if (!path || path->value == "proxy") return;
  service.kernel_path = true;
  bool raw = service.protocol == ServiceProtocol::kTcp &&
             std::all_of(service.ports.begin(), service.ports.end(),
                         [](const ServicePort& port) { return port.handlers.empty(); });
  if (!raw)
    table.error(path->at, "flycast_path",
                "\"kernel\" is for TCP services without handlers: the kernel moves packets, it "
                "reads no HTTP");
  if (service.hard_limit != 0)
    table.error(path->at, "flycast_path",
                "\"kernel\" keeps no hard_limit: the kernel chooses machines blindly");
  if (service.auto_stop != AutoStop::kOff)
    table.error(
        path->at, "flycast_path",
        "\"kernel\" needs auto_stop_machines = \"off\": nobody sees that a machine is idle");
  for (const ServicePort& port : service.ports)
    if (port.http.idle_timeout != Duration{})
      return table.error(path->at, "flycast_path",
                         "\"kernel\" keeps no idle_timeout: the kernel ends no connection");
}

ServiceDraft read_service(TableReader& table, const Processes& processes) {
  ServiceDraft draft;
  auto protocol = table.word("protocol", {"tcp", "udp"});
  if (protocol && protocol->value == "udp") {
    draft.service.protocol = ServiceProtocol::kUdp;
    table.note(protocol->at, "protocol",
               "accepted, not used: Flycast balances TCP; UDP works between machines by name");
  }
  read_common(table, processes, draft.service);
  for (TableReader& port : table.tables("ports")) read_port(port, draft);
  check_force_https(table, draft.service);
  if (const TomlEntry* ports = table.find("ports"); ports == nullptr)
    table.error(table.at(), "ports", "expected at least one [[services.ports]]");
  read_checks(table, "tcp_checks", CheckKind::kTcp, draft.service.checks);
  read_checks(table, "http_checks", CheckKind::kHttp, draft.service.checks);
  read_checks(table, "script_checks", CheckKind::kScript, draft.service.checks);
  read_path(table, draft.service);
  table.accept_unused("machine_checks");
  table.report_unknown_keys();
  return draft;
}

bool share_a_port(const ServicePort& a, const ServicePort& b) {
  return a.first <= b.last && b.first <= a.last;
}

// An address, protocol and port lead to one service.
void check_overlaps(TableReader& file, const std::vector<ServiceDraft>& drafts) {
  struct Seen {
    ServiceProtocol protocol;
    const ServicePort* port;
    TomlPosition at;
  };
  std::vector<Seen> seen;
  for (const ServiceDraft& draft : drafts) {
    for (std::size_t i = 0; i < draft.service.ports.size(); ++i) {
      const ServicePort& port = draft.service.ports[i];
      TomlPosition at = draft.port_at[i];
      for (const Seen& other : seen) {
        if (other.protocol != draft.service.protocol || !share_a_port(*other.port, port)) continue;
        file.error(at, "services.ports.port",
                   fmt::format("{} cannot be used: line {} has {} already", range_text(port),
                               other.at.line, range_text(*other.port)));
        break;
      }
      seen.push_back({draft.service.protocol, &port, at});
    }
  }
}

}  // namespace

std::vector<Service> read_services(TableReader& file, const Processes& processes) {
  std::vector<ServiceDraft> drafts;
  if (auto http = file.table("http_service")) drafts.push_back(read_http_service(*http, processes));
  for (TableReader& table : file.tables("services"))
    drafts.push_back(read_service(table, processes));
  check_overlaps(file, drafts);
  std::vector<Service> services;
  for (ServiceDraft& draft : drafts)
    if (!draft.service.ports.empty()) services.push_back(std::move(draft.service));
  return services;
}

}  // namespace sixpn::config
