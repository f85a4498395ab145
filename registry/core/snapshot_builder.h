// SnapshotBuilder: store and membership to the immutable Snapshot that consumers read. Rebuilds
// only the networks that changed; the others are shared with the snapshot before. Where only some
// machines changed, the view before is copied and these are put in their places. Control loop only.
//
// Here it is decided which of several claims stands, from records alone, so that every host decides
// the same (decisions/0010, 0026): a network id belongs to the org that it is the hash of, else to
// the one that claimed it first; apps, machines and peers count only under that org; a machine only
// on a host that may serve it, in that host's region, and under an id or address of another only
// while nobody is there; a Flycast address for the org that may dial it before others. Records of
// hosts that are shut out, about themselves, are left out.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "registry/core/host_trust.h"
#include "registry/core/membership.h"
#include "registry/core/snapshot.h"
#include "registry/core/store.h"

namespace sixpn::registry {

class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(HostId self, std::chrono::milliseconds grace = kCertificateGrace)
      : self_(self), grace_(grace) {}

  // These networks, and these machines of others, are to be looked at by the next build().
  void touch(const Changes& changes);
  void set_held(Selection held) { held_ = std::move(held); }  // for Snapshot::held
  SnapshotPtr build(const Store& store, const Membership& membership, bool synced, WallTime now);

 private:
  void update_machines(const Store& store, const HostTrust& trust);

  HostId self_;
  std::chrono::milliseconds grace_;
  std::set<HostId> shut_out_;  // of the last build: their machines are in no view
  Selection held_;
  std::uint64_t generation_ = 0;
  std::set<NetworkId> touched_;
  std::map<NetworkId, std::set<MachineId>> touched_machines_;  // of networks not in `touched_`
  std::map<NetworkId, std::shared_ptr<const NetworkView>> networks_;
};

}  // namespace sixpn::registry
