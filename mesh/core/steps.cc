#include "mesh/core/steps.h"

#include <fmt/format.h>

#include "base/encoding.h"

namespace sixpn::mesh {
namespace {

std::string key_text(const PublicKey& key) {
  return to_base64(as_bytes(key));
}

std::string describe(const SetSysctl& s) {
  return fmt::format("sysctl {} = {}", s.key, s.value);
}

std::string describe(const ReplaceFirewall& s) {
  return fmt::format("firewall: replace table inet {} ({} elements)", kFirewallTable,
                     s.firewall.elements.size());
}

std::string describe(const UpdateFirewall& s) {
  std::string out = "firewall:";
  for (const auto& element : s.add) out += " add " + to_string(element);
  for (const auto& element : s.remove) out += " remove " + to_string(element);
  return out;
}

std::string describe(const SetServiceMap& s) {
  if (!s.map.wanted()) return "service map: remove";
  std::string out = "service map:";
  for (const auto& service : s.map.kernel.services)
    out += fmt::format(" {} {}{} to {} machines;", sixpn::to_string(service.address), service.first,
                       service.last == service.first ? "" : fmt::format("-{}", service.last),
                       service.machines.size());
  return out;
}

std::string describe(const CreateDevice& s) {
  return "device " + s.name + ": create";
}

std::string prefix_of(Plane plane) {
  switch (plane) {
    case Plane::kMain:
      return "";
    case Plane::kSpare:
      return "spare ";
    case Plane::kGateway:
      return "gateway ";
  }
  return "";
}

std::string describe(const ConfigureDevice& s) {
  std::string out = prefix_of(s.plane) + "device:";
  if (s.private_key)
    out += " private key" + (s.public_key ? " of " + key_text(*s.public_key) : std::string());
  if (s.listen_port) out += fmt::format(" listen port {}", *s.listen_port);
  return out;
}

std::string describe(const SetDeviceLink& s) {
  return fmt::format("device {}: up, mtu {}", s.name, s.mtu);
}

std::string describe(const DeleteDevice& s) {
  return "device " + s.name + ": delete";
}

std::string describe(const SetPeer& s) {
  std::string who = s.host == HostId{} ? "" : fmt::format(" (host {})", sixpn::to_string(s.host));
  std::string out = fmt::format("{}peer {}{}: {}", prefix_of(s.plane), key_text(s.key), who,
                                s.create ? "add" : "change");
  if (s.endpoint) out += " endpoint " + sixpn::to_string(*s.endpoint);
  if (s.keepalive) out += fmt::format(" keepalive {} s", *s.keepalive);
  if (s.replace_allowed)
    out += " allowed ips only";
  else if (!s.allowed.empty())
    out += " allowed ips";
  for (const auto& prefix : s.allowed) out += " " + sixpn::to_string(prefix);
  return out;
}

std::string describe(const RemovePeer& s) {
  return prefix_of(s.plane) + "peer " + key_text(s.key) + ": remove";
}

std::string describe(const CreateVeth& s) {
  return fmt::format("veth {}: create, other end {} in {}", s.veth.name, kMachineInterface,
                     s.veth.netns_path);
}
std::string describe(const ConfigureVeth& s) {
  return fmt::format("veth {}: up, mtu {}, machine address {}", s.veth.name, s.veth.mtu,
                     sixpn::to_string(s.veth.address));
}
std::string describe(const DeleteVeth& s) {
  return "veth " + s.name + ": delete";
}

std::string describe(const AddAddress& s) {
  return "address: add " + to_string(s.address);
}
std::string describe(const RemoveAddress& s) {
  return "address: remove " + to_string(s.address);
}
std::string describe(const AddRoute& s) {
  return "route: add " + to_string(s.route);
}
std::string describe(const RemoveRoute& s) {
  return "route: remove " + to_string(s.route);
}
std::string describe(const AddRule& s) {
  return "rule: add " + to_string(s.rule);
}
std::string describe(const RemoveRule& s) {
  return "rule: remove " + to_string(s.rule);
}

}  // namespace

std::string to_string(const MeshStep& step) {
  return std::visit([](const auto& s) { return describe(s); }, step);
}

std::string veth_of(const MeshStep& step) {
  if (const auto* s = std::get_if<CreateVeth>(&step)) return s->veth.name;
  if (const auto* s = std::get_if<ConfigureVeth>(&step)) return s->veth.name;
  if (const auto* s = std::get_if<DeleteVeth>(&step)) return s->name;
  if (const auto* s = std::get_if<AddRoute>(&step))
    return is_veth_name(s->route.interface) ? s->route.interface : "";
  if (const auto* s = std::get_if<RemoveRoute>(&step))
    return is_veth_name(s->route.interface) ? s->route.interface : "";
  return "";
}

}  // namespace sixpn::mesh
