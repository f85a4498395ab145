// TestCluster: snapshots for tests of Flycast, one line per record. Host n is named h<n>; app "web"
// of org "acme" in network kNetwork listens on external port 80, internal 8080, and has Flycast
// address kFlycast.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "registry/core/address.h"
#include "registry/core/snapshot.h"
#include "tests/unit/edit_app.h"

namespace sixpn::flycast {

inline constexpr NetworkId kNetwork{0x1a2b3c4d};
inline constexpr NetworkId kOtherNetwork{0x0badcafe};
inline const Ip6 kFlycast = flycast_address(kNetwork, 1);
inline const IpEndpoint kDialled{kFlycast, 80};

constexpr HostId host(std::uint32_t n) {
  return HostId{0x10000 + n};
}

struct TestCluster {
  std::map<HostId, HostView> hosts;
  AppRecord app = default_app();
  std::vector<AppRecord> other_apps;
  std::map<MachineId, MachineRecord> machines;  // of every network; `app` says whose
  std::vector<FlycastRecord> flycast = {{kFlycast, "web", kNetwork, ""}};
  std::vector<PeerRecord> peers;
  std::set<HostId> revoked;
  std::map<std::string, TlsGrantPtr> tls_grants;
  bool synced = true;
  registry::Selection held;

  static AppRecord default_app() {
    Service service;
    service.ports.push_back({80, 80, {}, false});
    return {"web", "acme", kNetwork, "iad", {service}};
  }

  // The app's service is one of HTTP, whose limits count that.
  void speak_http(ConcurrencyType counted = ConcurrencyType::kConnections) {
    app.services[0].ports[0].handlers = {"http"};
    app.services[0].concurrency = counted;
  }

  HostView& add_host(std::uint32_t n, const std::string& region, Duration round_trip) {
    HostView view;
    view.record.id = host(n);
    view.record.name = "h" + std::to_string(n);
    view.record.region = region;
    view.round_trip = round_trip;
    return hosts[host(n)] = view;
  }

  // Machine number `id` of `app`, started, on host n.
  MachineRecord& add_machine(std::uint32_t id, std::uint32_t n, const std::string& of = "web",
                             NetworkId network = kNetwork) {
    MachineRecord machine;
    machine.id = MachineId{id};
    machine.host = host(n);
    machine.network = network;
    machine.app = of;
    machine.group = "app";
    machine.region = hosts.at(host(n)).record.region;
    machine.address = machine_address(network, host(n), kFirstMachineField + id);
    machine.state = MachineState::kStarted;
    return machines[machine.id] = machine;
  }

  [[nodiscard]] SnapshotPtr snapshot(std::uint32_t self) const {
    auto made = std::make_shared<Snapshot>();
    made->generation = 1;
    made->self = host(self);
    made->synced = synced;
    made->held = held;
    made->hosts = hosts;
    made->tls_grants = tls_grants;
    for (HostId gone : revoked) made->revocations[gone] = {gone, ""};
    for (NetworkId id : {kNetwork, kOtherNetwork}) made->networks[id] = network(id);
    return made;
  }

 private:
  [[nodiscard]] std::shared_ptr<const NetworkView> network(NetworkId id) const {
    auto view = std::make_shared<NetworkView>();
    view->network = {id, "acme", id == kNetwork ? "default" : "other"};
    if (id == app.network) edit_app(*view, "web").app = app;
    for (const AppRecord& other : other_apps)
      if (id == other.network) edit_app(*view, other.name).app = other;
    for (const auto& [machine_id, machine] : machines) {
      if (machine.network != id) continue;
      auto shared = std::make_shared<const MachineRecord>(machine);
      view->machines[machine_id] = shared;
      view->machines_by_address[machine.address] = shared;
      if (machine.app == app.name && id == app.network)
        edit_app(*view, "web").machines.push_back(shared);
      for (const AppRecord& other : other_apps)
        if (machine.app == other.name && id == other.network)
          edit_app(*view, other.name).machines.push_back(shared);
    }
    for (const PeerRecord& peer : peers)
      if (peer.network == id) view->peers[peer.name] = peer;
    for (const FlycastRecord& record : flycast)
      if (network_of(record.address) == id) view->flycast[record.address] = record;
    return view;
  }
};

}  // namespace sixpn::flycast
