#include "mesh/io/veth.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/fd.h"
#include "base/io/clock.h"
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

// RFC 4291, 2.7.1: ff02::1:ff00:0/104 and the last 24 bits.
Ip6 solicited_node_group(const Ip6& address) {
  Ip6 group = *parse_ip6("ff02::1:ff00:0");
  std::copy(address.bytes.end() - 3, address.bytes.end(), group.bytes.end() - 3);
  return group;
}

// The kernel joins an address's solicited-node group in a work queue, after it said that the
// address is there. On a busy host a machine's first packet comes before that, its neighbour
// solicitation is dropped, and the next one follows a second later. A join that does not come
// within the time is not this step's failure.
Result<void> await_neighbour_discovery(Netlink& netlink, const InterfaceAddress& address) {
  constexpr auto kPatience = std::chrono::milliseconds(500);
  const Instant deadline = monotonic_now() + kPatience;
  for (;;) {
    auto joined = netlink.has_joined(address.interface, solicited_node_group(address.ip));
    if (!joined) return std::move(joined).error();
    if (*joined || monotonic_now() >= deadline) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // between two polls
  }
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
  if (auto added = machine->add_route(route_to_mesh(), kGatewayAddress); !added) return added;
  return await_neighbour_discovery(*machine, machine_interface_address(veth));
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
  if (auto configured = configure_machine_end(veth); !configured) return configured;
  return await_neighbour_discovery(host, gateway_address(veth.name));
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
