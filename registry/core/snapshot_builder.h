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
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "registry/core/host_trust.h"
#include "registry/core/membership.h"
#include "registry/core/snapshot.h"
#include "registry/core/store.h"

namespace sixpn::registry {

// How well claims of network ids prove them (network_id.h): hashes, that many claims of one host
// would make dear. By id, org and name.
using NetworkProofs = std::map<std::tuple<NetworkId, std::string, std::string>, unsigned>;

class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(HostId self, std::chrono::milliseconds grace = kCertificateGrace)
      : self_(self), grace_(grace) {}

  // These networks, and these machines of others, are to be looked at by the next build().
  void touch(const Changes& changes);
  void set_held(Selection held) { last_.held = std::move(held); }  // for Snapshot::held
  SnapshotPtr build(const Store& store, const Membership& membership, bool synced, WallTime now);

 private:
  void judge(const Store& store, WallTime now);
  void update_machines(const Store& store);
  void update_networks(const Store& store);
  void update_shared(const Store& store, const Membership& membership);

  static constexpr std::size_t kMaxProofs = 16'384;

  HostId self_;
  std::chrono::milliseconds grace_;
  // As of the last build. Its hosts, orgs and the like are those of the next one while neither the
  // store nor membership says that they changed, nor time alone changes whom to trust.
  Snapshot last_;
  HostTrust trust_;
  WallTime judged_{};
  std::uint64_t records_of_hosts_ = 0;  // Store's
  std::uint64_t members_ = 0;           // Membership's revision
  bool shared_is_current_ = false;
  NetworkProofs proofs_;
  std::set<NetworkId> touched_;
  std::map<NetworkId, std::set<MachineId>> touched_machines_;  // of networks not in `touched_`
};

}  // namespace sixpn::registry
