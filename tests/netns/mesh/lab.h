// The lab of the mesh tests: hosts as namespaces on one simulated network (192.0.2.0/24), each with
// a real MeshService on a loop inside it and real WireGuard; machines as namespaces attached to
// them. Snapshots are made by hand from what the lab holds.
//
// Interface names carry the process id, as the control sockets of wireguard-go are shared by all
// namespaces. What a killed run left is removed by the next one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "mesh/core/firewall_json.h"
#include "mesh/io/mesh_service.h"
#include "registry/core/address.h"
#include "tests/netns/mesh/netns.h"

namespace sixpn::mesh {

class LabHost;

struct LabMachine {
  MachineRecord record;
  NetNs netns;
  [[nodiscard]] const Ip6& address() const { return record.address; }
};

// A device of somebody's: its own namespace on the network, with plain WireGuard to its gateway.
struct LabPeer {
  LabPeer(int number, const NetNs& wire);
  ~LabPeer();
  // As wg-quick does it with the configuration that `sixpn peer create` prints.
  void connect(const LabHost& gateway);
  // It goes on from another address of the network.
  void roam();
  [[nodiscard]] const Ip6& address() const { return record.address; }

  int number;
  std::string interface;
  Secret key;
  PeerRecord record;
  NetNs netns;
};

class LabHost {
 public:
  LabHost(int number, const NetNs& wire);
  ~LabHost();  // stops the service and takes everything out of the kernel

  void start();  // makes the service; throws when it does not start
  void stop();   // destroys it: the kernel's state stays
  // Runs a task on the service's loop.
  void on_loop(const std::function<void()>& task);

  Result<void> attach(const LabMachine& machine);
  Result<void> detach(MachineId machine);
  std::vector<PeerReport> report();
  std::vector<GatewayReport> report_gateway();
  Result<MeshPlan> plan();
  // Packets dropped so far, by the firewall's counter.
  std::uint64_t dropped(const std::string& counter) const;

  HostId id;
  std::string interface;
  std::string underlay_interface;
  NetNs netns;
  HostRecord record;
  std::vector<Attachment> attachments;
  MeshOptions options;
  std::unique_ptr<MeshService> service;

 private:
  Result<void> call(const std::function<void(MeshService::Done)>& start);
  std::unique_ptr<EventLoop> loop_;
};

class Lab {
 public:
  explicit Lab(int hosts);

  LabHost& host(int number) { return *hosts_.at(static_cast<std::size_t>(number - 1)); }
  // A machine on a host: made, attached, and told to all hosts. Throws when it cannot be attached.
  LabMachine& add_machine(int host, NetworkId network);
  // A device behind a host, told to all hosts; it has not connected.
  LabPeer& add_peer(int host, NetworkId network);
  // As when its record is removed; the device goes on trying.
  void forget(const LabPeer& peer);
  // A Flycast address of the network, number `counter`, of an app with these TCP ports.
  void set_flycast(NetworkId network, std::uint16_t counter, std::vector<ServicePort> ports);
  // Gives every running host the lab as it is now.
  void publish();
  [[nodiscard]] SnapshotPtr snapshot_for(HostId self) const;
  void set_status(int host, HostStatus status) { statuses_[this->host(host).id] = status; }
  [[nodiscard]] const NetNs& wire() const { return wire_; }

 private:
  NetNs wire_;
  std::vector<std::unique_ptr<LabMachine>> machines_;  // outlive the hosts they are attached to
  std::vector<std::unique_ptr<LabHost>> hosts_;
  std::vector<std::unique_ptr<LabPeer>> peers_;
  std::set<std::string> forgotten_;  // their names
  std::map<HostId, HostStatus> statuses_;
  std::map<std::pair<NetworkId, std::uint16_t>, std::vector<ServicePort>> flycast_;
  std::uint32_t next_field_ = 0x20000;
};

// Asks until it holds or the time is over.
bool eventually(const std::function<bool()>& condition, Duration limit = std::chrono::seconds(30));

}  // namespace sixpn::mesh
