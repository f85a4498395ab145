#include "dns/core/flycast_names.h"

#include <algorithm>

#include "registry/core/service_ports.h"

namespace sixpn::dns {
namespace {

// Of an app's addresses, in its records for services: nobody needs them all, and a record holds no
// more than some thousands.
constexpr std::size_t kMaxHints = 32;

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

// One record for each port that Flycast opens for plain bytes. HTTPS records there are none: they
// would tell a client to speak TLS (RFC 9460 section 9.5), which not every app ends.
NameContent describe_services(const View& view, const FlycastRecord& first,
                              std::vector<Rdata> addresses) {
  NameContent content{.type = kTypeSvcb,
                      .lasting = first.app_network == view.network,
                      .rule = "the ports that Flycast opens for the app"};
  const NetworkView* network = view.snapshot.find_network(first.app_network);
  auto app = network != nullptr ? network->apps.find(first.app) : decltype(network->apps.end()){};
  if (network == nullptr || app == network->apps.end()) return content;
  std::vector<Ip6> hints;
  for (const auto& address : addresses) {
    if (hints.size() == kMaxHints) break;
    hints.push_back(std::get<Ip6>(address));
  }
  for (const Service& service : app->second->app.services)
    for (const ServicePort& port : service.ports) {
      bool named = service.protocol == ServiceProtocol::kTcp && port.first == port.last;
      if (!named || !is_spoken_plainly(port) || content.rdata.size() >= kMostServicePorts) continue;
      bool http =
          std::find(port.handlers.begin(), port.handlers.end(), "http") != port.handlers.end();
      std::vector<std::string> alpn;
      if (http) alpn.emplace_back("http/1.1");
      content.rdata.emplace_back(Svcb{1, std::move(alpn), port.first, hints});
    }
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
  if (view.asked != kTypeSvcb || content.rdata.empty()) return content;
  return describe_services(view, *records.front(), std::move(content.rdata));
}

}  // namespace sixpn::dns
