#include "mesh/core/desired.h"

#include <algorithm>

#include "mesh/core/allowed_ips.h"
#include "mesh/core/flycast_ports.h"
#include "mesh/core/gateway.h"
#include "mesh/core/key_holders.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

std::vector<IpEndpoint> usable(const std::vector<IpEndpoint>& endpoints) {
  std::vector<IpEndpoint> out;
  for (const auto& endpoint : endpoints)
    if (is_usable_endpoint(endpoint)) out.push_back(endpoint);
  return out;
}

// The kernel would ignore our own key, and drop the older of two peers with one key: be explicit.
bool add_peer(const PublicKey& key, DesiredPeer peer, DesiredTunnel& tunnel) {
  if (key == tunnel.device.public_key || key == PublicKey{}) return false;
  return tunnel.peers.try_emplace(key, std::move(peer)).second;
}

std::vector<IpEndpoint> with_port(std::vector<IpEndpoint> endpoints, std::uint16_t port) {
  std::vector<IpEndpoint> out;
  for (IpEndpoint endpoint : endpoints) {
    endpoint.port = port;
    if (std::ranges::find(out, endpoint) == out.end()) out.push_back(endpoint);
  }
  return out;
}

// Leaving wins: who leaves cannot go on before its links are on the spare device.
Plane target_of(Rotation ours, Rotation theirs) {
  bool leaving = ours == Rotation::kLeave || theirs == Rotation::kLeave;
  return leaving ? Plane::kSpare : Plane::kMain;
}

std::set<std::pair<PublicKey, HostId>> revoked_keys(const Snapshot& snapshot) {
  std::set<std::pair<PublicKey, HostId>> keys;
  for (const auto& [id, host] : snapshot.shut_out)
    if (host.revoked)
      for (const auto& key : {host.record.wireguard_key, host.record.spare_key})
        keys.emplace(key, id);
  return keys;
}

DesiredTunnel make_spare(const MeshOptions& options) {
  const Secret& key = options.spare->private_key;
  return {{spare_interface(options.interface), key, wireguard_public_key(key), options.spare->port,
           options.mtu},
          {}};
}

void add_hosts(const Snapshot& snapshot, const std::map<HostId, std::set<Prefix6>>& allowed,
               const MeshOptions& options, DesiredMesh& mesh) {
  auto holds = [holders = key_holders(snapshot)](HostId id, const PublicKey& key) {
    auto found = holders.find(key);
    return found != holders.end() && found->second == id;
  };
  for (const auto& [id, host] : snapshot.hosts) {
    if (id == snapshot.self || !is_member(snapshot, host)) continue;
    const HostRecord& record = host.record;
    if (!holds(id, record.wireguard_key)) continue;
    DesiredPeer peer{id, usable(record.endpoints), {}, false, kKeepaliveSeconds, allowed.at(id)};
    if (!add_peer(record.wireguard_key, peer, mesh.main)) continue;
    bool rotates = options.rotation != Rotation::kNone || record.rotation != Rotation::kNone;
    if (!rotates || !options.spare || record.spare_port == 0) continue;
    if (!holds(id, record.spare_key)) continue;
    if (!mesh.spare) mesh.spare = make_spare(options);
    peer.candidates = with_port(peer.candidates, record.spare_port);
    if (add_peer(record.spare_key, std::move(peer), *mesh.spare))
      mesh.links[id] = target_of(options.rotation, record.rotation);
  }
}

void add_network(NetworkId network, HostId self, DesiredMesh& mesh) {
  mesh.addresses.insert({mesh.main.device.name, proxy_address(network, self), 128});
  mesh.routes.insert({flycast_prefix(network), RouteKind::kLocal, "lo", kLocalTable});
}

void add_resolver(NetworkId network, DesiredMesh& mesh) {
  mesh.addresses.insert({"lo", peer_resolver_address(network), 128});
  open_resolver(network, mesh.firewall);
}

