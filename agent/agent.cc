#include "agent/agent.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/admin_api.h"
#include "agent/admin_server.h"
#include "agent/contacts.h"
#include "agent/core/trust_writes.h"
#include "agent/core/writes.h"
#include "agent/interest_watch.h"
#include "agent/lost_machines.h"
#include "agent/rooms.h"
#include "agent/start_gate.h"
#include "agent/trust_watch.h"
#include "agent/underlay.h"
#include "base/io/clock.h"
#include "base/io/run_on.h"
#include "base/log.h"
#include "base/rng.h"
#include "flycast/core/kernel_path.h"
#include "registry/core/address.h"
#include "registry/core/tls_authority.h"

namespace sixpn::agent {
namespace {

// From the first refusal until a host that joins for the first time gives up: each seed gets to
// speak.
constexpr Duration kJoinPatience = std::chrono::seconds(3);
// From the withdrawal of its machines until a host leaves: others choose theirs meanwhile, and
// what is under way ends.
constexpr Duration kWithdrawal = std::chrono::seconds(1);
// All rooms but the resolver are handed one snapshot in this time, the first at once.
constexpr Duration kPaced = std::chrono::milliseconds(20);

mesh::BackendChoice backend_choice(config::WireGuardBackend backend) {
  switch (backend) {
    case config::WireGuardBackend::kAuto:
      return mesh::BackendChoice::kProbe;
    case config::WireGuardBackend::kKernel:
      return mesh::BackendChoice::kKernel;
    case config::WireGuardBackend::kUserspace:
      return mesh::BackendChoice::kUserspace;
  }
  return mesh::BackendChoice::kProbe;
}

mesh::MeshOptions mesh_options(const AgentOptions& options) {
  mesh::MeshOptions out{options.keys.main};
  out.spare = {options.keys.spare, config::spare_port(options.config)};
  out.gateway = {options.gateway_key, config::gateway_port(options.config)};
  out.rotation = options.keys.rotation();
  out.interface = options.config.wireguard.interface;
  out.listen_port = options.config.wireguard.listen_port;
  out.mtu = options.config.wireguard.mtu;
  out.backend = backend_choice(options.config.wireguard.backend);
  return out;
}

HostRecord own_host(const AgentOptions& options) {
  const Invite& invite = options.identity.certificate.invite;
  const auto& wireguard = options.config.wireguard;
  HostRecord record;
  record.id = invite.host;
  record.name = invite.name;
  record.region = invite.region;
  record.certificate = options.identity.certificate.encoded;
  record.endpoints = wireguard.endpoints.empty()
                         ? underlay_endpoints(wireguard.listen_port, wireguard.interface)
                         : wireguard.endpoints;
  record.knock_port = options.config.knock.port;
  record.version = SIXPN_VERSION;
  record.tls_key = options.tls.public_key;
  return record;
}

dns::DnsOptions dns_options(const AgentOptions& options) {
  dns::DnsOptions out;
  out.listen = options.config.dns.listen;
  out.listen.insert(out.listen.begin(), IpEndpoint{kResolverAddress, 53});
  out.diverted = IpEndpoint{mesh::kResolverTproxyAddress, 53};
  out.host_network = options.config.dns.host_network;
  // Where a stub resolver of this host asks, which may insist on the mesh's own device.
  if (!out.host_network.empty())
    out.listen.push_back({host_address(options.identity.certificate.invite.host), 53});
  out.upstreams = options.config.dns.upstreams;
  out.server_id = options.config.dns.server_id.value_or(options.identity.certificate.invite.name);
  for (const auto& rule : options.config.dns.forward_rules)
    out.forward_rules.push_back({rule.domain, rule.servers, rule.networks});
  out.self = options.identity.certificate.invite.host;
  out.region = options.identity.certificate.invite.region;
  return out;
}

flycast::FlycastOptions flycast_options(const AgentOptions& options) {
  flycast::FlycastOptions out;
  out.self = options.identity.certificate.invite.host;
  out.region = options.identity.certificate.invite.region;
  out.retry.deadline = options.config.flycast.deadline;
  out.retry.connect_timeout = options.config.flycast.connect_timeout;
  out.idle_after = options.config.flycast.idle_after;
  out.drain = options.config.flycast.drain;
  out.handover_path = options.config.run_dir + "/handover.sock";
  out.loops = options.config.flycast.loops;
  out.max_sessions = options.config.flycast.max_sessions;
  out.max_sessions_per_client = options.config.flycast.max_sessions_per_client;
  out.tls_seed = options.tls.seed;
  out.root_key = options.identity.root_key;
  out.replay = {options.config.flycast.replay_across_networks,
                options.config.flycast.replay_sources};
  return out;
}

registry::Hold hold_of(config::Hold hold) {
  return hold == config::Hold::kUsed ? registry::Hold::kUsed : registry::Hold::kAll;
}

}  // namespace

struct Agent::Impl {
  Impl(EventLoop& control_loop, AgentOptions given)
      : options(std::move(given)),
        rooms(control_loop, options.identity),
        api(rooms),
        admin(std::make_unique<AdminServer>(
            control_loop, options.config.run_dir + "/sixpnd.sock",
            [this](const ApiRequest& request, const ApiResponder& reply) {
              api.answer(request, reply);
            })),
        contacts(rooms, options.config.state_dir, options.identity.seeds),
        trust(control_loop, [this] { return rooms.notices(); }),
        interest(rooms, hold_of(options.config.registry.hold)),
        lost_machines(rooms),
        start_gate(rooms),
        patience(control_loop, [this] { give_up_joining(); }),
        withdrawal(control_loop, [this] { tell_that_it_leaves(); }),
        paced(control_loop, [this] { hand_out_paced(); }) {
    build();
    rooms.leave = [this](std::function<void(Result<void>)> done) { leave(std::move(done)); };
  }

