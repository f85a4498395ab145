// Rooms: the running rooms and their loops, as the admin API reaches them. Owned by Agent. What is
// on a loop other than control is only touched by a task posted there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/notices.h"
#include "agent/json_views.h"
#include "agent/key_rotator.h"
#include "base/io/event_loop.h"
#include "dns/io/dns_service.h"
#include "flycast/io/flycast_service.h"
#include "machine/io/machine_service.h"
#include "mesh/io/identity_store.h"
#include "mesh/io/knock_service.h"
#include "mesh/io/mesh_service.h"
#include "registry/io/registry_service.h"

namespace sixpn::agent {

struct Rooms {
  EventLoop& control;
  EventLoop mesh_loop{"sixpn-mesh"};
  EventLoop machine_loop{"sixpn-machine"};
  EventLoop dns_loop{"sixpn-dns"};
  EventLoop flycast_loop{"sixpn-flycast"};

  mesh::Identity identity;
  std::unique_ptr<registry::RegistryService> registry;  // control
  std::unique_ptr<mesh::KnockService> knock;            // control
  std::unique_ptr<KeyRotator> rotator;                  // control
  std::unique_ptr<mesh::MeshService> mesh;
  std::unique_ptr<machine::MachineService> machines;
  std::unique_ptr<dns::DnsService> dns;
  std::shared_ptr<dns::SnapshotBox> answered;  // from which the resolver answers
  std::unique_ptr<flycast::FlycastService> flycast;
  std::string backend;  // of WireGuard; set once at start
  std::string tls_key;  // of this host, as HostRecord says it; set once at start
  // [wireguard] interface, [dns] host_network and forward_rules: for the command line, set once at
  // start.
  std::string interface;
  // What peers' devices are told of this host.
  struct Gateway {
    PublicKey public_key{};
    std::uint16_t port = 0;
    int mtu = 0;
  } gateway;
  std::string host_network;
  dns::ForwardRules forward_rules;
  // Leaves the cluster; `done` once the others were told, then the agent ends. Set by Agent.
  std::function<void(std::function<void(Result<void>)> done)> leave;

  Rooms(EventLoop& control_loop, mesh::Identity who)
      : control(control_loop), identity(std::move(who)) {}

  // Writes to the registry; `done` on the control loop, after every room on this host was handed
  // the snapshot that holds the writes, the firewall lets through the Flycast ports that they open,
  // peers' devices may call or not, and the resolver answers from it.
  void write(std::vector<registry::LocalWrite> writes, std::function<void(Result<void>)> done);
  // Hands a snapshot to the resolver, which answers from it from then on, and to the knock. Control
  // loop.
  void hand_out(const SnapshotPtr& snapshot);
  // And to the other rooms: each wakes a thread for it, which is too much for every one of many.
  void hand_out_paced(const SnapshotPtr& snapshot);

  // What the proxy asks of the other rooms: machines are started and stopped by the
  // machine room.
  [[nodiscard]] flycast::FlycastCallbacks flycast_callbacks();

  // What an operator should know about trust now, for status and the log.
  [[nodiscard]] std::vector<Notice> notices() const;
  [[nodiscard]] std::string why_no_tls(const AppRecord& app) const;
  // Gathers from other loops; `done` on the control loop.
  void list_machines(std::function<void(std::vector<machine::LocalMachine>)> done);
  void report_uses(std::function<void(machine::MachineUses)> done);
  void report_mesh(std::function<void(MeshFacts)> done);
  // Of peers that are connected to this host, or were.
  void report_gateway(std::function<void(std::vector<mesh::GatewayReport>)> done);
  void report_devices(std::function<void(mesh::CountersByDevice)> done);
  void report_dns(std::function<void(dns::Stats)> done);
  // What the host's own resolver says of a foreign name, within its deadline.
  void ask_foreign(dns::ForeignQuestion question,
                   std::function<void(const dns::ForeignReply&)> done);
  void read_meters(std::function<void(flycast::FlycastStats, flycast::MeterReadings)> done);
  // What the kernel hands to machines by itself.
  void report_kernel_services(std::function<void(KernelServices)> done);
  void report_flycast(std::function<void(flycast::FlycastStatus)> done);
  void explain_flycast(
      NetworkId home, const std::string& app, std::uint16_t external_port,
      std::function<void(std::variant<flycast::Explanation, flycast::LookupFailure>)> done);

 private:
  // Machine loop. What cannot be suspended is stopped, as with Fly.
  void put_to_sleep(MachineId id, AutoStop how, const std::function<void(Result<void>)>& done);
};

LocalFactsById facts_by_id(const std::vector<machine::LocalMachine>& machines);

}  // namespace sixpn::agent
