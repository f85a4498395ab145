#include "mesh/core/gateway.h"

#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

bool is_behind(const PeerRecord& peer, NetworkId network, HostId gateway) {
  return peer.gateway == gateway && classify(peer.address) == AddressKind::kPeer &&
         network_of(peer.address) == network && host_of(peer.address) == gateway;
}

bool is_own_key(const PublicKey& key, const DesiredMesh& mesh) {
  return key == mesh.gateway->device.public_key || key == mesh.main.device.public_key ||
         (mesh.spare && key == mesh.spare->device.public_key);
}

DesiredTunnel make_device(const MeshOptions& options) {
  const Secret& key = options.gateway->private_key;
  return {{gateway_interface(options.interface), key, wireguard_public_key(key),
           options.gateway->port, options.mtu},
          {}};
}

// Whose endpoint is where it calls from.
void add_peer(const PeerRecord& peer, DesiredMesh& mesh) {
  const std::string& name = mesh.gateway->device.name;
  DesiredPeer& wanted = mesh.gateway->peers[peer.wireguard_key];
  wanted.keepalive = 0;  // it keeps its own NAT open
  wanted.allowed.insert({peer.address, 128});
  mesh.routes.insert({{peer.address, 128}, RouteKind::kUnicast, name});
  admit_source(name, peer.address, mesh.firewall);
}

}  // namespace

std::vector<const PeerRecord*> peers_behind(const NetworkView& view, HostId gateway) {
  std::vector<const PeerRecord*> peers;
  std::set<Ip6> taken;
  for (const auto& [name, peer] : view.peers)
    if (is_behind(peer, view.network.id, gateway) && peer.wireguard_key != PublicKey{} &&
        taken.insert(peer.address).second)
      peers.push_back(&peer);
  return peers;
}

std::set<NetworkId> networks_of_peers(const Snapshot& snapshot, HostId gateway) {
  std::set<NetworkId> networks;
  for (const auto& [id, view] : snapshot.networks)
    if (!peers_behind(*view, gateway).empty()) networks.insert(id);
  return networks;
}

std::set<HostId> gateways_of(const NetworkView& view) {
  std::set<HostId> hosts;
  for (const auto& [name, peer] : view.peers)
    if (is_behind(peer, view.network.id, peer.gateway)) hosts.insert(peer.gateway);
  return hosts;
}

void add_gateway(const Snapshot& snapshot, const MeshOptions& options, DesiredMesh& mesh) {
  if (!options.gateway) return;
  for (const auto& [id, view] : snapshot.networks)
    for (const PeerRecord* peer : peers_behind(*view, snapshot.self)) {
      if (!mesh.gateway) mesh.gateway = make_device(options);
      if (!is_own_key(peer->wireguard_key, mesh)) add_peer(*peer, mesh);
    }
}

}  // namespace sixpn::mesh
