// Attachment: a machine's network namespace to be joined to its network. The machine room makes the
// namespace, the mesh room puts veth, addresses, routes and firewall elements there. A value.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/ip.h"

namespace sixpn {

struct Attachment {
  MachineId machine;
  NetworkId network;
  Ip6 address;             // of the machine; its /112 is routed to the veth
  std::string netns_path;  // e.g. /run/netns/148e21dad76789
  friend auto operator<=>(const Attachment&, const Attachment&) = default;
};

}  // namespace sixpn