  void build() {
    const Invite& invite = options.identity.certificate.invite;
    registry::RegistryOptions registry_options{invite.host, options.identity.signing_key};
    registry_options.root_key = options.identity.root_key;
    registry_options.state_dir = options.config.state_dir;
    rooms.rotator = std::make_unique<KeyRotator>(rooms, options.keys, options.config.state_dir,
                                                 config::spare_port(options.config));
    registry_options.own_host = own_host(options);
    rooms.rotator->fill(registry_options.own_host);
    registry_options.expects_peers = !options.identity.seeds.empty();
    registry_options.certificate_grace = std::chrono::duration_cast<std::chrono::milliseconds>(
        options.config.trust.certificate_grace);
    rooms.registry = std::make_unique<registry::RegistryService>(rooms.control, registry_options);
    rooms.knock = std::make_unique<mesh::KnockService>(
        rooms.control, options.identity, knock_callbacks(), options.config.knock.port);
    rooms.mesh = std::make_unique<mesh::MeshService>(rooms.mesh_loop, mesh_options(options));
    rooms.mesh->choose_kernel_services_by(
        [path = flycast::KernelPath(options.identity.certificate.invite.region)](
            const SnapshotPtr& snapshot, const std::set<NetworkId>& networks) mutable {
          return path.plan(snapshot, networks);
        });
    rooms.tls_key = registry_options.own_host.tls_key;
    rooms.interface = options.config.wireguard.interface;
    rooms.gateway = {wireguard_public_key(options.gateway_key),
                     config::gateway_port(options.config), options.config.wireguard.mtu};
    rooms.host_network = options.config.dns.host_network;
    auto resolver = dns_options(options);
    // What is wrong with them, the resolver says when it starts.
    if (auto rules = dns::ForwardRules::make(resolver.upstreams, resolver.forward_rules))
      rooms.forward_rules = std::move(*rules);
    rooms.dns = std::make_unique<dns::DnsService>(rooms.dns_loop, std::move(resolver));
    rooms.answered = rooms.dns->snapshots();
    rooms.flycast = std::make_unique<flycast::FlycastService>(
        rooms.flycast_loop, flycast_options(options), rooms.flycast_callbacks());
    machine::MachineService::Options machine_options;
    machine_options.state_dir = options.config.state_dir;
    machine_options.shim_path = options.shim_path;
    machine_options.self = invite.host;
    machine_options.host_name = invite.name;
    machine_options.region = invite.region;
    rooms.machines = std::make_unique<machine::MachineService>(rooms.machine_loop, machine_options,
                                                               machine_callbacks());
  }

