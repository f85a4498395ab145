// The firewall's desired state as a value: the structure (one table `inet sixpn`, always the same
// rules but for two names) and the elements of its sets, which follow machines and networks. The
// nft JSON form is in firewall_json.h. What the rules are for: docs/decisions/0031-firewall.md.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "mesh/core/state.h"
#include "registry/core/attachment.h"

namespace sixpn::mesh {

inline constexpr const char* kFirewallTable = "sixpn";

// Names of the sets. Each holds what its comment says.
inline constexpr const char* kMachineSources =
    "machine_sources";                                       // interface . its one source address
inline constexpr const char* kSameNetwork = "same_network";  // network /48 . the same /48
inline constexpr const char* kFlycast = "flycast";           // network /48 . its Flycast prefix
inline constexpr const char* kFlycastOpen = "flycast_open";  // as kFlycast: all goes to the proxy
inline constexpr const char* kFlycastAddresses = "flycast_addresses";  // those that are allocated
inline constexpr const char* kFlycastPorts = "flycast_ports";    // address . port of a service
inline constexpr const char* kFlycastRanges = "flycast_ranges";  // address . range of ports
inline constexpr const char* kHostProxies =
    "host_proxies";  // network /48 . this host's proxy address
inline constexpr const char* kPeerResolvers = "peer_resolvers";  // network /48 . its fdaa:N:N::3
inline constexpr const char* kLocalSources = "local_sources";  // what cannot come from another host

// What the rules depend on besides the sets.
struct FirewallStructure {
  std::string wireguard_interface;
  std::string spare_interface;  // the second one, which is there at times
  Ip6 host_address;             // of this host, in the infrastructure network
  friend auto operator<=>(const FirewallStructure&, const FirewallStructure&) = default;
};

struct Firewall {
  FirewallStructure structure;
  std::set<SetElement> elements;
  friend bool operator==(const Firewall&, const Firewall&) = default;
};

Firewall make_firewall(const std::string& wireguard_interface, HostId self,
                       const std::vector<Attachment>& attachments);
// What sources of this network may reach: each other, its Flycast addresses, this host's proxy.
void admit_network(NetworkId network, HostId self, Firewall& firewall);
// The one address that packets from this interface may have; and none from elsewhere.
void admit_source(const std::string& interface, const Ip6& source, Firewall& firewall);
// Lets sources of the network, and only those, ask its resolver's address.
void open_resolver(NetworkId network, Firewall& firewall);

}  // namespace sixpn::mesh
