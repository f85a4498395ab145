// Hand-made and random snapshots, attachments and observations for the mesh tests.
#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "mesh/core/desired.h"
#include "mesh/core/observed.h"
#include "mesh/core/plan.h"
#include "registry/core/address.h"
#include "registry/core/attachment.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

inline constexpr HostId kSelf{0x10001};

inline PublicKey key_of_host(HostId host, std::uint8_t rotation = 0) {
  PublicKey key{};
  for (int i = 0; i < 4; ++i) key[i] = static_cast<std::uint8_t>(host.value >> (24 - 8 * i));
  key[30] = rotation;
  key[31] = 0x77;
  return key;
}

inline MeshOptions sample_options() {
  MeshOptions options{.private_key = *Secret::from_bytes(std::string(32, '\x42'))};
  options.gateway = {*Secret::from_bytes(std::string(32, '\x33')), 51823};
  return options;
}

inline PublicKey key_of_peer(std::uint8_t number) {
  PublicKey key{};
  key[0] = number;
  key[31] = 0x99;
  return key;
}

inline PublicKey spare_key_of_host(HostId host) {
  PublicKey key = key_of_host(host);
  key[29] = 0x55;
  return key;
}

inline MeshOptions spare_options(Rotation rotation = Rotation::kNone) {
  MeshOptions options = sample_options();
  options.spare = {*Secret::from_bytes(std::string(32, '\x24')), 51822};
  options.rotation = rotation;
  return options;
}

// Builds a snapshot step by step.
class SnapshotBuilder {
 public:
  SnapshotBuilder() {
    snapshot_.self = kSelf;
    snapshot_.synced = true;
    host(kSelf);
  }

  SnapshotBuilder& host(HostId id, HostStatus status = HostStatus::kAlive,
                        std::vector<IpEndpoint> endpoints = {}, std::uint8_t rotation = 0) {
    HostView& view = snapshot_.hosts[id];
    view.record.id = id;
    view.record.wireguard_key = key_of_host(id, rotation);
    view.record.endpoints = std::move(endpoints);
    view.status = status;
    return *this;
  }

  // A host with a spare device, and where its rotation is.
  SnapshotBuilder& rotating(HostId id, Rotation rotation) {
    HostRecord& record = snapshot_.hosts[id].record;
    record.spare_key = spare_key_of_host(id);
    record.spare_port = 51822;
    record.rotation = rotation;
    return *this;
  }

  SnapshotBuilder& machine(std::uint64_t id, NetworkId network, HostId lives, HostId born,
                           std::uint32_t field, MachineState state = MachineState::kStarted) {
    auto record = std::make_shared<MachineRecord>();
    record->id = MachineId{id};
    record->host = lives;
    record->network = network;
    record->address = machine_address(network, born, field);
    record->state = state;
    NetworkView& view = networks_[network];
    view.network.id = network;
    view.machines[record->id] = record;
    return *this;
  }

  // An address that `network` may dial, of an app of `home`, with TCP services on these ports.
  SnapshotBuilder& flycast(NetworkId network, std::uint16_t counter, NetworkId home,
                           const std::string& app, const std::vector<ServicePort>& ports) {
    auto view = std::make_shared<AppView>();
    view->app.name = app;
    view->app.network = home;
    view->app.services.push_back({.ports = ports});
    networks_[home].network.id = home;
    networks_[home].apps[app] = std::move(view);
    Ip6 address = flycast_address(network, counter);
    networks_[network].network.id = network;
    networks_[network].network.org = "acme";
    networks_[network].flycast[address] = {address, app, home, ""};
    return *this;
  }

  // Behind `gateway`, with that key.
  SnapshotBuilder& peer(NetworkId network, HostId gateway, std::uint8_t index, std::uint8_t key) {
    PeerRecord record{"peer" + std::to_string(index), network, gateway, key_of_peer(key),
                      peer_address(network, gateway, index)};
    return peer(record);
  }
  // As some host of its org might write it.
  SnapshotBuilder& peer(const PeerRecord& record) {
    networks_[record.network].network.id = record.network;
    networks_[record.network].peers[record.name] = record;
    return *this;
  }

  SnapshotBuilder& revoke(HostId id) {
    snapshot_.revocations[id] = {id, "statement"};
    return *this;
  }
  // A certificate for TLS of the org that all networks here are of.
  SnapshotBuilder& tls_grant(HostId host) {
    auto record = std::make_shared<TlsGrantRecord>(TlsGrantRecord{"acme", host, "statement"});
    snapshot_.tls_grants[tls_grant_key("acme", host).id] = record;
    return *this;
  }
  SnapshotBuilder& unsynced() {
    snapshot_.synced = false;
    return *this;
  }

  [[nodiscard]] Snapshot build() const {
    Snapshot out = snapshot_;
    for (const auto& [id, view] : networks_)
      out.networks[id] = std::make_shared<const NetworkView>(view);
    return out;
  }

 private:
  Snapshot snapshot_;
  std::map<NetworkId, NetworkView> networks_;
};

inline Attachment attachment(std::uint64_t id, NetworkId network, std::uint32_t field,
                             HostId born = kSelf) {
  return {MachineId{id}, network, machine_address(network, born, field),
          "/run/netns/" + to_string(MachineId{id})};
}

