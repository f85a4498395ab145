#include "mesh/io/mesh_service.h"

#include <fstream>
#include <map>
#include <sstream>

#include "base/backoff.h"
#include "base/io/clock.h"
#include "base/log.h"
#include "mesh/io/mesh_kernel.h"
#include "mesh/io/reconciler.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr const char* kRoom = "mesh";
// Snapshots come in bursts; attachments do not wait for this.
constexpr Duration kSnapshotDelay = 10ms;
// Catches what no notification tells (route dumps and overflows lie, mesh.md finding 9).
constexpr Duration kResyncInterval = 30s;
// A foreign program that undoes our state again and again costs at most this often.
constexpr Duration kDoubtDelay = 200ms;
constexpr Duration kFirstRetry = 250ms;
constexpr Duration kMaxRetry = 30s;
// Looking for other programs' firewalls costs a process: every so many resyncs.
constexpr int kResyncsPerWarningCheck = 10;

std::map<HostId, ObservedPeer> by_host(const std::map<PublicKey, ObservedPeer>& peers,
                                       const DesiredTunnel& tunnel) {
  std::map<HostId, ObservedPeer> out;
  for (const auto& [key, peer] : peers)
    if (auto wanted = tunnel.peers.find(key); wanted != tunnel.peers.end())
      out.emplace(wanted->second.host, peer);
  return out;
}

}  // namespace

struct MeshService::Impl {
  struct PendingAttach {
    Attachment attachment;
    bool attached_before = false;
    Done done;
  };
  struct PendingDetach {
    std::string veth;
    Done done;
  };

  Impl(EventLoop& event_loop, MeshOptions mesh_options, std::unique_ptr<MeshKernel> mesh_kernel)
      : loop(event_loop),
        options(std::move(mesh_options)),
        kernel(std::move(mesh_kernel)),
        reconciler(*kernel),
        timer(loop, [this] { on_timer(); }) {}

  [[nodiscard]] bool ready() const { return started && attachments_known && snapshot != nullptr; }

  // The last pass was of this snapshot, and no other is to come but for the kernel's sake.
  [[nodiscard]] bool is_settled() const { return ready() && passed && next_pass == kNever; }
  [[nodiscard]] bool concerns(const Snapshot& next) const {
    return concerns_mesh(*snapshot, next, networks_of(attached()), options.gateway.has_value());
  }

  [[nodiscard]] std::vector<Attachment> attached() const {
    std::vector<Attachment> list;
    for (const auto& [machine, attachment] : attachments) list.push_back(attachment);
    return list;
  }

  [[nodiscard]] DesiredMesh desired() {
    const std::vector<Attachment> list = attached();
    DesiredMesh mesh = make_desired(*snapshot, list, options);
    if (!choose_kernel_services) return mesh;
    if (auto chosen = choose_kernel_services(snapshot, networks_of(list))) {
      next_kernel_services = *chosen;
      mesh.service_map = make_service_map(std::move(*chosen), list);
    }
    return mesh;
  }

  // ---- time
  void run_within(Duration delay) {
    next_pass = std::min(next_pass, monotonic_now() + delay);
    arm();
  }

  void arm() {
    if (!ready()) return;
    timer.arm_at(std::min({next_pass, next_resync, reconciler.next_peer_check()}));
  }

  void on_timer() {
    Instant now = monotonic_now();
    if (now >= next_resync) resync(now);
    if (now >= reconciler.next_peer_check()) reconciler.doubt_peers();
    run_pass();
    arm();
  }

  void resync(Instant now) {
    next_resync = now + kResyncInterval;
    reconciler.doubt();
    if (resyncs++ % kResyncsPerWarningCheck == 0) foreign_warnings = kernel->find_warnings();
  }

  void on_event(const KernelEvent& event) {
    if (!reconciler.is_contradicted_by(event, options.interface)) return;
    log::info(kRoom, "kernel state was changed by another program ({}): checking",
              event.interface.empty() ? "firewall or rules" : event.interface);
    reconciler.doubt();
    run_within(kDoubtDelay);
  }

  // ---- the pass
  void run_pass() {
    next_pass = kNever;
    passed = true;
    // Callbacks may attach and detach again: those wait for the next pass.
    auto attaching = std::exchange(pending_attach, {});
    auto detaching = std::exchange(pending_detach, {});
    PassOutcome outcome = reconciler.pass(desired(), read_clocks());
    note(outcome);
    for (auto& pending : attaching) finish(pending, outcome);
    for (auto& pending : detaching) finish(pending, outcome);
  }