  mesh::KnockCallbacks knock_callbacks() {
    mesh::KnockCallbacks callbacks;
    callbacks.own_record = [this] { return rooms.registry->own_host_record(); };
    callbacks.on_admit = [this](const SignedRecordPtr& record, const IpEndpoint&) {
      rooms.registry->admit(record);
    };
    callbacks.on_accepted = [this](const SignedRecordPtr& record, const Ip6& observed_self) {
      patience.cancel();
      rooms.registry->admit(record);
      advertise(observed_self);
    };
    callbacks.on_second_enrolment = [this](const HostCertificate& refused) {
      rooms.registry->note_second_enrolment(refused);
    };
    callbacks.on_refused = [this](const std::string& reason) {
      if (!options.first_join || joined()) return;
      if (refusal.empty()) patience.arm_after(kJoinPatience);
      refusal = reason;
    };
    return callbacks;
  }

  machine::MachineService::Callbacks machine_callbacks() {
    machine::MachineService::Callbacks callbacks;
    callbacks.publish = [this](MachineRecord record, std::function<void()> done) {
      publish(std::move(record), std::move(done));
    };
    callbacks.withdraw = callbacks.publish;
    callbacks.erase = [this](MachineId id) {
      rooms.control.post([this, id] {
        registry::LocalWrite write;
        write.erase = true;
        write.key = machine_key(id);
        rooms.write({write}, [](const Result<void>& written) {
          if (!written)
            log::error("agent", "erasing a machine's record: {}", written.error().message);
        });
      });
    };
    callbacks.attach_network = [this](Attachment attachment,
                                      std::function<void(Result<void>)> done) {
      rooms.mesh_loop.post([this, attachment = std::move(attachment), done = std::move(done)] {
        if (rooms.mesh) rooms.mesh->attach(attachment, back_on_machine_loop(done));
      });
    };
    callbacks.detach_network = [this](MachineId id, std::function<void(Result<void>)> done) {
      rooms.mesh_loop.post([this, id, done = std::move(done)] {
        if (rooms.mesh) rooms.mesh->detach(id, back_on_machine_loop(done));
      });
    };
    return callbacks;
  }

  std::function<void(Result<void>)> back_on_machine_loop(std::function<void(Result<void>)> done) {
    return [this, done = std::move(done)](Result<void> result) {
      rooms.machine_loop.post([done, result = std::move(result)] { done(result); });
    };
  }

  // The whole record at each change; the machine room goes on when this host's resolver answers it,
  // or, a stopping one, does not.
  void publish(MachineRecord record, std::function<void()> done) {
    rooms.control.post([this, record = std::move(record), done = std::move(done)]() mutable {
      auto told = [this, done = std::move(done)](const Result<void>& written) {
        if (!written) log::error("agent", "publishing a machine: {}", written.error().message);
        rooms.machine_loop.post(done);
      };
      if (record.state == MachineState::kStarted)
        return start_gate.announce(std::move(record), std::move(told));
      registry::LocalWrite write;
      write.value = std::move(record);
      rooms.write({std::move(write)}, std::move(told));
    });
  }

  // Behind NAT a host does not see the address that others reach it by: offer it as a last
  // candidate.
  void advertise(const Ip6& observed_self) {
    if (!options.config.wireguard.endpoints.empty()) return;
    HostRecord record = own_host(options);
    IpEndpoint observed{observed_self, options.config.wireguard.listen_port};
    auto known = std::find(record.endpoints.begin(), record.endpoints.end(), observed);
    if (known != record.endpoints.end()) return;
    record.endpoints.push_back(observed);
    rooms.rotator->fill(record);
    rooms.registry->update_own_host(std::move(record));
  }

  [[nodiscard]] bool joined() const { return rooms.registry->snapshot()->hosts.size() > 1; }