// What would be observed after everything of `desired` was done.
inline ObservedMesh realize(const DesiredMesh& desired) {
  ObservedMesh mesh;
  for (const auto& step : plan_mesh(desired, mesh).steps) apply_step(step, mesh);
  return mesh;
}

inline std::vector<ServicePort> random_ports(Rng& rng) {
  std::vector<ServicePort> ports;
  for (std::uint64_t n = rng.below(4); n > 0; --n) {
    auto first = static_cast<std::uint16_t>(1 + rng.below(20));
    ports.push_back({first, static_cast<std::uint16_t>(first + rng.below(3))});
  }
  return ports;
}

// A random small world; the same seed, the same world.
inline DesiredMesh random_desired(Rng& rng) {
  SnapshotBuilder world;
  auto random_host = [&] { return HostId{0x10001 + static_cast<std::uint32_t>(rng.below(6))}; };
  for (std::uint32_t i = 1; i < 6; ++i) {
    if (rng.chance(0.2)) continue;
    std::vector<IpEndpoint> endpoints;
    for (std::uint64_t n = rng.below(3); n > 0; --n)
      endpoints.push_back({Ip6::from_words({0x2001, 0xdb8, 0, 0, 0, 0, 0,
                                            static_cast<std::uint16_t>(1 + rng.below(9))}),
                           static_cast<std::uint16_t>(51820 + rng.below(2))});
    world.host(HostId{0x10001 + i}, static_cast<HostStatus>(1 + rng.below(4)), endpoints,
               static_cast<std::uint8_t>(rng.below(2)));
    if (rng.chance(0.7))
      world.rotating(HostId{0x10001 + i},
                     static_cast<Rotation>(rng.chance(0.6) ? 0 : 1 + rng.below(2)));
  }
  for (std::uint64_t id = 1; id <= 12; ++id)
    world.machine(id, NetworkId{1 + static_cast<std::uint32_t>(rng.below(3))}, random_host(),
                  random_host(), 0x10000 + static_cast<std::uint32_t>(rng.below(6)));
  for (std::uint16_t counter = 1; counter <= 6; ++counter)
    if (rng.chance(0.6))
      world.flycast(NetworkId{1 + static_cast<std::uint32_t>(rng.below(3))}, counter,
                    NetworkId{1 + static_cast<std::uint32_t>(rng.below(3))},
                    "app" + std::to_string(counter), random_ports(rng));
  for (std::uint8_t index = 0; index < 4; ++index)
    if (rng.chance(0.4))
      world.peer(NetworkId{1 + static_cast<std::uint32_t>(rng.below(3))},
                 rng.chance(0.6) ? kSelf : random_host(), index,
                 static_cast<std::uint8_t>(1 + rng.below(4)));
  std::vector<Attachment> attachments;
  for (std::uint32_t field = 0; field < 4; ++field)
    if (rng.chance(0.6))
      attachments.push_back(attachment(100 + field,
                                       NetworkId{1 + static_cast<std::uint32_t>(rng.below(3))},
                                       0x20000 + field, random_host()));
  if (rng.chance(0.2)) world.unsynced();
  MeshOptions options =
      rng.chance(0.8) ? spare_options(static_cast<Rotation>(rng.chance(0.7) ? 0 : 1 + rng.below(2)))
                      : sample_options();
  if (rng.chance(0.2)) options.private_key = *Secret::from_bytes(std::string(32, '\x43'));
  DesiredMesh desired = make_desired(world.build(), attachments, options);
  for (auto& [key, peer] : desired.main.peers)
    if (rng.chance(0.3) && !peer.candidates.empty()) peer.pinned = peer.candidates.back();
  std::set<HostId> on_spare;
  for (const auto& [host, target] : desired.links)
    if (rng.chance(0.5)) on_spare.insert(host);
  steer_links(on_spare, desired);
  return desired;
}

// A state that some other desired state left, with damage.
inline ObservedMesh random_observed(Rng& rng) {
  ObservedMesh mesh = realize(random_desired(rng));
  auto damage = [&](auto& container) {
    std::erase_if(container, [&](const auto&) { return rng.chance(0.3); });
  };
  damage(mesh.main.peers);
  damage(mesh.spare.peers);
  damage(mesh.gateway.peers);
  damage(mesh.addresses);
  damage(mesh.routes);
  damage(mesh.rules);
  damage(mesh.firewall.elements);
  if (rng.chance(0.2)) mesh.firewall = {};
  if (rng.chance(0.3)) mesh.sysctls.clear();
  for (auto& [name, veth] : mesh.veths) {
    if (rng.chance(0.2)) veth.configured = false;
    if (rng.chance(0.2)) veth.veth = {.name = name};
  }
  if (mesh.main.device && rng.chance(0.2)) mesh.main.device->up = false;
  if (mesh.main.device && rng.chance(0.2)) mesh.main.device->listen_port = 1;
  if (rng.chance(0.1)) apply_step(DeleteDevice{"sixpn-s"}, mesh);
  if (rng.chance(0.1)) apply_step(DeleteDevice{"sx-sixpn", Plane::kGateway}, mesh);
  if (rng.chance(0.1)) {
    mesh.main.device.reset();
    mesh.main.peers.clear();
    std::erase_if(mesh.addresses, [](const auto& a) { return a.interface == "sixpn"; });
    std::erase_if(mesh.routes, [](const auto& r) { return r.interface == "sixpn"; });
  }
  return mesh;
}

}  // namespace sixpn::mesh
