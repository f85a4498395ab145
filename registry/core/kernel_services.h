// KernelServices: which Flycast ports of this host's networks the kernel hands to machines by
// itself
// (`flycast_path = "kernel"`), and to which. Flycast chooses them (flycast/core/kernel_path.h), the
// mesh room puts them into nftables (mesh/core/service_map.h). A value; what is left out goes
// through the proxy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ip.h"

namespace sixpn {

struct KernelService {
  Ip6 address;              // of Flycast
  std::uint16_t first = 0;  // external ports first..last, inclusive
  std::uint16_t last = 0;
  std::uint16_t internal_port = 0;  // of every machine, whatever the external port
  std::vector<Ip6> machines;        // that new connections go to, each as often; never empty
  friend auto operator<=>(const KernelService&, const KernelService&) = default;
};

struct KernelServices {
  bool wanted = false;  // an app of these networks asks for it, whether or not it can have it now
  std::vector<KernelService> services;  // ascending, each address and port once
  // Machines of such apps that run, whether or not they get new connections, ascending.
  // Connections to any other have nobody at their end.
  std::vector<Ip6> running;
  std::size_t left_out = 0;  // services beyond the bounds
  friend bool operator==(const KernelServices&, const KernelServices&) = default;
};

}  // namespace sixpn