void add_machine(const Attachment& attachment, DesiredMesh& mesh) {
  std::string name = veth_name(attachment.address);
  mesh.veths[name] = {name, attachment.netns_path, attachment.address, mesh.main.device.mtu};
  mesh.routes.insert({machine_prefix(attachment.address), RouteKind::kUnicast, name});
}

void add_host_routes(HostId self, DesiredMesh& mesh) {
  const std::string& device = mesh.main.device.name;
  mesh.addresses.insert({device, host_address(self), 128});
  mesh.addresses.insert({"lo", kResolverAddress, 128});
  mesh.routes.insert({kMeshPrefix, RouteKind::kUnicast, device});
  mesh.routes.insert({kMeshPrefix, RouteKind::kUnreachable, "lo", kMainTable, kUnreachableMetric});
  mesh.routes.insert({Prefix6{}, RouteKind::kLocal, "lo", kTproxyTable});
  mesh.rules.insert({kTproxyMark, kTproxyTable, kRulePriority});
  mesh.sysctls["net/ipv6/conf/all/forwarding"] = "1";
}

}  // namespace

DesiredMesh make_desired(const Snapshot& snapshot, const std::vector<Attachment>& attachments,
                         const MeshOptions& options) {
  DesiredDevice device{options.interface, options.private_key,
                       wireguard_public_key(options.private_key), options.listen_port, options.mtu};
  DesiredMesh mesh{.self = snapshot.self, .main = {std::move(device), {}}};
  mesh.additive_peers = !snapshot.synced;
  if (mesh.additive_peers) mesh.revoked_keys = revoked_keys(snapshot);
  add_host_routes(snapshot.self, mesh);
  std::set<NetworkId> networks = networks_of(attachments);
  if (options.gateway) networks.merge(networks_of_peers(snapshot, snapshot.self));
  std::set<Ip6> local;
  for (const auto& attachment : attachments) {
    local.insert(attachment.address);
    add_machine(attachment, mesh);
  }
  for (NetworkId network : networks) add_network(network, snapshot.self, mesh);
  add_hosts(snapshot, make_allowed_ips(snapshot, networks, local), options, mesh);
  mesh.firewall = make_firewall(options.interface, snapshot.self, attachments);
  for (NetworkId network : networks) {
    admit_network(network, snapshot.self, mesh.firewall);
    mesh.firewall.elements.merge(flycast_elements(snapshot, network));
    add_resolver(network, mesh);
  }
  add_gateway(snapshot, options, mesh);
  return mesh;
}

std::set<NetworkId> networks_of(const std::vector<Attachment>& attachments) {
  std::set<NetworkId> networks;
  for (const auto& attachment : attachments) networks.insert(attachment.network);
  return networks;
}

bool concerns_mesh(const Snapshot& before, const Snapshot& now, std::set<NetworkId> networks,
                   bool is_gateway) {
  const bool same = before.self == now.self && before.synced == now.synced &&
                    before.held == now.held && before.hosts.is(now.hosts) &&
                    before.shut_out.is(now.shut_out) && before.revocations.is(now.revocations) &&
                    before.tls_grants.is(now.tls_grants) &&
                    before.networks.size() == now.networks.size();
  if (!same) return true;
  auto changed = [&](NetworkId id) { return before.find_network(id) != now.find_network(id); };
  if (is_gateway) {
    auto known = before.networks.begin();  // as many
    for (const auto& [id, view] : now.networks) {
      if (known->first != id) return true;
      if (known->second != view && !known->second->peers.is(view->peers)) return true;
      if (!view->peers.empty() && !peers_behind(*view, now.self).empty()) networks.insert(id);
      ++known;
    }
  }
  for (NetworkId id : networks) {
    if (changed(id)) return true;
    const NetworkView* view = now.find_network(id);
    if (view == nullptr) continue;
    for (const auto& [address, record] : view->flycast)
      if (changed(record.app_network)) return true;
  }
  return false;
}

