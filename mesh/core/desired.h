// DesiredMesh: what the kernel should hold on this host, derived from the snapshot, the machines
// that are attached here and the configuration. Pure and printable; the difference to an
// ObservedMesh is a plan (plan.h).
//
// AllowedIPs never overlap: longest prefix decides, and what two machines claim goes to one of
// them, the same on every host (allowed_ips.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "mesh/core/firewall.h"
#include "mesh/core/options.h"
#include "mesh/core/service_map.h"
#include "mesh/core/state.h"
#include "registry/core/attachment.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// Seconds; keeps NAT bindings and lets a dead path show as an old handshake.
inline constexpr std::uint16_t kKeepaliveSeconds = 25;

struct DesiredDevice {
  std::string name;
  Secret private_key;
  PublicKey public_key{};
  std::uint16_t listen_port = 0;
  int mtu = 0;
  friend bool operator==(const DesiredDevice&, const DesiredDevice&) = default;
};

struct DesiredPeer {
  HostId host;  // zero: a peer's device, not a host
  // Of the host record, usable ones only, best first. Given to a peer when it is new.
  std::vector<IpEndpoint> candidates;
  // What the endpoint supervisor wants now, against what the kernel has.
  std::optional<IpEndpoint> pinned;
  // Made without an endpoint: the other host calls first (first_handshake.h).
  bool awaits_call = false;
  std::uint16_t keepalive = kKeepaliveSeconds;
  std::set<Prefix6> allowed;
  friend bool operator==(const DesiredPeer&, const DesiredPeer&) = default;
};

// A WireGuard device and whom it talks to.
struct DesiredTunnel {
  DesiredDevice device;
  std::map<PublicKey, DesiredPeer> peers;
  friend bool operator==(const DesiredTunnel&, const DesiredTunnel&) = default;
};

struct DesiredMesh {
  HostId self;
  DesiredTunnel main;
  std::optional<DesiredTunnel> spare;    // while a host rotates its keys
  std::optional<DesiredTunnel> gateway;  // while this host has peers
  // The hosts that have a peer on both devices, each with the one that its packets should take.
  std::map<HostId, Plane> links;
  // True while the registry may be incomplete: nothing is taken from peers that the device has.
  bool additive_peers = false;
  // But peers of hosts known to be revoked go from both devices whatever is missing: those with
  // these keys that have the host's own address among their allowed IPs.
  std::set<std::pair<PublicKey, HostId>> revoked_keys;
  std::map<std::string, std::string> sysctls;  // "net/ipv6/conf/all/forwarding" -> "1"
  std::set<InterfaceAddress> addresses;
  std::set<Route> routes;
  std::set<Rule> rules;
  std::map<std::string, Veth> veths;  // by name
  Firewall firewall;
  // Nothing while the registry may be incomplete: what stands is kept.
  std::optional<ServiceMap> service_map;
  // Null where there is none.
  [[nodiscard]] const DesiredTunnel* tunnel(Plane plane) const;
  friend bool operator==(const DesiredMesh&, const DesiredMesh&) = default;
};

// Adds the routes that send what is for `on_spare`'s hosts through the spare device. Everything
// else stays on the main one, also a machine that was born on such a host and lives elsewhere.
void steer_links(const std::set<HostId>& on_spare, DesiredMesh& mesh);

// Attachments must be valid (check_attachment) and have distinct interface names.
DesiredMesh make_desired(const Snapshot& snapshot, const std::vector<Attachment>& attachments,
                         const MeshOptions& options);
// The networks that have a machine here.
std::set<NetworkId> networks_of(const std::vector<Attachment>& attachments);

// Whether make_desired, or the choice of kernel services, may tell these snapshots apart;
// `networks` have a machine here. By what the two share: true may be too much, false is not. Most
// changes of a large registry are of networks that this host has nothing to do with.
bool concerns_mesh(const Snapshot& before, const Snapshot& now, std::set<NetworkId> networks,
                   bool is_gateway);

// Errors: the address is no machine address, or is of another network than the attachment's.
Result<void> check_attachment(const Attachment& attachment);

// An endpoint that packets may be sent to: a port, not inside fdaa::/16 (no tunnel in the tunnel),
// not unspecified, multicast or link-local.
bool is_usable_endpoint(const IpEndpoint& endpoint);

}  // namespace sixpn::mesh
