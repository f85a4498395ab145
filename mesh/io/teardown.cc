// MeshService::teardown: takes everything of ours out of the kernel again, found by name, protocol
// number and table. Goes on after an error and reports the first.
#include "mesh/io/mesh_service.h"
#include "mesh/io/netlink.h"
#include "mesh/io/nft.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

class FirstError {
 public:
  void note(Result<void> result) {
    if (!result && first_.has_value()) first_ = std::move(result);
  }
  Result<void> take() && { return std::move(first_); }

 private:
  Result<void> first_;
};

void remove_links(Netlink& netlink, const std::string& interface, FirstError& errors) {
  auto links = netlink.links();
  if (!links) return errors.note(std::move(links).error());
  for (const auto& link : *links) {
    bool is_named = link.name == interface || link.name == spare_interface(interface) ||
                    link.name == gateway_interface(interface);
    bool is_device = is_named && (link.kind == "wireguard" || link.kind == "tun");
    bool is_machine = link.kind == "veth" && is_veth_name(link.name);
    // wireguard-go ends when its interface goes.
    if (is_device || is_machine) errors.note(netlink.delete_link(link.name));
  }
}

void remove_routing(Netlink& netlink, FirstError& errors) {
  auto routes = netlink.routes();
  if (!routes) return errors.note(std::move(routes).error());
  for (const auto& route : *routes) errors.note(netlink.remove_route(route));
  auto rules = netlink.rules();
  if (!rules) return errors.note(std::move(rules).error());
  for (const auto& rule : *rules) errors.note(netlink.remove_rule(rule));
}

void remove_resolvers(Netlink& netlink, FirstError& errors) {
  auto addresses = netlink.addresses();
  if (!addresses) return errors.note(std::move(addresses).error());
  for (const auto& address : *addresses)
    if (address.interface == "lo" && classify(address.ip) == AddressKind::kResolver)
      errors.note(netlink.remove_address(address));
}

}  // namespace

Result<void> MeshService::teardown(const std::string& interface) {
  auto netlink = Netlink::open();
  if (!netlink) return std::move(netlink).error();
  FirstError errors;
  remove_links(*netlink, interface, errors);
  remove_routing(*netlink, errors);
  remove_resolvers(*netlink, errors);
  errors.note(load_firewall(firewall_removal_document()));
  errors.note(load_firewall(service_map_document({})));
  return std::move(errors).take();
}

}  // namespace sixpn::mesh
