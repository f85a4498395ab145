// What changed from one snapshot to a later one, by key: what a watcher is told
// (agent/watch_feed.h). Derived from snapshots and not from the store, so that a watcher sees what
// DNS answers from, the status of hosts included. Pure; networks that two snapshots share cost one
// comparison of pointers.
//
// Round trips are left out: they change all the time, and are this host's own measure.
#pragma once

#include <functional>
#include <variant>

#include "registry/core/snapshot.h"

namespace sixpn {

// Points into the snapshots that were compared.
using WatchedRef = std::variant<std::monostate, const HostView*, const OrgRecord*,
                                const NetworkRecord*, const AppRecord*, const MachineRecord*,
                                const PeerRecord*, const FlycastRecord*, const RevocationRecord*>;

struct SnapshotChange {
  RecordKey key;      // as the record's, but of a machine see watched_machine_key()
  NetworkId network;  // that it is part of; 0: of none
  WatchedRef before;  // std::monostate: it is new
  WatchedRef after;   // std::monostate: it is gone
};
using ChangeSink = std::function<void(const SnapshotChange&)>;

// "<network id>/<machine id>": two networks may each hold a claim to one machine id.
RecordKey watched_machine_key(NetworkId network, MachineId id);

// Machines of a network that a snapshot does not hold are not compared: what a host lets go of is
// not gone. Where it holds a network anew, all its machines are changes.
//
// Calls `sink` for each change: hosts, orgs, revocations, then network by network (by id) the
// network itself, its apps, peers, Flycast addresses and machines, each by key. The same order on
// every host.
void diff(const Snapshot& before, const Snapshot& after, const ChangeSink& sink);

// The parts of diff(), for a caller that lists a snapshot piece by piece. `before` or `after` may
// be null.
void diff_shared(const Snapshot& before, const Snapshot& after, const ChangeSink& sink);
enum class Machines : std::uint8_t { kCompare, kAllNew, kNotTold };
void diff_network(const NetworkView* before, const NetworkView* after, const ChangeSink& sink,
                  Machines machines = Machines::kCompare);

}  // namespace sixpn
