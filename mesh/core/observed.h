// ObservedMesh: what the kernel holds, in the terms of DesiredMesh. Read back by mesh/io, or
// carried forward by apply_step for each step that succeeded, until there is doubt. Holds only what
// is ours by name, protocol number or mark; other people's objects are not looked at.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/ip.h"
#include "base/time.h"
#include "mesh/core/desired.h"
#include "mesh/core/state.h"
#include "mesh/core/steps.h"

namespace sixpn::mesh {

struct ObservedDevice {
  PublicKey public_key{};  // zero: no private key set
  std::uint16_t listen_port = 0;
  int mtu = 0;
  bool up = false;
  friend bool operator==(const ObservedDevice&, const ObservedDevice&) = default;
};

struct ObservedPeer {
  std::optional<IpEndpoint> endpoint;
  std::uint16_t keepalive = 0;
  std::set<Prefix6> allowed;  // IPv4 ones as mapped prefixes
  std::optional<WallTime> last_handshake;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  friend bool operator==(const ObservedPeer&, const ObservedPeer&) = default;
};

struct ObservedVeth {
  Veth veth;  // as desired when its other end is in the desired namespace; else only the name
  bool configured = false;  // both ends up, with MTU, addresses and routes
  friend bool operator==(const ObservedVeth&, const ObservedVeth&) = default;
};

struct ObservedFirewall {
  // The fingerprint of the structure that stands, "" when there is no table or it was changed.
  std::string fingerprint;
  std::set<SetElement> elements;
  friend bool operator==(const ObservedFirewall&, const ObservedFirewall&) = default;
};

struct ObservedTunnel {
  std::optional<ObservedDevice> device;
  std::map<PublicKey, ObservedPeer> peers;
  friend bool operator==(const ObservedTunnel&, const ObservedTunnel&) = default;
};

struct ObservedMesh {
  ObservedTunnel main;
  ObservedTunnel spare;
  ObservedTunnel gateway;
  std::map<std::string, std::string> sysctls;
  std::set<InterfaceAddress> addresses;
  std::set<Route> routes;
  std::set<Rule> rules;
  std::map<std::string, ObservedVeth> veths;
  ObservedFirewall firewall;
  std::string service_map;  // its fingerprint, "" when there is no table; "?": it was changed
  [[nodiscard]] ObservedTunnel& tunnel(Plane plane) {
    return plane == Plane::kMain ? main : plane == Plane::kSpare ? spare : gateway;
  }
  [[nodiscard]] const ObservedTunnel& tunnel(Plane plane) const {
    return plane == Plane::kMain ? main : plane == Plane::kSpare ? spare : gateway;
  }
  friend bool operator==(const ObservedMesh&, const ObservedMesh&) = default;
};

// What `step` makes of `mesh` when it succeeds. As the kernel does: an allowed IP given to one peer
// is taken from any other, and what hangs on an interface goes with it.
void apply_step(const MeshStep& step, ObservedMesh& mesh);

// A change that the kernel reported, reduced to what can contradict an ObservedMesh.
struct KernelEvent {
  enum class Kind {
    kLinkGone,
    kLinkDown,
    kAddressGone,
    kRouteGone,
    kRuleGone,
    kFirewallTouched,
    kOverflow
  };
  Kind kind{};
  std::string interface;
  Prefix6 prefix;  // address or destination
  friend bool operator==(const KernelEvent&, const KernelEvent&) = default;
};

// True when the event says that something is gone which `mesh` believes is there: observe again.
// Our own removals were applied to `mesh` before their events arrive, and so are no contradiction.
// `device` is the main device's name.
bool contradicts(const KernelEvent& event, const ObservedMesh& mesh, const std::string& device);

}  // namespace sixpn::mesh
