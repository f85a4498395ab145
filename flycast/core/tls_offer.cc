#include "flycast/core/tls_offer.h"

#include <algorithm>

#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

// As DNS names them (dns/core/flycast_names.h).
std::string name_of(const FlycastRecord& record) {
  const std::string app = record.app + ".flycast";
  return record.service_name.empty() ? app : record.service_name + ".svc." + app;
}

bool is_same_name(std::string_view asked, std::string_view name) {
  if (asked.ends_with('.')) asked.remove_suffix(1);
  return std::equal(asked.begin(), asked.end(), name.begin(), name.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  });
}

}  // namespace

std::optional<TlsOffer> tls_offer(const ServiceTable& table, NetworkId client_network,
                                  const IpEndpoint& dialled) {
  auto routed = table.route(client_network, dialled);
  const Route* route = std::get_if<Route>(&routed);
  if (route == nullptr || !ends_tls(*route->port)) return std::nullopt;
  const NetworkView& network = *table.snapshot()->find_network(client_network);
  const FlycastRecord& record = network.flycast.find(dialled.ip)->second;
  TlsOffer offer;
  offer.org = network.network.org;
  offer.names = {{name_of(record)}, {dialled.ip}};
  offer.id = to_string(client_network) + "/" + to_string(record.app_network) + "/" + record.app;
  offer.alpn = tls_protocols(*route->port);
  offer.only_tls13 = route->port->tls.only_tls13;
  return offer;
}

bool is_offered(const TlsOffer& offer, std::string_view server_name) {
  return server_name.empty() ||
         std::any_of(offer.names.dns.begin(), offer.names.dns.end(),
                     [&](const auto& name) { return is_same_name(server_name, name); });
}

std::optional<std::string> choose_alpn(const TlsOffer& offer, std::string_view listed) {
  std::vector<std::string_view> theirs;
  while (!listed.empty()) {
    std::size_t size = static_cast<unsigned char>(listed.front());
    listed.remove_prefix(1);
    if (size > listed.size()) break;  // cut short
    theirs.push_back(listed.substr(0, size));
    listed.remove_prefix(size);
  }
  for (const auto& ours : offer.alpn)
    if (std::find(theirs.begin(), theirs.end(), ours) != theirs.end()) return ours;
  return std::nullopt;
}

CertificateTimes leaf_times(WallTime now, WallTime issuer_until) {
  return {now - kCertificateBackdate, std::min<WallTime>(now + kLeafLife, issuer_until)};
}

bool is_leaf_fresh(const CertificateTimes& times, WallTime issuer_until, WallTime now) {
  // A clock that was set back makes leaves of the future.
  if (now < times.from || now >= times.until) return false;
  return times.until - now > kLeafLeft || times.until >= issuer_until;
}

}  // namespace sixpn::flycast