  void give_up_joining() {
    if (on_fatal && !joined()) on_fatal("this host was refused by the cluster: " + refusal);
  }

  void leave(std::function<void(Result<void>)> done) {
    if (leaving) return done(Error("this host is leaving already", kTaken));
    leaving = std::move(done);
    rooms.write(plan_withdrawal(*rooms.registry->snapshot()), [this](const Result<void>& written) {
      if (!written) log::error("agent", "withdrawing machines: {}", written.error().message);
      withdrawal.arm_after(kWithdrawal);
    });
  }

  void tell_that_it_leaves() {
    rooms.registry->leave([this] {
      log::info("agent", "this host has left the cluster; starting the agent brings it back");
      leaving({});  // the reply is in the client's socket when the next task runs
      rooms.control.post([this] {
        if (on_left) on_left();
      });
    });
  }

  void on_snapshot(const SnapshotPtr& snapshot) {
    auto alive = std::any_of(
        snapshot->hosts.begin(), snapshot->hosts.end(),
        [&](const auto& entry) { return entry.first != snapshot->self && entry.second.usable(); });
    bool alone = snapshot->hosts.size() == 1 && options.identity.seeds.empty();
    rooms.knock->set_connected(alive || alone);
    rooms.hand_out(snapshot);
    api.publish(snapshot);
    start_gate.on_snapshot(snapshot);
    monotonic_now() < next_paced ? paced.arm_at(next_paced) : hand_out_paced();
  }

  void hand_out_paced() {
    if (stopped) return;
    next_paced = monotonic_now() + kPaced;
    const SnapshotPtr snapshot = rooms.registry->snapshot();
    rooms.hand_out_paced(snapshot);
    interest.on_snapshot(*snapshot);
  }

  Result<void> start() {
    std::error_code failed;
    std::filesystem::create_directories(options.config.run_dir, failed);
    if (failed)
      return Error("run folder " + options.config.run_dir + ": " + failed.message(),
                   failed.value());
    if (auto opened = rooms.registry->open(); !opened) return std::move(opened).within("registry");
    start_threads();
    if (auto ready = start_mesh_and_machines(); !ready) return ready;
    // Both serve from their first moment on: an agent that ends may hand over to this one.
    SnapshotPtr known = rooms.registry->snapshot();
    bool replaces =
        run_on(rooms.flycast_loop, [this] { return rooms.flycast->meet_predecessor(); });
    rooms.answered->set(known);
    auto dns = run_on(rooms.dns_loop, [this, replaces] { return rooms.dns->start(replaces); });
    if (!dns) return std::move(dns).within("dns");
    auto flycast = run_on(rooms.flycast_loop, [this, &known] {
      rooms.flycast->set_snapshot(known);
      return rooms.flycast->start();
    });
    if (!flycast) return std::move(flycast).within("flycast");
    interest.on_snapshot(*rooms.registry->snapshot());
    if (auto gossip = rooms.registry->start(); !gossip) return std::move(gossip).within("registry");
    if (auto knock = rooms.knock->start(); !knock) return std::move(knock).within("knock");
    rooms.registry->on_snapshot([this](const SnapshotPtr& snapshot) { on_snapshot(snapshot); });
    contacts.start();
    trust.look();
    rooms.machine_loop.post([this] { rooms.machines->resume(); });
    lost_machines.start();
    rooms.rotator->resume();
    return admin->start();
  }

  std::vector<EventLoop*> loops() {
    return {&rooms.mesh_loop, &rooms.machine_loop, &rooms.dns_loop, &rooms.flycast_loop};
  }

  void start_threads() {
    for (EventLoop* loop : loops()) loop->start_thread();
    threads_run = true;
  }

  Result<void> start_mesh_and_machines() {
    auto machines = run_on(rooms.machine_loop, [this] { return rooms.machines->load(); });
    if (!machines) return std::move(machines).error().within("machines");
    auto attachments = run_on(rooms.machine_loop, [this] { return rooms.machines->attachments(); });
    auto mesh = run_on(rooms.mesh_loop, [this, &attachments] {
      auto started = rooms.mesh->start();
      if (started) rooms.mesh->set_attachments(std::move(attachments));
      rooms.backend = rooms.mesh->backend();
      return started;
    });
    return std::move(mesh).within("mesh");
  }

