#include "tools/cli/peer_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ip.h"
#include "tools/cli/table.h"
#include "tools/cli/units.h"

namespace sixpn::cli {
namespace {

// As Fly's: keeps the NAT between a laptop and its gateway open.
constexpr int kKeepaliveSeconds = 15;

std::string seen(JsonView peer) {
  auto age = peer["handshake_age_s"].integer();
  return age ? format_age(*age) + " ago" : "";
}

std::string bytes(JsonView count) {
  auto number = count.integer();
  return number ? format_bytes(static_cast<std::uint64_t>(*number)) : "";
}

}  // namespace

std::string peer_config(JsonView peer, const PeerConfigParts& parts) {
  auto endpoints = peer["gateway_endpoints"].texts();
  std::string endpoint = parts.endpoint;
  if (endpoint.empty() && !endpoints.empty()) endpoint = endpoints.front();
  std::string text = "[Interface]\n";
  text += parts.private_key.empty()
              ? "# PrivateKey = the one that belongs to " + peer["public_key"].text() + "\n"
              : "PrivateKey = " + parts.private_key + "\n";
  text += fmt::format("Address = {}/120\nDNS = {}\n", peer["address"].text(), peer["dns"].text());
  if (auto mtu = peer["mtu"].integer()) text += fmt::format("MTU = {}\n", *mtu);
  text += fmt::format("\n[Peer]\nPublicKey = {}\nAllowedIPs = {}\n",
                      peer["gateway_public_key"].text(), peer["allowed_ips"].text());
  text += endpoint.empty()
              ? fmt::format("# Endpoint = an address of host {}, and port {}\n",
                            peer["gateway"].text(), peer["gateway_port"].integer().value_or(0))
              : "Endpoint = " + endpoint + "\n";
  // A host does not know which of its addresses a device can reach.
  for (std::size_t i = 1; parts.endpoint.empty() && i < endpoints.size(); ++i)
    text += "# or: Endpoint = " + endpoints[i] + "\n";
  return text + fmt::format("PersistentKeepalive = {}\n", kKeepaliveSeconds);
}

std::string created_text(JsonView peer, const std::string& file) {
  return fmt::format(
      "Peer {} of {}/{} has address {}. Its configuration is in {}: bring it to the "
      "device, then `wg-quick up {}`.\n",
      peer["name"].text(), peer["org"].text(), peer["network"].text(), peer["address"].text(), file,
      file);
}

std::string peers_text(JsonView peers) {
  Table table(
      {"NAME", "ORG", "NETWORK", "ADDRESS", "GATEWAY", "ENDPOINT", "SEEN", "RECEIVED", "SENT"});
  for (JsonView peer : peers.items())
    table.add({peer["name"].text(), peer["org"].text(), peer["network"].text(),
               peer["address"].text(), peer["gateway"].text(), peer["endpoint"].text(), seen(peer),
               bytes(peer["received_bytes"]), bytes(peer["sent_bytes"])});
  return table.empty() ? "There are no peers.\n" : table.text();
}

bool is_host_and_port(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  int number = 0;
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535)
    return false;
  if (host.starts_with('['))
    return host.ends_with(']') && parse_ip6(host.substr(1, host.size() - 2)).has_value();
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace sixpn::cli