  void note(const PassOutcome& outcome) {
    if (outcome.error) {
      // Logged when it is new, not each time that it is tried again.
      if (outcome.error->message != problem) log::warn(kRoom, "{}", outcome.error->message);
      problem = outcome.error->message;
      run_within(retry.next(rng));
      return;
    }
    if (!problem.empty()) log::info(kRoom, "kernel state is as desired again");
    kernel_services = next_kernel_services;
    problem.clear();
    retry.reset();
  }

  static Result<void> result_for(const std::string& veth, const PassOutcome& outcome) {
    if (outcome.failed_whole) return *outcome.error;
    auto failed = outcome.failed_veths.find(veth);
    if (failed != outcome.failed_veths.end()) return failed->second;
    return {};
  }

  void finish(PendingAttach& pending, const PassOutcome& outcome) {
    auto result = result_for(veth_name(pending.attachment.address), outcome);
    if (!result && !pending.attached_before) {
      // The caller takes it as not attached: what was made of it goes away in the next pass.
      forget(pending.attachment);
      run_within(Duration::zero());
    }
    pending.done(std::move(result));
  }

  static void finish(PendingDetach& pending, const PassOutcome& outcome) {
    pending.done(result_for(pending.veth, outcome));
  }

  // Unless the machine was attached anew meanwhile.
  void forget(const Attachment& attachment) {
    auto found = attachments.find(attachment.machine);
    if (found != attachments.end() && found->second == attachment) attachments.erase(found);
  }

  // ---- attachments
  Result<void> check(const Attachment& attachment) const {
    if (auto valid = check_attachment(attachment); !valid) return valid;
    std::string name = veth_name(attachment.address);
    for (const auto& [machine, other] : attachments)
      if (machine != attachment.machine && veth_name(other.address) == name)
        return Error("interface " + name + " belongs to machine " + to_string(machine));
    return {};
  }

  void cancel_pending_attach(MachineId machine) {
    auto waiting = std::exchange(pending_attach, {});
    std::vector<Done> cancelled;
    for (auto& pending : waiting) {
      if (pending.attachment.machine == machine) {
        cancelled.push_back(std::move(pending.done));
      } else {
        pending_attach.push_back(std::move(pending));
      }
    }
    for (auto& done : cancelled) done(Error("detached before it was attached"));
  }

  EventLoop& loop;
  MeshOptions options;
  std::unique_ptr<MeshKernel> kernel;
  Reconciler reconciler;
  Rng rng{random_u64()};
  Backoff retry{kFirstRetry, kMaxRetry};
  LoopTimer timer;

  ChooseKernelServices choose_kernel_services;
  KernelServices kernel_services;       // as the kernel has them
  KernelServices next_kernel_services;  // as the next pass makes them
  bool started = false;
  bool attachments_known = false;
  bool passed = false;  // once at least
  SnapshotPtr snapshot;
  std::map<MachineId, Attachment> attachments;
  std::vector<PendingAttach> pending_attach;
  std::vector<PendingDetach> pending_detach;

  Instant next_pass = kNever;
  Instant next_resync{};  // the first pass is one
  int resyncs = 0;
  std::string problem;  // of the last pass
  std::vector<std::string> foreign_warnings;
};

MeshService::MeshService(EventLoop& loop, MeshOptions options)
    : MeshService(loop, std::move(options), make_linux_mesh_kernel()) {}

MeshService::MeshService(EventLoop& loop, MeshOptions options, std::unique_ptr<MeshKernel> kernel)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(kernel))) {}

MeshService::~MeshService() = default;

Result<void> MeshService::start() {
  auto opened =
      impl_->kernel->open(impl_->loop, impl_->options,
                          [impl = impl_.get()](const KernelEvent& e) { impl->on_event(e); });
  if (!opened) return opened;
  impl_->started = true;
  impl_->run_within(Duration::zero());
  return {};
}

void MeshService::choose_kernel_services_by(ChooseKernelServices choose) {
  impl_->choose_kernel_services = std::move(choose);
}

const KernelServices& MeshService::kernel_services() const {
  return impl_->kernel_services;
}

void MeshService::set_attachments(std::vector<Attachment> attachments) {
  impl_->attachments_known = true;
  for (auto& attachment : attachments) {
    if (auto valid = impl_->check(attachment); !valid) {
      log::warn(kRoom, "machine {}: {}", to_string(attachment.machine), valid.error().message);
      continue;
    }
    impl_->attachments[attachment.machine] = std::move(attachment);
  }
  impl_->run_within(Duration::zero());
}