  // In reverse order of start; each room is destroyed on its own loop, then the loop ends.
  void stop() {
    stop_what_one_agent_holds(/*flycast_too=*/true);
    stop_dns();
    if (rooms.flycast) end(rooms.flycast_loop, [this] { rooms.flycast.reset(); });
  }

  // What the state folder belongs to, and the admin socket: of which there is one per host.
  void stop_what_one_agent_holds(bool flycast_too) {
    if (std::exchange(stopped, true)) return;
    admin.reset();
    rooms.registry->stop();
    rooms.knock.reset();
    end(rooms.machine_loop, [this] { rooms.machines.reset(); });
    if (flycast_too) {
      end(rooms.flycast_loop, [this] { rooms.flycast.reset(); });
      stop_dns();
    }
    end(rooms.mesh_loop, [this] { rooms.mesh.reset(); });
    rooms.registry.reset();
  }

  void stop_dns() {
    if (rooms.dns) end(rooms.dns_loop, [this] { rooms.dns.reset(); });
  }

  void depart(EventLoop& waiting, std::function<void()> on_done) {
    run_on(rooms.flycast_loop, [&] {
      rooms.flycast->depart({[this, &waiting] { waiting.post([this] { stop_dns(); }); },
                             [&waiting, on_done] { waiting.post(on_done); }});
    });
    stop_what_one_agent_holds(/*flycast_too=*/false);
  }

  template <class Task>
  void end(EventLoop& loop, Task destroy_room) {
    if (threads_run) {
      run_on(loop, [&] { destroy_room(); });
      loop.stop();
      loop.join();
    } else {
      destroy_room();
    }
  }

  AgentOptions options;
  Rooms rooms;
  AdminApi api;
  std::unique_ptr<AdminServer> admin;
  Contacts contacts;
  TrustWatch trust;
  InterestWatch interest;
  LostMachines lost_machines;
  StartGate start_gate;
  LoopTimer patience;
  LoopTimer withdrawal;
  LoopTimer paced;
  Instant next_paced{};
  std::function<void(Result<void>)> leaving;  // whom to tell; empty unless it leaves
  std::string refusal;
  std::function<void(const std::string&)> on_fatal;
  std::function<void()> on_left;
  bool threads_run = false;
  bool stopped = false;
};

Agent::Agent(EventLoop& control, AgentOptions options)
    : impl_(std::make_unique<Impl>(control, std::move(options))) {}

Agent::~Agent() {
  stop();
}

Result<void> Agent::start() {
  return impl_->start();
}

void Agent::stop() {
  impl_->stop();
}

void Agent::depart(EventLoop& waiting, std::function<void()> on_done) {
  impl_->depart(waiting, std::move(on_done));
}

std::vector<Watched> Agent::loops() {
  auto rooms = impl_->loops();
  auto answering = run_on(impl_->rooms.dns_loop, [this] { return impl_->rooms.dns->loops(); });
  auto proxies =
      run_on(impl_->rooms.flycast_loop, [this] { return impl_->rooms.flycast->loops(); });
  auto relays =
      run_on(impl_->rooms.flycast_loop, [this] { return impl_->rooms.flycast->relay_loops(); });
  std::vector<Watched> loops(rooms.begin(), rooms.end());
  loops.insert(loops.end(), answering.begin(), answering.end());
  loops.insert(loops.end(), proxies.begin(), proxies.end());
  for (flycast::RelayLoop* relay : relays)
    loops.emplace_back(relay->name(),
                       [relay](std::function<void()> task) { relay->post(std::move(task)); });
  return loops;
}

void Agent::on_left(std::function<void()> callback) {
  impl_->on_left = std::move(callback);
}

void Agent::on_fatal(std::function<void(const std::string&)> callback) {
  impl_->on_fatal = std::move(callback);
}

}  // namespace sixpn::agent
