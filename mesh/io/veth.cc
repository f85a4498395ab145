#include "mesh/io/veth.h"

#include <fcntl.h>

#include <algorithm>

#include "base/fd.h"
#include "mesh/io/sysctl.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

constexpr int kMachinePrefixLength = 112;

InterfaceAddress gateway_address(const std::string& interface) {
  return {interface, kGatewayAddress, 64};
}

InterfaceAddress machine_interface_address(const Veth& veth) {
  return {kMachineInterface, veth.address, kMachinePrefixLength};
}

Route route_to_mesh() {
  return {kMeshPrefix, RouteKind::kUnicast, kMachineInterface};
}

bool contains(const std::vector<InterfaceAddress>& addresses, const InterfaceAddress& wanted) {
  return std::ranges::find(addresses, wanted) != addresses.end();
}

Result<void> configure_machine_end(const Veth& veth) {
  // A namespace made by a container runtime may have IPv6 off by default.
  auto enabled = run_in_netns(veth.netns_path, [] {
    return write_sysctl(std::string("net/ipv6/conf/") + kMachineInterface + "/disable_ipv6", "0");
  });
  if (!enabled) return enabled;
  auto machine = Netlink::open_in(veth.netns_path);
  if (!machine) return std::move(machine).error();
  if (auto up = machine->set_link_up("lo", 0); !up) return up;
  if (auto up = machine->set_link_up(kMachineInterface, veth.mtu); !up) return up;
  if (auto added = machine->add_address(machine_interface_address(veth)); !added) return added;
  return machine->add_route(route_to_mesh(), kGatewayAddress);
}

Result<bool> is_machine_end_configured(Netlink& machine, const Link& end, const Veth& veth) {
  if (!end.up || end.mtu != veth.mtu) return false;
  auto addresses = machine.addresses();
  if (!addresses) return std::move(addresses).error();
  if (!contains(*addresses, machine_interface_address(veth))) return false;
  auto routes = machine.routes();
  if (!routes) return std::move(routes).error();
  return std::ranges::find(*routes, route_to_mesh()) != routes->end();
}

// The machine's end of the pair whose host end has this index; nothing when that namespace has
// none.
Result<std::optional<Link>> find_machine_end(Netlink& machine, int host_index) {
  auto end = machine.find_link(kMachineInterface);
  if (!end) return end;
  if (*end && (*end)->peer_index != host_index) return std::optional<Link>();
  return end;
}

}  // namespace

Result<void> create_veth(Netlink& host, const Veth& veth) {
  Fd netns(::open(veth.netns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::from_errno("network namespace " + veth.netns_path);
  return host.create_veth(veth.name, kMachineInterface, netns.get(), veth.mtu);
}

Result<void> configure_veth(Netlink& host, const Veth& veth) {
  // Router advertisements of a machine are not for its host.
  auto deaf = write_sysctl("net/ipv6/conf/" + veth.name + "/accept_ra", "0");
  if (!deaf) return deaf;
  if (auto up = host.set_link_up(veth.name, veth.mtu); !up) return up;
  if (auto added = host.add_address(gateway_address(veth.name)); !added) return added;
  return configure_machine_end(veth);
}

ObservedVeth inspect_veth(const Link& host_end, const std::vector<InterfaceAddress>& host_addresses,
                          const Veth& desired) {
  ObservedVeth unknown{{.name = host_end.name}};
  auto machine = Netlink::open_in(desired.netns_path);
  if (!machine) return unknown;
  auto end = find_machine_end(*machine, host_end.index);
  if (!end || !*end) return unknown;
  bool host_ready = host_end.up && host_end.mtu == desired.mtu &&
                    contains(host_addresses, gateway_address(host_end.name));
  auto machine_ready = is_machine_end_configured(*machine, **end, desired);
  return {desired, host_ready && machine_ready && *machine_ready};
}

}  // namespace sixpn::mesh
