// Netlink: links, addresses, routes and rules of one network namespace by rtnetlink, in the terms
// of mesh/core/state.h. Every change is harmless when it is already done: adding what is there and
// removing what is gone succeed. Reads report only what is ours (route protocol 110, our mark) and
// every link. Blocking for microseconds; one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/core/state.h"
#include "mesh/io/netlink_socket.h"

namespace sixpn::mesh {

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "wireguard", "tun", "veth"; "" for hardware
  bool up = false;   // administratively
  int mtu = 0;
  int peer_index = 0;  // of a veth's other end, in that end's namespace
};

class Netlink {
 public:
  // Of the calling thread's network namespace, or of the one at a path.
  static Result<Netlink> open();
  static Result<Netlink> open_in(const std::string& netns_path);

  // ---- links
  Result<std::vector<Link>> links();
  // Nothing when there is none of that name.
  Result<std::optional<Link>> find_link(const std::string& name);
  Result<void> create_link(const std::string& name, const std::string& kind);
  // The other end is made inside the namespace `netns_fd` as `peer_name`. Neither gets a link-local
  // address of the kernel's making.
  Result<void> create_veth(const std::string& name, const std::string& peer_name, int netns_fd,
                           int mtu);
  Result<void> delete_link(const std::string& name);
  // Up, with this MTU, and no link-local address of the kernel's making (ours are set by hand,
  // and duplicate address detection takes two seconds). mtu 0: as it is.
  Result<void> set_link_up(const std::string& name, int mtu);
  // Whether the kernel knows links of this kind, loading its module if need be; makes none.
  // Errors: EPERM.
  Result<bool> supports_link_kind(const std::string& kind);

  // ---- addresses (IPv6), without duplicate address detection
  Result<std::vector<InterfaceAddress>> addresses();
  Result<void> add_address(const InterfaceAddress& address);
  Result<void> remove_address(const InterfaceAddress& address);
  // Whether the interface has joined this IPv6 multicast group.
  Result<bool> has_joined(const std::string& interface, const Ip6& group);

  // ---- routes (IPv6) of protocol kRouteProtocol
  Result<std::vector<Route>> routes();
  // An IPv6 route via a gateway has the gateway in `via`.
  Result<void> add_route(const Route& route, const std::optional<Ip6>& via = {});
  Result<void> remove_route(const Route& route);

  // ---- rules (IPv6) that look up kTproxyTable
  Result<std::vector<Rule>> rules();
  Result<void> add_rule(const Rule& rule);
  Result<void> remove_rule(const Rule& rule);

 private:
  explicit Netlink(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<int> index_of(const std::string& name);
  Result<void> stop_address_generation(int index, const std::string& name);

  NetlinkSocket socket_;
};

}  // namespace sixpn::mesh
