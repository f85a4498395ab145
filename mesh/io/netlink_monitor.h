// NetlinkMonitor: hears what others change in links, addresses, routes, rules and our firewall
// table, and reduces it to KernelEvents. After an overflow it says so once: everything is in doubt.
// Whether an event matters is decided by contradicts() (mesh/core/observed.h). Mesh loop only; no
// work while nothing changes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/core/observed.h"
#include "mesh/io/netlink.h"
#include "mesh/io/netlink_socket.h"

namespace sixpn::mesh {

class NetlinkMonitor {
 public:
  // Errors: a netlink socket cannot be opened.
  static Result<NetlinkMonitor> open();

  // To wait for: either is readable when there is something to read.
  [[nodiscard]] int routing_fd() const { return routing_.fd(); }
  [[nodiscard]] int firewall_fd() const { return firewall_.fd(); }

  // All that is waiting.
  std::vector<KernelEvent> read_routing();
  std::vector<KernelEvent> read_firewall();
  // Forgets waiting firewall events: they are of our own doing.
  void skip_firewall();
  // The names of the interfaces that later events may be about.
  void set_links(const std::vector<Link>& links);

 private:
  NetlinkMonitor(NetlinkSocket routing, NetlinkSocket firewall)
      : routing_(std::move(routing)), firewall_(std::move(firewall)) {}
  void on_routing_message(const nlmsghdr* message, std::vector<KernelEvent>& events);
  void on_link(const nlmsghdr* message, std::vector<KernelEvent>& events);

  NetlinkSocket routing_;
  NetlinkSocket firewall_;
  std::map<int, std::string> names_;  // of interfaces, by index
};

}  // namespace sixpn::mesh