void MeshService::set_snapshot(SnapshotPtr snapshot) {
  const bool stands = impl_->is_settled() && !impl_->concerns(*snapshot);
  impl_->snapshot = std::move(snapshot);
  if (!stands) impl_->run_within(kSnapshotDelay);
}

void MeshService::apply_now(SnapshotPtr snapshot) {
  impl_->snapshot = std::move(snapshot);
  if (impl_->ready()) impl_->on_timer();
}

void MeshService::attach(Attachment attachment, Done done) {
  if (auto valid = impl_->check(attachment); !valid) {
    done(std::move(valid));
    return;
  }
  Attachment& slot = impl_->attachments[attachment.machine];
  bool attached_before = slot == attachment;
  slot = attachment;
  impl_->reconciler.doubt_veth(veth_name(attachment.address));
  impl_->pending_attach.push_back({std::move(attachment), attached_before, std::move(done)});
  impl_->run_within(Duration::zero());
}

void MeshService::detach(MachineId machine, Done done) {
  impl_->cancel_pending_attach(machine);
  auto found = impl_->attachments.find(machine);
  if (found == impl_->attachments.end()) {
    done({});
    return;
  }
  impl_->pending_detach.push_back({veth_name(found->second.address), std::move(done)});
  impl_->attachments.erase(found);
  impl_->run_within(Duration::zero());
}

Result<MeshPlan> MeshService::plan() {
  if (!impl_->ready()) return Error("the mesh has no snapshot yet");
  return impl_->reconciler.dry_run(impl_->desired());
}

void MeshService::report(std::function<void(std::vector<PeerReport>)> done) {
  std::vector<PeerReport> reports;
  if (!impl_->ready()) return done(std::move(reports));
  auto peers = impl_->kernel->observe_peers(Plane::kMain);
  if (!peers) return done(std::move(reports));
  DesiredMesh desired = impl_->desired();
  auto on_spare = impl_->reconciler.on_spare();
  std::map<HostId, ObservedPeer> spares;
  if (!on_spare.empty() && desired.spare) {
    auto read = impl_->kernel->observe_peers(Plane::kSpare);
    if (read) spares = by_host(*read, *desired.spare);
  }
  WallTime now = wall_now();
  for (const auto& [host, peer] : by_host(*peers, desired.main)) {
    auto spare = spares.find(host);
    const ObservedPeer& used = spare != spares.end() ? spare->second : peer;
    PeerReport report{.host = host,
                      .endpoint = used.endpoint,
                      .rx_bytes = peer.rx_bytes,
                      .tx_bytes = peer.tx_bytes,
                      .on_spare = on_spare.contains(host)};
    if (spare != spares.end()) {
      report.rx_bytes += used.rx_bytes;
      report.tx_bytes += used.tx_bytes;
    }
    if (used.last_handshake)
      report.handshake_age = std::max(Duration::zero(), Duration(now - *used.last_handshake));
    reports.push_back(report);
  }
  done(std::move(reports));
}

CountersByDevice MeshService::device_counters() const {
  // Of this thread's network namespace.
  std::ifstream file("/proc/thread-self/net/dev");
  std::stringstream text;
  text << file.rdbuf();
  return parse_device_counters(text.str());
}

void MeshService::report_gateway(std::function<void(std::vector<GatewayReport>)> done) {
  std::vector<GatewayReport> reports;
  if (!impl_->ready() || !impl_->desired().gateway) return done(std::move(reports));
  auto peers = impl_->kernel->observe_peers(Plane::kGateway);
  if (!peers) return done(std::move(reports));
  WallTime now = wall_now();
  for (const auto& [key, peer] : *peers) {
    GatewayReport report{key, peer.endpoint, {}, peer.rx_bytes, peer.tx_bytes};
    if (peer.last_handshake)
      report.handshake_age = std::max(Duration::zero(), Duration(now - *peer.last_handshake));
    reports.push_back(report);
  }
  done(std::move(reports));
}

void MeshService::set_keys(const Secret& main, const Secret& spare, Rotation rotation) {
  impl_->options.private_key = main;
  if (impl_->options.spare) impl_->options.spare->private_key = spare;
  impl_->options.rotation = rotation;
  impl_->run_within(Duration::zero());
}

std::map<HostId, LinkState> MeshService::links() const {
  return impl_->reconciler.links();
}

std::string_view MeshService::backend() const {
  return impl_->kernel->backend();
}

std::vector<std::string> MeshService::warnings() const {
  auto warnings = impl_->foreign_warnings;
  if (!impl_->problem.empty()) warnings.push_back("mesh: " + impl_->problem);
  return warnings;
}

}  // namespace sixpn::mesh
