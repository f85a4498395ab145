#include "agent/rooms.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::agent {
namespace {

// What the kernel has to know before the command is done: which calls of Flycast addresses reach
// the proxy, and which peers' devices may connect. One that calls too early tries again only after
// seconds; one that is removed is to be cut off when its owner is told so.
bool is_for_kernel(const registry::LocalWrite& write) {
  RecordKind kind = write.erase ? write.key.kind : key_of(write.value).kind;
  return kind == RecordKind::kApp || kind == RecordKind::kFlycast ||
         kind == RecordKind::kTlsGrant || kind == RecordKind::kPeer;
}

}  // namespace

// A room may have been destroyed on its loop, while the agent stops.
void Rooms::hand_out(const SnapshotPtr& snapshot) {
  answered->set(snapshot);
  knock->set_snapshot(snapshot);
}

void Rooms::hand_out_paced(const SnapshotPtr& snapshot) {
  mesh_loop.post([this, snapshot] {
    if (mesh) mesh->set_snapshot(snapshot);
  });
  machine_loop.post([this, snapshot] {
    if (machines) machines->set_snapshot(snapshot);
  });
  flycast_loop.post([this, snapshot] {
    if (flycast) flycast->set_snapshot(snapshot);
  });
}

void Rooms::write(std::vector<registry::LocalWrite> writes,
                  std::function<void(Result<void>)> done) {
  bool for_kernel = std::any_of(writes.begin(), writes.end(), is_for_kernel);
  registry->write(std::move(writes),
                  [this, for_kernel, done = std::move(done)](const Result<void>& written) {
                    if (!written) return done(written);
                    SnapshotPtr snapshot = registry->snapshot();
                    hand_out_paced(snapshot);
                    if (!for_kernel) return control.post([done] { done({}); });
                    mesh_loop.post([this, snapshot, done] {
                      if (mesh) mesh->apply_now(snapshot);
                      control.post([done] { done({}); });
                    });
                  });
}

flycast::FlycastCallbacks Rooms::flycast_callbacks() {
  flycast::FlycastCallbacks callbacks;
  callbacks.start_machine = [this](MachineId id, std::function<void(Result<void>)> done) {
    machine_loop.post([this, id, done = std::move(done)] {
      if (!machines) return;
      machines->start(id, [this, done](Result<void> outcome) {
        flycast_loop.post([done, outcome = std::move(outcome)] { done(outcome); });
      });
    });
  };
  callbacks.stop_machine = [this](MachineId id, AutoStop how,
                                  std::function<void(Result<void>)> done) {
    machine_loop.post([this, id, how, done = std::move(done)] { put_to_sleep(id, how, done); });
  };
  return callbacks;
}

void Rooms::put_to_sleep(MachineId id, AutoStop how,
                         const std::function<void(Result<void>)>& done) {
  if (!machines) return;
  auto stopped = [this, done](Result<void> outcome) {
    flycast_loop.post([done, outcome = std::move(outcome)] { done(outcome); });
  };
  if (how != AutoStop::kSuspend) return machines->stop(id, {}, {}, stopped);
  machines->suspend(id, [this, id, stopped](const Result<void>& outcome) {
    if (outcome) return stopped(outcome);
    log::warn("agent", "machine {} is stopped instead of suspended: {}", to_string(id),
              outcome.error().message);
    if (machines) machines->stop(id, {}, {}, stopped);
  });
}

