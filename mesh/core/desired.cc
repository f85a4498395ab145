#include "mesh/core/desired.h"

#include "mesh/core/allowed_ips.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

std::vector<IpEndpoint> usable(const std::vector<IpEndpoint>& endpoints) {
  std::vector<IpEndpoint> out;
  for (const auto& endpoint : endpoints)
    if (is_usable_endpoint(endpoint)) out.push_back(endpoint);
  return out;
}

bool is_member(const Snapshot& snapshot, const HostView& host) {
  return host.status != HostStatus::kLeft && !snapshot.revocations.contains(host.record.id);
}

void add_hosts(const Snapshot& snapshot, const std::map<HostId, std::set<Prefix6>>& allowed,
               DesiredMesh& mesh) {
  for (const auto& [id, host] : snapshot.hosts) {
    const PublicKey& key = host.record.wireguard_key;
    // The kernel would ignore our own key, and drop the older of two peers with one key: be
    // explicit.
    if (id == snapshot.self || !is_member(snapshot, host) || key == mesh.device.public_key ||
        key == PublicKey{})
      continue;
    DesiredPeer peer{
        id, usable(host.record.endpoints), {}, false, kKeepaliveSeconds, allowed.at(id)};
    mesh.peers.try_emplace(key, std::move(peer));
  }
}

void add_network(NetworkId network, HostId self, DesiredMesh& mesh) {
  mesh.addresses.insert({mesh.device.name, proxy_address(network, self), 128});
  mesh.routes.insert({flycast_prefix(network), RouteKind::kLocal, "lo", kLocalTable});
}

void add_machine(const Attachment& attachment, DesiredMesh& mesh) {
  std::string name = veth_name(attachment.address);
  mesh.veths[name] = {name, attachment.netns_path, attachment.address, mesh.device.mtu};
  mesh.routes.insert({machine_prefix(attachment.address), RouteKind::kUnicast, name});
}

void add_host_routes(HostId self, DesiredMesh& mesh) {
  const std::string& device = mesh.device.name;
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
  DesiredMesh mesh{.device = {options.interface, options.private_key,
                              wireguard_public_key(options.private_key), options.listen_port,
                              options.mtu}};
  mesh.self = snapshot.self;
  mesh.additive_peers = !snapshot.synced;
  add_host_routes(snapshot.self, mesh);
  std::set<NetworkId> networks;
  std::set<Ip6> local;
  for (const auto& attachment : attachments) {
    networks.insert(attachment.network);
    local.insert(attachment.address);
    add_machine(attachment, mesh);
  }
  for (NetworkId network : networks) add_network(network, snapshot.self, mesh);
  add_hosts(snapshot, make_allowed_ips(snapshot, networks, local), mesh);
  mesh.firewall = make_firewall(options.interface, snapshot.self, attachments);
  return mesh;
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
