// MeshOptions: what the agent's configuration says about the mesh. A value; the rest of the desired
// state comes from the snapshot and the attachments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "registry/core/keys.h"
#include "registry/core/record.h"

namespace sixpn::mesh {

enum class BackendChoice { kProbe, kKernel, kUserspace };

struct SpareOptions {
  Secret private_key;
  std::uint16_t port = 0;
};

// Of the device that peers connect to: laptops and the like, which join one network through this
// host (docs/decisions/0144).
struct GatewayOptions {
  Secret private_key;
  std::uint16_t port = 0;
};

struct MeshOptions {
  Secret private_key;  // WireGuard's, of this host
  std::string interface = "sixpn";
  std::uint16_t listen_port = 51820;
  // Of the WireGuard device and of every machine's interface; 1280..65535. 1420 fits IPv6 over
  // 1500.
  int mtu = 1420;
  BackendChoice backend = BackendChoice::kProbe;
  // Of the spare device (decision 0036). None: this host has none, and no link moves.
  std::optional<SpareOptions> spare;
  Rotation rotation = Rotation::kNone;  // of this host's own keys
  // None: no peer can connect here.
  std::optional<GatewayOptions> gateway;
};

// The spare device's name: "sixpn-s" beside "sixpn".
std::string spare_interface(const std::string& interface);

// The device of peers: "sx-sixpn" beside "sixpn". In sx, as machines' interfaces: what holds for
// their packets holds for peers' (firewall_rules.cc).
std::string gateway_interface(const std::string& interface);

// Errors: an interface name that the kernel would refuse or that machines' interfaces ("sx...")
// use, an MTU that cannot carry IPv6, port 0.
Result<void> check_options(const MeshOptions& options);

}  // namespace sixpn::mesh
