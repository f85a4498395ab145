#include "mesh/core/plan.h"

#include <algorithm>

#include "mesh/core/firewall_json.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

using Steps = std::vector<MeshStep>;

// Calls `emit` for each item of `wanted` that is not in `present`.
template <class T, class Emit>
void for_missing(const std::set<T>& wanted, const std::set<T>& present, Emit emit) {
  for (const auto& item : wanted)
    if (!present.contains(item)) emit(item);
}

// With the new machines' routes there, and before those that go lose theirs.
void plan_service_map(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  if (desired.service_map && service_map_fingerprint(*desired.service_map) != observed.service_map)
    steps.push_back(SetServiceMap{*desired.service_map});
}

void plan_sysctls(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  for (const auto& [key, value] : desired.sysctls) {
    auto found = observed.sysctls.find(key);
    if (found == observed.sysctls.end() || found->second != value)
      steps.push_back(SetSysctl{key, value});
  }
}

void plan_firewall(const Firewall& desired, const ObservedFirewall& observed, Steps& steps) {
  if (observed.fingerprint != firewall_fingerprint(desired.structure)) {
    steps.push_back(ReplaceFirewall{desired});
    return;
  }
  UpdateFirewall update;
  for_missing(desired.elements, observed.elements,
              [&](const SetElement& e) { update.add.push_back(e); });
  for_missing(observed.elements, desired.elements,
              [&](const SetElement& e) { update.remove.push_back(e); });
  if (!update.add.empty() || !update.remove.empty()) steps.push_back(std::move(update));
}

// A device that changes its key loses every session. Its peers are made anew, so that a handshake
// that is seen later is one under the new key.
bool changes_key(const DesiredDevice& desired, const std::optional<ObservedDevice>& observed) {
  return observed && observed->public_key != desired.public_key;
}

void plan_device(const DesiredDevice& desired, const ObservedTunnel& tunnel, Plane plane,
                 Steps& steps) {
  const auto& observed = tunnel.device;
  if (!observed) steps.push_back(CreateDevice{desired.name, plane});
  ConfigureDevice change{.plane = plane};
  const ConfigureDevice unchanged = change;
  if (!observed || observed->public_key != desired.public_key) {
    change.private_key = desired.private_key;
    change.public_key = desired.public_key;
  }
  if (!observed || observed->listen_port != desired.listen_port)
    change.listen_port = desired.listen_port;
  if (changes_key(desired, observed))
    for (const auto& [key, peer] : tunnel.peers) steps.push_back(RemovePeer{key, plane});
  if (change != unchanged) steps.push_back(std::move(change));
  if (!observed || !observed->up || observed->mtu != desired.mtu)
    steps.push_back(SetDeviceLink{desired.name, desired.mtu, plane});
}

SetPeer new_peer(const PublicKey& key, const DesiredPeer& desired) {
  SetPeer step{key, desired.host, true};
  step.endpoint = desired.pinned;
  bool give_first = !step.endpoint && !desired.awaits_call && !desired.candidates.empty();
  if (give_first) step.endpoint = desired.candidates.front();
  step.keepalive = desired.keepalive;
  step.allowed.assign(desired.allowed.begin(), desired.allowed.end());
  return step;
}

void plan_allowed(const std::set<Prefix6>& desired, const std::set<Prefix6>& observed,
                  bool additive, SetPeer& step) {
  bool surplus = !std::ranges::includes(desired, observed);
  if (surplus && !additive) {
    // No backend can take one allowed IP away (decision 0032): this one peer gets its whole list.
    step.replace_allowed = true;
    step.allowed.assign(desired.begin(), desired.end());
    return;
  }
  for_missing(desired, observed, [&](const Prefix6& p) { step.allowed.push_back(p); });
}

std::optional<SetPeer> changed_peer(const PublicKey& key, const DesiredPeer& desired,
                                    const ObservedPeer& observed, bool additive) {
  SetPeer step{key, desired.host};
  const SetPeer unchanged = step;
  if (desired.pinned && observed.endpoint != desired.pinned) step.endpoint = desired.pinned;
  if (observed.keepalive != desired.keepalive) step.keepalive = desired.keepalive;
  plan_allowed(desired.allowed, observed.allowed, additive, step);
  if (step == unchanged) return std::nullopt;
  return step;
}

// New and changed peers first: giving an allowed IP to its new peer takes it from the old one
// without a gap.
void plan_peers(const DesiredTunnel& desired, const ObservedTunnel& observed, Plane plane,
                bool additive, Steps& steps) {
  static const std::map<PublicKey, ObservedPeer> kNone;
  const auto& present = changes_key(desired.device, observed.device) ? kNone : observed.peers;
  for (const auto& [key, peer] : desired.peers) {
    auto found = present.find(key);
    std::optional<SetPeer> step = found == present.end()
                                      ? new_peer(key, peer)
                                      : changed_peer(key, peer, found->second, additive);
    if (!step) continue;
    step->plane = plane;
    steps.push_back(std::move(*step));
  }
  if (additive) return;
  for (const auto& [key, peer] : present)
    if (!desired.peers.contains(key)) steps.push_back(RemovePeer{key, plane});
}

