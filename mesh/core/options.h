// MeshOptions: what the agent's configuration says about the mesh. A value; the rest of the desired
// state comes from the snapshot and the attachments.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {

enum class BackendChoice { kProbe, kKernel, kUserspace };

struct MeshOptions {
  Secret private_key;  // WireGuard's, of this host
  std::string interface = "sixpn";
  std::uint16_t listen_port = 51820;
  // Of the WireGuard device and of every machine's interface; 1280..65535. 1420 fits IPv6 over
  // 1500.
  int mtu = 1420;
  BackendChoice backend = BackendChoice::kProbe;
};

// Errors: an interface name that the kernel would refuse or that machines' interfaces ("sx...")
// use, an MTU that cannot carry IPv6, port 0.
Result<void> check_options(const MeshOptions& options);

}  // namespace sixpn::mesh
