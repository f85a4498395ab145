// Reconciler: one pass of observe, plan, apply against a MeshKernel. It keeps the last observation,
// carried forward by its own steps, so that a pass after a snapshot reads nothing back; any failure
// or doubt throws the observation away. No timers, no callbacks: MeshService drives it. Mesh loop
// only.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "mesh/core/endpoint_supervisor.h"
#include "mesh/core/first_handshake.h"
#include "mesh/core/link_switch.h"
#include "mesh/core/plan.h"
#include "mesh/io/mesh_kernel.h"

namespace sixpn::mesh {

struct PassOutcome {
  std::size_t applied = 0;
  // The first failure of the pass. Other steps are tried all the same, unless the firewall is
  // missing.
  std::optional<Error> error;
  // Nothing that the pass did can be relied on: observing failed, or the firewall.
  bool failed_whole = false;
  // Veths of which a step failed.
  std::map<std::string, Error> failed_veths;
};

class Reconciler {
 public:
  explicit Reconciler(MeshKernel& kernel) : kernel_(kernel) {}

  // The next pass observes everything / this veth / the peers again.
  void doubt() { observed_.reset(); }
  void doubt_veth(const std::string& name) { doubted_veths_.insert(name); }
  void doubt_peers() { doubt_peers_ = true; }
  // True when the event says that the kept observation is wrong.
  [[nodiscard]] bool is_contradicted_by(const KernelEvent& event, const std::string& device) const;

  PassOutcome pass(DesiredMesh desired, Now now);
  // What a pass would do, from a fresh observation. Changes nothing.
  Result<MeshPlan> dry_run(const DesiredMesh& desired);

  // When the peers should be looked at again because one has no handshake; kNever when all are
  // well.
  [[nodiscard]] Instant next_peer_check() const {
    Instant next = links_.next_check();
    for (const auto& watch : watches_)
      next = std::min({next, watch.supervisor.next_check(), watch.first_handshake.next_check()});
    return next;
  }

  // As of the last pass that read the peers.
  [[nodiscard]] const std::map<HostId, LinkState>& links() const { return links_.links(); }
  [[nodiscard]] std::set<HostId> on_spare() const { return links_.on_spare(); }

 private:
  Result<void> refresh(const DesiredMesh& desired);
  Result<void> refresh_veths(const DesiredMesh& desired);
  bool needs_peers(const DesiredMesh& desired) const;
  Result<void> refresh_peers(const DesiredMesh& desired);
  Result<void> supervise(Plane plane, DesiredMesh& desired, Now now);
  Result<void> supervise_tunnels(DesiredMesh& desired, Now now);
  Result<void> call_again(Plane plane, const std::set<PublicKey>& peers);
  void apply(const MeshPlan& plan, PassOutcome& outcome);
  std::size_t apply_peers(std::span<const MeshStep> steps, PassOutcome& outcome);
  void note_failure(const MeshStep& step, const Error& error, PassOutcome& outcome);

  MeshKernel& kernel_;
  std::optional<ObservedMesh> observed_;
  bool fresh_peers_ = false;  // observed_ has the peers as they are now
  bool doubt_peers_ = false;
  std::set<std::string> doubted_veths_;
  std::optional<DesiredMesh> last_desired_;  // of the last pass that succeeded
  // What is known of the peers of one device.
  struct Watch {
    PublicKey device_key{};  // a device with another key has other sessions
    EndpointSupervisor supervisor;
    FirstHandshake first_handshake;
    EndpointSupervisor::Pins pins;  // not applied yet
  };
  std::array<Watch, 2> watches_;  // by Plane
  bool starting_ = true;          // until the first observation
  LinkSwitch links_;
};

}  // namespace sixpn::mesh