// A revoked host may have named the key of another, so a key alone says nothing.
void plan_revoked(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  for (const auto& [key, host] : desired.revoked_keys)
    for (Plane plane : {Plane::kMain, Plane::kSpare}) {
      const auto& peers = observed.tunnel(plane).peers;
      auto found = peers.find(key);
      if (found != peers.end() && found->second.allowed.contains({host_address(host), 128}))
        steps.push_back(RemovePeer{key, plane});
    }
}

void plan_new_veths(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  for (const auto& [name, veth] : desired.veths) {
    auto found = observed.veths.find(name);
    bool joined = found != observed.veths.end() && found->second.veth == veth;
    if (found != observed.veths.end() && !joined) steps.push_back(DeleteVeth{name});
    if (!joined) steps.push_back(CreateVeth{veth});
    if (!joined || !found->second.configured) steps.push_back(ConfigureVeth{veth});
  }
}

// A veth that is made again takes its routes with it, so they count as missing.
bool is_remade(const std::string& interface, const DesiredMesh& desired,
               const ObservedMesh& observed) {
  auto wanted = desired.veths.find(interface);
  auto found = observed.veths.find(interface);
  return wanted != desired.veths.end() && found != observed.veths.end() &&
         found->second.veth != wanted->second;
}

void plan_new_routes(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  // A longer prefix stands before the one around it is steered elsewhere, and goes after it.
  for (auto route = desired.routes.rbegin(); route != desired.routes.rend(); ++route)
    if (!observed.routes.contains(*route) || is_remade(route->interface, desired, observed))
      steps.push_back(AddRoute{*route});
}

void plan_tunnels(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  for (Plane plane : kAllPlanes)
    if (const DesiredTunnel* wanted = desired.tunnel(plane))
      plan_device(wanted->device, observed.tunnel(plane), plane, steps);
}

void plan_all_peers(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  for (Plane plane : kAllPlanes)
    if (const DesiredTunnel* wanted = desired.tunnel(plane))
      plan_peers(*wanted, observed.tunnel(plane), plane, desired.additive_peers, steps);
}

void plan_removals(const DesiredMesh& desired, const ObservedMesh& observed, Steps& steps) {
  // What another host's rotation moved stays while its record may only be missing here.
  const std::string& main = desired.main.device.name;
  const std::string spare = spare_interface(main);
  const std::string gateway = gateway_interface(main);
  bool keep_spare = desired.additive_peers && !desired.spare;
  for_missing(observed.routes, desired.routes, [&](const Route& route) {
    bool of_tunnels = route.interface == spare || route.interface == main;
    bool of_peer = route.interface == gateway && desired.additive_peers;
    if (!(keep_spare && of_tunnels) && !of_peer) steps.push_back(RemoveRoute{route});
  });
  for (const auto& [name, plane] :
       {std::pair(spare, Plane::kSpare), std::pair(gateway, Plane::kGateway)})
    if (desired.tunnel(plane) == nullptr && observed.tunnel(plane).device &&
        !desired.additive_peers)
      steps.push_back(DeleteDevice{name, plane});
  for (const auto& [name, veth] : observed.veths)
    if (!desired.veths.contains(name)) steps.push_back(DeleteVeth{name});
  for_missing(observed.addresses, desired.addresses,
              [&](const InterfaceAddress& a) { steps.push_back(RemoveAddress{a}); });
  for_missing(observed.rules, desired.rules,
              [&](const Rule& rule) { steps.push_back(RemoveRule{rule}); });
}

}  // namespace

MeshPlan plan_mesh(const DesiredMesh& desired, const ObservedMesh& observed) {
  MeshPlan plan;
  Steps& steps = plan.steps;
  plan_firewall(desired.firewall, observed.firewall, steps);
  plan_sysctls(desired, observed, steps);
  plan_tunnels(desired, observed, steps);
  for_missing(desired.addresses, observed.addresses,
              [&](const InterfaceAddress& a) { steps.push_back(AddAddress{a}); });
  for_missing(desired.rules, observed.rules,
              [&](const Rule& rule) { steps.push_back(AddRule{rule}); });
  plan_all_peers(desired, observed, steps);
  plan_revoked(desired, observed, steps);
  plan_new_veths(desired, observed, steps);
  plan_new_routes(desired, observed, steps);
  plan_service_map(desired, observed, steps);
  plan_removals(desired, observed, steps);
  return plan;
}

std::vector<std::string> to_lines(const MeshPlan& plan) {
  std::vector<std::string> lines;
  lines.reserve(plan.steps.size());
  for (const auto& step : plan.steps) lines.push_back(to_string(step));
  return lines;
}

}  // namespace sixpn::mesh
