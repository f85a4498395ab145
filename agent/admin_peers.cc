// The admin API's peers: devices outside the hosts, behind one.
#include <boost/json/array.hpp>

#include "agent/admin_api.h"
#include "agent/core/peer_writes.h"
#include "base/encoding.h"
#include "registry/core/address.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

using Reports = std::map<PublicKey, mesh::GatewayReport>;

json::object peer_json(const Snapshot& snapshot, const PeerRecord& peer) {
  const NetworkView* view = snapshot.find_network(peer.network);
  const HostView* gateway = snapshot.find_host(peer.gateway);
  return {{"name", peer.name},
          {"org", view != nullptr ? view->network.org : ""},
          {"network", view != nullptr ? view->network.name : to_string(peer.network)},
          {"address", to_string(peer.address)},
          {"gateway", gateway != nullptr ? gateway->record.name : to_string(peer.gateway)},
          {"public_key", to_base64(as_bytes(peer.wireguard_key))}};
}

// What only the gateway knows.
void add_report(const mesh::GatewayReport& report, json::object& out) {
  if (report.endpoint) out["endpoint"] = to_string(*report.endpoint);
  if (report.handshake_age)
    out["handshake_age_s"] = *report.handshake_age / std::chrono::seconds(1);
  out["received_bytes"] = report.rx_bytes;
  out["sent_bytes"] = report.tx_bytes;
}

json::array peers_json(const Snapshot& snapshot, const Reports& reports) {
  json::array out;
  for (const auto& [id, view] : snapshot.networks)
    for (const auto& [name, peer] : view->peers) {
      json::object each = peer_json(snapshot, peer);
      auto report = reports.find(peer.wireguard_key);
      if (peer.gateway == snapshot.self && report != reports.end())
        add_report(report->second, each);
      out.push_back(std::move(each));
    }
  return out;
}

Result<PeerName> peer_name(const Call& call) {
  PeerName name;
  auto read = call.read({{"name", &name.peer}, {"org", &name.org}, {"network", &name.network}});
  if (!read) return std::move(read).error();
  if (call.target.path.size() > 2) name.peer = call.target.path[2];
  if (name.peer.empty()) return Error("name: which peer is meant?", kInvalid);
  return name;
}

Result<PublicKey> key_of(const Call& call) {
  auto text = call.text("public_key");
  if (!text) return text.error();
  auto bytes = parse_base64(*text);
  if (!bytes || bytes->size() != PublicKey{}.size())
    return Error("public_key: expected 32 bytes in base64, as `wg pubkey` prints them", kInvalid);
  PublicKey key;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

}  // namespace

void AdminApi::get_peers(const Call&, Reply reply) {
  rooms_.report_gateway([this, reply](const std::vector<mesh::GatewayReport>& reports) {
    Reports by_key;
    for (const auto& report : reports) by_key[report.key] = report;
    reply.ok(peers_json(*rooms_.registry->snapshot(), by_key));
  });
}

// With what its device needs to know, but for its own private key, which is none of ours.
void AdminApi::create_peer(const Call& call, Reply reply) {
  auto name = peer_name(call);
  if (!name) return reply.fail(name.error());
  auto key = key_of(call);
  if (!key) return reply.fail(key.error());
  auto planned = plan_create_peer(*rooms_.registry->snapshot(), certificate(), *name, *key);
  if (!planned) return reply.fail(planned.error());
  auto confirm = [this, reply, record = planned->record](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    SnapshotPtr snapshot = rooms_.registry->snapshot();
    json::object out = peer_json(*snapshot, record);
    json::array endpoints;
    if (const HostView* self = snapshot->find_host(snapshot->self))
      for (IpEndpoint endpoint : self->record.endpoints) {
        endpoint.port = rooms_.gateway.port;
        endpoints.emplace_back(to_string(endpoint));
      }
    out["gateway_public_key"] = to_base64(as_bytes(rooms_.gateway.public_key));
    out["gateway_port"] = rooms_.gateway.port;
    out["gateway_endpoints"] = std::move(endpoints);
    out["dns"] = to_string(peer_resolver_address(record.network));
    out["allowed_ips"] = to_string(network_prefix(record.network));
    out["mtu"] = rooms_.gateway.mtu;
    reply.ok(std::move(out));
  };
  rooms_.write(std::move(planned->writes), confirm);
}

void AdminApi::remove_peer(const Call& call, Reply reply) {
  auto name = peer_name(call);
  if (!name) return reply.fail(name.error());
  auto writes = plan_remove_peer(*rooms_.registry->snapshot(), certificate(), *name);
  if (!writes) return reply.fail(writes.error());
  rooms_.write(std::move(*writes), [reply](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{});
  });
}

}  // namespace sixpn::agent
