#include "dns/core/flycast_names.h"

#include <algorithm>

#include "registry/core/service_ports.h"
#include "registry/core/tls_authority.h"

namespace sixpn::dns {
namespace {

// Of an app's addresses, in its records for services: nobody needs them all, and a record holds no
// more than some thousands.
constexpr std::size_t kMaxHints = 32;
constexpr std::uint16_t kHttpPort = 80, kHttpsPort = 443;

// The addresses of one app. Two networks may each have an app of this name and both be dialled from
// here: then the name means this network's own app, or else the one of the lowest network id, never
// a mix.
std::vector<const FlycastRecord*> records_of(const View& view, std::string_view app) {
  if (view.indexed == nullptr) return {};
  auto records = view.indexed->flycast().find(app);
  view.index.look_at(records.size());
  if (records.empty()) return records;
  auto rank = [&](const FlycastRecord* record) {
    return std::pair(record->app_network != view.network, record->app_network);
  };
  auto best = rank(*std::min_element(records.begin(), records.end(),
                                     [&](auto* a, auto* b) { return rank(a) < rank(b); }));
  std::erase_if(records, [&](auto* record) { return rank(record) != best; });
  return records;
}

std::vector<Ip6> hints_of(const std::vector<Rdata>& addresses) {
  std::vector<Ip6> hints;
  for (const auto& address : addresses) {
    if (hints.size() == kMaxHints) break;
    hints.push_back(std::get<Ip6>(address));
  }
  return hints;
}

const AppRecord* app_behind(const View& view, const FlycastRecord& record) {
  const NetworkView* network = view.snapshot.find_network(record.app_network);
  if (network == nullptr) return nullptr;
  auto app = network->apps.find(record.app);
  return app != network->apps.end() ? &app->second->app : nullptr;
}

// A single port of TCP; ranges are not told.
bool is_one(const Service& service, const ServicePort& port) {
  return service.protocol == ServiceProtocol::kTcp && port.first == port.last;
}

// One record for each port that Flycast opens for plain bytes.
NameContent describe_services(const View& view, const FlycastRecord& first,
                              const std::vector<Rdata>& addresses) {
  NameContent content{.type = kTypeSvcb,
                      .lasting = first.app_network == view.network,
                      .rule = "the ports that Flycast opens for the app"};
  const AppRecord* app = app_behind(view, first);
  if (app == nullptr) return content;
  auto hints = hints_of(addresses);
  for (const Service& service : app->services)
    for (const ServicePort& port : service.ports) {
      if (!is_one(service, port) || !is_spoken_plainly(port)) continue;
      if (content.rdata.size() >= kMostServicePorts) break;
      std::vector<std::string> alpn;
      if (has_handler(port, "http")) alpn.emplace_back("http/1.1");
      content.rdata.emplace_back(
          Svcb{.alpn = std::move(alpn), .port = port.first, .ipv6hint = hints});
    }
  return content;
}

bool is_https(const Service& service, const ServicePort& port) {
  return is_one(service, port) && is_relayed(port) && ends_tls(port) && !asks_for_tls(port) &&
         has_handler(port, "http");
}

bool opens_plain_http(const Service& service) {
  return std::any_of(service.ports.begin(), service.ports.end(), [](const ServicePort& port) {
    return is_spoken_plainly(port) && port.first <= kHttpPort && kHttpPort <= port.last;
  });
}

// What https://<app>.flycast means: port 443, or else the first with TLS and HTTP. Who knows that
// it is there goes there for http:// too (RFC 9460 section 9.5), so it must not be another service
// than the one at port 80.
const ServicePort* https_port(const AppRecord& app) {
  const ServicePort* other = nullptr;
  const Service* plain = nullptr;
  for (const Service& service : app.services)
    if (opens_plain_http(service)) plain = &service;
  for (const Service& service : app.services)
    for (const ServicePort& port : service.ports) {
      if (!is_https(service, port)) continue;
      if (port.first == kHttpsPort) return &port;
      bool same = plain == nullptr || plain == &service;
      if (same && other == nullptr) other = &port;
    }
  return other;
}

// Whether the asker's host can answer TLS for its network's org: else the port is closed (0134).
bool can_end_tls(const View& view) {
  return has_tls_grant(view.snapshot, view.names.network.org, view.index.vantage().self);
}

// Not kept: it changes when the org gets its certificates, which is no change of the network.
NameContent describe_https(const View& view, const FlycastRecord& first,
                           const std::vector<Rdata>& addresses) {
  NameContent content{.type = kTypeHttps,
                      .lasting = false,
                      .rule = "the port with TLS and HTTP that Flycast opens for the app"};
  const AppRecord* app = app_behind(view, first);
  const ServicePort* port = app != nullptr && can_end_tls(view) ? https_port(*app) : nullptr;
  if (port == nullptr) return content;
  Svcb svcb{.alpn = tls_protocols(*port), .ipv6hint = hints_of(addresses)};
  if (port->first != kHttpsPort) svcb.port = port->first;
  svcb.no_default_alpn =
      std::find(svcb.alpn.begin(), svcb.alpn.end(), "http/1.1") == svcb.alpn.end();
  content.rdata.emplace_back(std::move(svcb));
  return content;
}

}  // namespace

std::optional<NameContent> find_flycast(const View& view, Labels labels) {
  auto records = records_of(view, labels.back());
  if (records.empty() || labels.size() > 3) return std::nullopt;
  if (labels.size() > 1 && labels[labels.size() - 2] != "svc") return std::nullopt;
  auto service = labels.size() == 3 ? labels[0] : std::string_view();
  bool has_services = false;
  NameContent content{.type = kTypeAaaa,
                      .rule = "Flycast addresses that the asker's network may dial"};
  for (const auto* record : records) {
    has_services = has_services || !record->service_name.empty();
    if (record->service_name == service) content.rdata.emplace_back(record->address);
  }
  if (labels.size() == 2) return has_services ? std::optional(existing_name()) : std::nullopt;
  if (labels.size() == 3 && content.rdata.empty()) return std::nullopt;
  if (content.rdata.empty()) return content;
  if (view.asked == kTypeSvcb) return describe_services(view, *records.front(), content.rdata);
  if (view.asked == kTypeHttps) return describe_https(view, *records.front(), content.rdata);
  return content;
}

}  // namespace sixpn::dns
