// MeshKernel: all that MeshService asks of the system: read its state, change it one step at a
// time, and hear of changes by others. LinuxMeshKernel is the real one; tests have one in memory
// that fails on demand. Mesh loop only; calls block for a bounded time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "mesh/core/desired.h"
#include "mesh/core/observed.h"
#include "mesh/core/options.h"
#include "mesh/core/steps.h"
#include "mesh/core/wireguard.h"

namespace sixpn::mesh {

class MeshKernel {
 public:
  using OnEvent = std::function<void(const KernelEvent&)>;

  virtual ~MeshKernel() = default;

  // Chooses the WireGuard backend and begins to listen. Errors: sentences for the operator.
  virtual Result<void> open(EventLoop& loop, const MeshOptions& options, OnEvent on_event) = 0;
  [[nodiscard]] virtual std::string_view backend() const = 0;

  // Everything. `desired` says which machines' namespaces to look into, and which parameters to
  // read.
  virtual Result<ObservedMesh> observe(const DesiredMesh& desired) = 0;
  // Only this veth; nothing when it does not exist.
  virtual Result<std::optional<ObservedVeth>> observe_veth(const Veth& desired) = 0;
  // Only the WireGuard peers of one device, which must exist.
  virtual Result<std::map<PublicKey, ObservedPeer>> observe_peers(Plane plane) = 0;

  // Any step but those of peers.
  virtual Result<void> apply(const MeshStep& step) = 0;
  // All on one device. On an error any part may have been applied.
  virtual Result<void> apply_peers(Plane plane, std::span<const PeerStep> steps) = 0;

  // What in the surroundings keeps the mesh from working, for people.
  virtual std::vector<std::string> find_warnings() = 0;
};

std::unique_ptr<MeshKernel> make_linux_mesh_kernel();

}  // namespace sixpn::mesh