void steer_links(const std::set<HostId>& on_spare, DesiredMesh& mesh) {
  if (!mesh.spare || on_spare.empty()) return;
  std::set<Prefix6> moved;
  for (const auto& [key, peer] : mesh.main.peers) {
    if (!on_spare.contains(peer.host)) continue;
    moved.insert(peer.allowed.begin(), peer.allowed.end());
    for (const auto& prefix : peer.allowed)
      mesh.routes.insert({prefix, RouteKind::kUnicast, mesh.spare->device.name});
  }
  auto is_inside = [&](const Prefix6& prefix) {
    return std::ranges::any_of(moved, [&](const Prefix6& outer) {
      return outer.length < prefix.length && outer.contains(prefix.ip);
    });
  };
  for (const auto& [key, peer] : mesh.main.peers)
    if (!on_spare.contains(peer.host))
      for (const auto& prefix : peer.allowed)
        if (is_inside(prefix))
          mesh.routes.insert({prefix, RouteKind::kUnicast, mesh.main.device.name});
}

const DesiredTunnel* DesiredMesh::tunnel(Plane plane) const {
  if (plane == Plane::kMain) return &main;
  const auto& other = plane == Plane::kSpare ? spare : gateway;
  return other ? &*other : nullptr;
}

std::string gateway_interface(const std::string& interface) {
  // What tells interfaces apart is at their end, mostly.
  return "sx-" + interface.substr(interface.size() - std::min<std::size_t>(interface.size(), 12));
}

std::string spare_interface(const std::string& interface) {
  // IFNAMSIZ leaves 15 characters.
  const std::string start = interface.substr(0, 13);
  return start + "-s" == interface ? start + "-t" : start + "-s";
}

Result<void> check_options(const MeshOptions& options) {
  const std::string& name = options.interface;
  // IFNAMSIZ, and the characters that the kernel refuses.
  if (name.empty() || name.size() > 15 || name == "." || name == ".." ||
      name.find_first_of("/: \t\n") != std::string::npos)
    return Error("'" + name + "' cannot be an interface name");
  if (name.starts_with("sx"))
    return Error("interface name '" + name + "': names in sx are those of machines' interfaces");
  if (options.mtu < 1280 || options.mtu > 65535)
    return Error("an MTU of " + std::to_string(options.mtu) + " is not between 1280 and 65535");
  if (options.listen_port == 0) return Error("the WireGuard port must not be 0");
  std::set<std::uint16_t> ports = {options.listen_port};
  for (std::optional<std::uint16_t> port :
       {options.spare ? std::optional(options.spare->port) : std::nullopt,
        options.gateway ? std::optional(options.gateway->port) : std::nullopt})
    if (port && !ports.insert(*port).second)
      return Error("two WireGuard devices cannot share port " + std::to_string(*port));
  return {};
}

Result<void> check_attachment(const Attachment& attachment) {
  if (classify(attachment.address) != AddressKind::kMachine)
    return Error(to_string(attachment.address) + " is not a machine address");
  if (network_of(attachment.address) != attachment.network)
    return Error(to_string(attachment.address) + " is not in network " +
                 to_string(attachment.network));
  return {};
}

bool is_usable_endpoint(const IpEndpoint& endpoint) {
  static constexpr Prefix6 kLinkLocal{Ip6::from_words({0xfe80, 0, 0, 0, 0, 0, 0, 0}), 10};
  static constexpr Prefix6 kMulticast{Ip6::from_words({0xff00, 0, 0, 0, 0, 0, 0, 0}), 8};
  if (endpoint.port == 0 || endpoint.ip == Ip6{} || kMeshPrefix.contains(endpoint.ip)) return false;
  if (endpoint.ip.is_v4_mapped())
    return endpoint.ip.bytes[12] != 0 && endpoint.ip.bytes[12] < 224;  // not "this", not multicast
  return !kLinkLocal.contains(endpoint.ip) && !kMulticast.contains(endpoint.ip);
}

}  // namespace sixpn::mesh