std::vector<Notice> Rooms::notices() const {
  SnapshotPtr snapshot = registry->snapshot();
  const WallTime now = wall_now();
  auto out = certificate_notices(*snapshot, now);
  auto add = [&out](std::vector<Notice> more) {
    out.insert(out.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  add(key_notices(*snapshot));
  add(conflict_notices(registry->conflicts(), snapshot->self, now));
  add(tls_notices(*snapshot, identity.certificate, tls_key, identity.root_key, now));
  std::map<std::string, std::chrono::milliseconds> ahead;
  for (const auto& [id, heard] : registry->last_heard())
    if (const HostView* host = snapshot->find_host(id); host != nullptr && heard.clock_ahead)
      ahead[host->record.name] = *heard.clock_ahead;
  add(clock_notices(ahead));
  return out;
}

std::string Rooms::why_no_tls(const AppRecord& app) const {
  return agent::why_no_tls(*registry->snapshot(), app, tls_key, identity.root_key, wall_now());
}

void Rooms::list_machines(std::function<void(std::vector<machine::LocalMachine>)> done) {
  machine_loop.post([this, done = std::move(done)] {
    if (!machines) return;
    control.post([done, machines_now = machines->list()] { done(machines_now); });
  });
}

void Rooms::report_uses(std::function<void(machine::MachineUses)> done) {
  machine_loop.post([this, done = std::move(done)] {
    if (!machines) return;
    control.post([done, uses = machines->uses()] { done(uses); });
  });
}

void Rooms::report_mesh(std::function<void(MeshFacts)> done) {
  mesh_loop.post([this, done = std::move(done)] {
    if (!mesh) return;
    mesh->report([this, done](const std::vector<mesh::PeerReport>& peers) {
      MeshFacts facts;
      for (const auto& peer : peers)
        facts.peers[peer.host] = {peer.endpoint, peer.handshake_age, peer.rx_bytes, peer.tx_bytes};
      facts.warnings = mesh->warnings();
      control.post([done, facts = std::move(facts)] { done(facts); });
    });
  });
}

void Rooms::report_gateway(std::function<void(std::vector<mesh::GatewayReport>)> done) {
  mesh_loop.post([this, done = std::move(done)] {
    if (!mesh) return;
    mesh->report_gateway([this, done](std::vector<mesh::GatewayReport> reports) {
      control.post([done, reports = std::move(reports)] { done(reports); });
    });
  });
}

void Rooms::report_devices(std::function<void(mesh::CountersByDevice)> done) {
  mesh_loop.post([this, done = std::move(done)] {
    if (!mesh) return;
    control.post([done, devices = mesh->device_counters()] { done(devices); });
  });
}

void Rooms::report_dns(std::function<void(dns::Stats)> done) {
  dns_loop.post([this, done = std::move(done)] {
    if (!dns) return;
    control.post([done, stats = dns->stats()] { done(stats); });
  });
}

void Rooms::ask_foreign(dns::ForeignQuestion question,
                        std::function<void(const dns::ForeignReply&)> done) {
  dns_loop.post([this, question = std::move(question), done = std::move(done)]() mutable {
    if (!dns) return;
    dns->ask_foreign(question, [this, done = std::move(done)](dns::ForeignReply reply) mutable {
      control.post([done = std::move(done), reply = std::move(reply)] { done(reply); });
    });
  });
}

void Rooms::read_meters(std::function<void(flycast::FlycastStats, flycast::MeterReadings)> done) {
  flycast_loop.post([this, done = std::move(done)] {
    if (!flycast) return;
    control.post([done, stats = flycast->stats(), readings = flycast->read_meters()] {
      done(stats, readings);
    });
  });
}

void Rooms::report_kernel_services(std::function<void(KernelServices)> done) {
  mesh_loop.post([this, done = std::move(done)] {
    if (!mesh) return;
    control.post([done, services = mesh->kernel_services()] { done(services); });
  });
}

void Rooms::report_flycast(std::function<void(flycast::FlycastStatus)> done) {
  flycast_loop.post([this, done = std::move(done)] {
    if (!flycast) return;
    control.post([done, status = flycast->status()] { done(status); });
  });
}

void Rooms::explain_flycast(
    NetworkId home, const std::string& app, std::uint16_t external_port,
    std::function<void(std::variant<flycast::Explanation, flycast::LookupFailure>)> done) {
  flycast_loop.post([this, home, app, external_port, done = std::move(done)] {
    if (!flycast) return;
    control.post([done, said = flycast->explain(home, app, external_port)] { done(said); });
  });
}

LocalFactsById facts_by_id(const std::vector<machine::LocalMachine>& machines) {
  LocalFactsById all;
  for (const auto& machine : machines) {
    LocalFacts facts;
    if (machine.pid) facts.pid = static_cast<int>(*machine.pid);
    if (machine.exit) facts.exit_code = machine.exit->code;
    facts.log = machine.log_path;
    facts.netns = machine.netns_path;
    facts.reason = machine.reason;
    facts.checks = machine.checks;
    all[machine.record.id] = std::move(facts);
  }
  return all;
}

}  // namespace sixpn::agent
