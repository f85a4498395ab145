#include "mesh/core/observed.h"

#include <algorithm>

#include "mesh/core/firewall_json.h"

namespace sixpn::mesh {
namespace {

void take_from_others(const PublicKey& key, const std::vector<Prefix6>& prefixes,
                      ObservedTunnel& tunnel) {
  for (auto& [other, peer] : tunnel.peers) {
    if (other == key) continue;
    for (const auto& prefix : prefixes) peer.allowed.erase(prefix);
  }
}

void drop_interface(const std::string& name, ObservedMesh& mesh) {
  std::erase_if(mesh.routes, [&](const Route& route) { return route.interface == name; });
  std::erase_if(mesh.addresses, [&](const InterfaceAddress& a) { return a.interface == name; });
}

struct Applier {
  ObservedMesh& mesh;

  void operator()(const SetSysctl& s) { mesh.sysctls[s.key] = s.value; }
  void operator()(const ReplaceFirewall& s) {
    mesh.firewall = {firewall_fingerprint(s.firewall.structure), s.firewall.elements};
  }
  void operator()(const UpdateFirewall& s) {
    for (const auto& element : s.remove) mesh.firewall.elements.erase(element);
    for (const auto& element : s.add) mesh.firewall.elements.insert(element);
  }
  void operator()(const SetServiceMap& s) { mesh.service_map = service_map_fingerprint(s.map); }
  void operator()(const CreateDevice& s) {
    auto& device = mesh.tunnel(s.plane).device;
    if (!device) device.emplace();
  }
  void operator()(const ConfigureDevice& s) {
    auto& device = mesh.tunnel(s.plane).device;
    if (!device) return;
    if (s.public_key) device->public_key = *s.public_key;
    if (s.listen_port) device->listen_port = *s.listen_port;
  }
  void operator()(const SetDeviceLink& s) {
    auto& device = mesh.tunnel(s.plane).device;
    if (!device) return;
    device->mtu = s.mtu;
    device->up = true;
  }
  void operator()(const DeleteDevice& s) {
    mesh.tunnel(s.plane) = {};
    drop_interface(s.name, mesh);
  }
  void operator()(const SetPeer& s) {
    ObservedTunnel& tunnel = mesh.tunnel(s.plane);
    take_from_others(s.key, s.allowed, tunnel);
    ObservedPeer& peer = tunnel.peers[s.key];
    if (s.endpoint) peer.endpoint = s.endpoint;
    if (s.keepalive) peer.keepalive = *s.keepalive;
    if (s.replace_allowed) peer.allowed.clear();
    peer.allowed.insert(s.allowed.begin(), s.allowed.end());
  }
  void operator()(const RemovePeer& s) { mesh.tunnel(s.plane).peers.erase(s.key); }
  void operator()(const CreateVeth& s) { mesh.veths[s.veth.name] = {s.veth, false}; }
  void operator()(const ConfigureVeth& s) { mesh.veths[s.veth.name].configured = true; }
  void operator()(const DeleteVeth& s) {
    mesh.veths.erase(s.name);
    drop_interface(s.name, mesh);
  }
  void operator()(const AddAddress& s) { mesh.addresses.insert(s.address); }
  void operator()(const RemoveAddress& s) { mesh.addresses.erase(s.address); }
  void operator()(const AddRoute& s) { mesh.routes.insert(s.route); }
  void operator()(const RemoveRoute& s) { mesh.routes.erase(s.route); }
  void operator()(const AddRule& s) { mesh.rules.insert(s.rule); }
  void operator()(const RemoveRule& s) { mesh.rules.erase(s.rule); }
};

bool has_address(const KernelEvent& event, const ObservedMesh& mesh) {
  return mesh.addresses.contains({event.interface, event.prefix.ip, event.prefix.length});
}

bool has_route(const KernelEvent& event, const ObservedMesh& mesh) {
  return std::ranges::any_of(mesh.routes, [&](const Route& route) {
    return route.destination == event.prefix && route.interface == event.interface;
  });
}

}  // namespace

void apply_step(const MeshStep& step, ObservedMesh& mesh) {
  std::visit(Applier{mesh}, step);
}

bool contradicts(const KernelEvent& event, const ObservedMesh& mesh, const std::string& device) {
  using Kind = KernelEvent::Kind;
  const ObservedTunnel* tunnel = event.interface == device                      ? &mesh.main
                                 : event.interface == spare_interface(device)   ? &mesh.spare
                                 : event.interface == gateway_interface(device) ? &mesh.gateway
                                                                                : nullptr;
  bool is_device = tunnel != nullptr && tunnel->device.has_value();
  bool is_veth = mesh.veths.contains(event.interface);
  switch (event.kind) {
    case Kind::kLinkGone:
      return is_device || is_veth;
    case Kind::kLinkDown:
      return (is_device && tunnel->device->up) ||
             (is_veth && mesh.veths.at(event.interface).configured);
    case Kind::kAddressGone:
      return has_address(event, mesh) || (is_veth && mesh.veths.at(event.interface).configured);
    case Kind::kRouteGone:
      return has_route(event, mesh);
    case Kind::kRuleGone:
      return !mesh.rules.empty();
    case Kind::kFirewallTouched:
    case Kind::kOverflow:
      return true;
  }
  return true;
}

}  // namespace sixpn::mesh
