// MeshService: keeps the kernel's state (WireGuard device and peers, addresses, routes, rules, veth
// pairs, firewall) equal to what the snapshot and the attachments call for. Level-triggered:
// observe, plan, apply; after any doubt observe again. It decides nothing about who is a member or
// what runs.
//
// Called by the agent. All methods on its own loop, which belongs to it alone: requests to the
// kernel, to wireguard-go and to nft block that loop for a bounded time (decision 0030). `done`
// callbacks run on it too. Nothing is changed in the kernel before both set_attachments and
// set_snapshot were called, so that a restart removes nothing. Stopping (the destructor) leaves
// everything in place: fail static.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "mesh/core/device_counters.h"
#include "mesh/core/link_switch.h"
#include "mesh/core/options.h"
#include "mesh/core/plan.h"
#include "registry/core/attachment.h"
#include "registry/core/kernel_services.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

class MeshKernel;

// One WireGuard peer that is a host, as the device reports it.
struct PeerReport {
  HostId host;
  std::optional<IpEndpoint> endpoint;     // where packets go now
  std::optional<Duration> handshake_age;  // nothing before the first handshake
  std::uint64_t rx_bytes = 0;             // of both devices
  std::uint64_t tx_bytes = 0;
  bool on_spare = false;  // its packets take the spare device: keys are being rotated
  friend bool operator==(const PeerReport&, const PeerReport&) = default;
};

// A peer's device that this host is the gateway of, as WireGuard reports it.
struct GatewayReport {
  PublicKey key{};
  std::optional<IpEndpoint> endpoint;     // where it called from; nothing before it did
  std::optional<Duration> handshake_age;  // the same
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  friend bool operator==(const GatewayReport&, const GatewayReport&) = default;
};

class MeshService {
 public:
  using Done = std::function<void(Result<void>)>;
  // Which ports of these networks' Flycast addresses the kernel hands to machines; nothing while
  // nobody can know. Flycast's rule, which the agent hands over; called on the mesh loop.
  using ChooseKernelServices = std::function<std::optional<KernelServices>(
      const SnapshotPtr& snapshot, const std::set<NetworkId>& networks)>;

  MeshService(EventLoop& loop, MeshOptions options);
  // With a kernel of the caller's: tests.
  MeshService(EventLoop& loop, MeshOptions options, std::unique_ptr<MeshKernel> kernel);
  ~MeshService();

  // Chooses a backend and checks that this process may use it. Changes no packet path yet. Errors:
  // no permission, no /dev/net/tun, wireguard-go not installed, IPv6 disabled, nft not installed,
  // an interface of that name that is something else.
  Result<void> start();

  // The machines that are already attached, before the first snapshot (possibly none).
  void set_attachments(std::vector<Attachment> attachments);
  void set_snapshot(SnapshotPtr snapshot);
  // The same, and the kernel has been changed accordingly when it returns, unless that failed (it
  // is tried again, as ever).
  void apply_now(SnapshotPtr snapshot);

  // Before start. Without it no port is handed over.
  void choose_kernel_services_by(ChooseKernelServices choose);
  // As they stand in the kernel.
  [[nodiscard]] const KernelServices& kernel_services() const;

  // New keys, or a new phase of their rotation. Applied at once; the agent publishes the same in
  // the host record.
  void set_keys(const Secret& main, const Secret& spare, Rotation rotation);
  // Every link that has both devices, as of the last pass; none outside rotations.
  [[nodiscard]] std::map<HostId, LinkState> links() const;

  // Joins a machine's network namespace to its network. Done when veth, addresses, routes and
  // firewall elements are in the kernel; on an error nothing of it is kept. Attaching again is
  // harmless.
  void attach(Attachment attachment, Done done);
  // Takes the machine's veth, route and firewall elements away. Detaching what is not there
  // succeeds.
  void detach(MachineId machine, Done done);

  // What would be done now, freshly observed; empty when all is as desired.
  Result<MeshPlan> plan();
  void report(std::function<void(std::vector<PeerReport>)> done);
  // Of the device that peers connect to; empty while there is none.
  void report_gateway(std::function<void(std::vector<GatewayReport>)> done);

  // Of every device of the host, ours or not; none where the kernel does not tell.
  [[nodiscard]] CountersByDevice device_counters() const;

  // "kernel" or "userspace"; "" before start.
  [[nodiscard]] std::string_view backend() const;
  // For people (`sixpn status`): what is wrong with the mesh or its surroundings now.
  [[nodiscard]] std::vector<std::string> warnings() const;

  // Removes everything that a MeshService with this interface name may have put into the kernel:
  // device, veths, routes, rules, addresses, firewall table. For uninstalling and tests.
  static Result<void> teardown(const std::string& interface);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::mesh
