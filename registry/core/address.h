// The address plan (docs/addresses.md): where each kind of address lies inside fdaa::/16, and what
// an address is. Pure arithmetic.
//
//   fdaa | network id (32) | host id (32) | machine (32) | 16 free       machine address ends in :2
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/ip.h"

namespace sixpn {

// Every sixpn address.
inline constexpr Prefix6 kMeshPrefix{Ip6::from_words({0xfdaa, 0, 0, 0, 0, 0, 0, 0}), 16};
// The resolver (and Machines API) as machines see it.
inline constexpr Ip6 kResolverAddress = Ip6::from_words({0xfdaa, 0, 0, 0, 0, 0, 0, 3});
// The smallest machine field of a machine: the rows below it are reserved.
inline constexpr std::uint32_t kFirstMachineField = 0x10000;
// A host id's upper half is never zero.
inline constexpr std::uint32_t kFirstHostId = 0x10000;

Prefix6 network_prefix(NetworkId network);            // fdaa:N:N::/48
Prefix6 host_prefix(NetworkId network, HostId host);  // fdaa:N:N:H:H::/80
Ip6 machine_address(NetworkId network, HostId host, std::uint32_t machine_field);  // ...:M:M:2
Prefix6 machine_prefix(const Ip6& machine);                     // the /112 around a machine address
Ip6 host_address(HostId host);                                  // fdaa:0:0:H:H::1
Ip6 proxy_address(NetworkId network, HostId host);              // fdaa:N:N:H:H:0:1:2
Prefix6 flycast_prefix(NetworkId network);                      // fdaa:N:N:0:1::/80
Ip6 flycast_address(NetworkId network, std::uint16_t counter);  // fdaa:N:N:0:1::X
Ip6 peer_address(NetworkId network, HostId gateway, std::uint8_t index);  // fdaa:N:N:G:G:0:a:XX02
Ip6 peer_resolver_address(NetworkId network);                             // fdaa:N:N::3

enum class AddressKind {
  kOutside,     // not in fdaa::/16
  kResolver,    // fdaa::3, or fdaa:N:N::3
  kHost,        // fdaa:0:0:H:H::1
  kProxy,       // fdaa:N:N:H:H:0:1:2
  kFlycast,     // fdaa:N:N:0:1::X
  kPeer,        // fdaa:N:N:G:G:0:a:XX02
  kMachine,     // fdaa:N:N:H:H:M:M:2
  kUnassigned,  // inside fdaa::/16, none of the above
};

AddressKind classify(const Ip6& ip);
NetworkId network_of(const Ip6& ip);  // words 1-2, whatever the kind
HostId host_of(const Ip6& ip);        // words 3-4, whatever the kind
// The host whose infrastructure address this is, if it is one.
std::optional<HostId> host_from_address(const Ip6& ip);

}  // namespace sixpn
