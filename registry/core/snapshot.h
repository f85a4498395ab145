// Snapshot: the registry as every consumer sees it. Immutable, shared by pointer between loops; a
// change in one network does not rebuild the others. Built by registry/core/snapshot_builder.h.
//
// Lookups are by sorted containers so that iteration order is the same on every host.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/block_map.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/shared_map.h"
#include "base/time.h"
#include "registry/core/record.h"
#include "registry/core/selection.h"

namespace sixpn {

// What this host believes of another. Only `down` and `left` take a host's machines out of answers.
enum class HostStatus : std::uint8_t { kAlive = 1, kSuspected, kDown, kLeft };
std::string_view to_string(HostStatus status);

struct HostView {
  HostRecord record;
  HostStatus status = HostStatus::kAlive;
  // Smoothed round trip from this host, measured by membership probes; nothing before the first
  // answer, zero for the host itself.
  std::optional<Duration> round_trip;
  std::optional<WallTime> valid_until;  // of its certificate, renewals counted; nothing: for ever
  [[nodiscard]] bool usable() const {
    return status == HostStatus::kAlive || status == HostStatus::kSuspected;
  }
};

// A host that this one does not deal with, though it holds a certificate.
struct ShutOut {
  HostRecord record;
  bool revoked = false;                 // else its certificate is past its grace (validity.h)
  std::optional<WallTime> valid_until;  // as HostView's
};

using RenewalPtr = std::shared_ptr<const RenewalRecord>;
using TlsGrantPtr = std::shared_ptr<const TlsGrantRecord>;
using MachinePtr = std::shared_ptr<const MachineRecord>;

// Shared between the views of one network: an app whose record and machines have not changed is the
// same object, so that what is derived from it can be kept.
struct AppView {
  AppRecord app;
  std::vector<MachinePtr> machines;  // every state, by id
};
using AppPtr = std::shared_ptr<const AppView>;

// Which apps of a network are not the same object any more, lately: so that who keeps something
// derived from apps needs not look at all of them after each change.
struct AppChanges {
  static constexpr std::size_t kMost = 128;
  struct Change {
    std::uint64_t generation = 0;
    std::string app;
  };
  // Every change after this generation is in `changes`, oldest first. Without more being said: any
  // app may have changed at any time.
  std::uint64_t since = std::numeric_limits<std::uint64_t>::max();
  std::vector<Change> changes;

  void add(std::uint64_t generation, std::string app);
};

// Copies share what was not edited: a change copies little of a large network.
struct NetworkView {
  NetworkRecord network;
  std::uint64_t generation = 0;  // of the last change inside this network
  AppChanges changed_apps;
  BlockMap<std::string, AppPtr> apps;
  BlockMap<MachineId, MachinePtr> machines;
  BlockMap<Ip6, MachinePtr> machines_by_address;
  SharedMap<std::map<std::string, PeerRecord>> peers;
  SharedMap<std::map<Ip6, FlycastRecord>> flycast;  // addresses that this network may dial
};

struct Snapshot {
  std::uint64_t generation = 0;  // rises with every published snapshot of this process
  HostId self;
  bool synced = false;  // false until the first sync (of machines: see `held`) or a read disk state
  // What is not of one network; shared with the snapshot before while nothing of it changes.
  SharedMap<std::map<HostId, HostView>> hosts;    // self included, unless revoked
  SharedMap<std::map<HostId, ShutOut>> shut_out;  // never in `hosts` too
  SharedMap<std::map<std::string, OrgRecord>> orgs;
  BlockMap<NetworkId, std::shared_ptr<const NetworkView>> networks;
  SharedMap<std::map<HostId, RevocationRecord>> revocations;
  SharedMap<std::map<HostId, RenewalPtr>> renewals;
  SharedMap<std::map<HostId, InterestRecord>>
      interests;  // of hosts in `hosts`; who has none holds all
  // By the key's id; what of them counts says tls_authority.h.
  SharedMap<std::map<std::string, TlsGrantPtr>> tls_grants;
  // Of which networks all machines are here. Others show what happens to be here: nobody may take
  // that for the whole.
  registry::Selection held;
  std::chrono::milliseconds certificate_grace{};

  [[nodiscard]] bool holds(NetworkId id) const { return held.contains(id); }
  [[nodiscard]] const NetworkView* find_network(NetworkId id) const;
  [[nodiscard]] const NetworkView* find_network(const std::string& org,
                                                const std::string& name) const;
  [[nodiscard]] const HostView* find_host(HostId id) const;
  [[nodiscard]] const HostView* find_host(const std::string& name) const;
  // Started, and its host alive or merely suspected: the machines that names and balancing may use.
  [[nodiscard]] bool is_serving(const MachineRecord& machine) const;
  // Round trip to the machine's host; nothing when not measured yet.
  [[nodiscard]] std::optional<Duration> round_trip_to(HostId host) const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace sixpn
