// The steps of a mesh plan: small typed changes of kernel state, each printable as one line. Every
// step is harmless when it is already done. Applying them is mesh/io's work; what each does to an
// observed state is apply_step (observed.h).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mesh/core/firewall.h"
#include "mesh/core/service_map.h"
#include "mesh/core/state.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {

struct SetSysctl {
  std::string key;  // path below /proc/sys
  std::string value;
  friend bool operator==(const SetSysctl&, const SetSysctl&) = default;
};

// Replaces the whole table in one transaction.
struct ReplaceFirewall {
  Firewall firewall;
  friend bool operator==(const ReplaceFirewall&, const ReplaceFirewall&) = default;
};

// Changes elements of sets in one transaction.
struct UpdateFirewall {
  std::vector<SetElement> add;
  std::vector<SetElement> remove;
  friend bool operator==(const UpdateFirewall&, const UpdateFirewall&) = default;
};

// Replaces the service map in one transaction, or removes it. Connections to machines that do not
// run any more are forgotten.
struct SetServiceMap {
  ServiceMap map;
  friend bool operator==(const SetServiceMap&, const SetServiceMap&) = default;
};

struct CreateDevice {
  std::string name;
  Plane plane = Plane::kMain;
  friend bool operator==(const CreateDevice&, const CreateDevice&) = default;
};

// Sets only what differs: setting a private key expires sessions. The key is never printed.
struct ConfigureDevice {
  std::optional<Secret> private_key;
  std::optional<PublicKey> public_key;  // of private_key
  std::optional<std::uint16_t> listen_port;
  Plane plane = Plane::kMain;
  friend bool operator==(const ConfigureDevice&, const ConfigureDevice&) = default;
};

// MTU, and up.
struct SetDeviceLink {
  std::string name;
  int mtu = 0;
  Plane plane = Plane::kMain;
  friend bool operator==(const SetDeviceLink&, const SetDeviceLink&) = default;
};

// A device with all that hangs on it; the main one is never deleted.
struct DeleteDevice {
  std::string name;
  Plane plane = Plane::kSpare;
  friend bool operator==(const DeleteDevice&, const DeleteDevice&) = default;
};

// One WireGuard peer: made, or changed in place. Never removed and added again, except when the
// device's own key changes, which ends every session anyway.
struct SetPeer {
  PublicKey key{};
  HostId host;
  bool create = false;
  std::optional<IpEndpoint> endpoint;
  std::optional<std::uint16_t> keepalive;
  std::vector<Prefix6> allowed;  // to add; or all, when replace_allowed
  bool replace_allowed = false;  // only when something must be taken away
  Plane plane = Plane::kMain;
  friend bool operator==(const SetPeer&, const SetPeer&) = default;
};

struct RemovePeer {
  PublicKey key{};
  Plane plane = Plane::kMain;
  friend bool operator==(const RemovePeer&, const RemovePeer&) = default;
};

struct CreateVeth {
  Veth veth;
  friend bool operator==(const CreateVeth&, const CreateVeth&) = default;
};
struct ConfigureVeth {
  Veth veth;
  friend bool operator==(const ConfigureVeth&, const ConfigureVeth&) = default;
};
struct DeleteVeth {
  std::string name;
  friend bool operator==(const DeleteVeth&, const DeleteVeth&) = default;
};

struct AddAddress {
  InterfaceAddress address;
  friend bool operator==(const AddAddress&, const AddAddress&) = default;
};
struct RemoveAddress {
  InterfaceAddress address;
  friend bool operator==(const RemoveAddress&, const RemoveAddress&) = default;
};
struct AddRoute {
  Route route;
  friend bool operator==(const AddRoute&, const AddRoute&) = default;
};
struct RemoveRoute {
  Route route;
  friend bool operator==(const RemoveRoute&, const RemoveRoute&) = default;
};
struct AddRule {
  Rule rule;
  friend bool operator==(const AddRule&, const AddRule&) = default;
};
struct RemoveRule {
  Rule rule;
  friend bool operator==(const RemoveRule&, const RemoveRule&) = default;
};

using MeshStep = std::variant<SetSysctl, ReplaceFirewall, UpdateFirewall, CreateDevice,
                              ConfigureDevice, SetDeviceLink, DeleteDevice, SetPeer, RemovePeer,
                              CreateVeth, ConfigureVeth, DeleteVeth, AddAddress, RemoveAddress,
                              AddRoute, RemoveRoute, AddRule, RemoveRule, SetServiceMap>;

std::string to_string(const MeshStep& step);

// The veth that a step belongs to ("" for none): whose attachment fails when the step fails.
std::string veth_of(const MeshStep& step);

}  // namespace sixpn::mesh
