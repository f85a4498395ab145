// Holding: of which networks this host has all machines, and what has to be synced with whom before
// it may say so (decisions/0019). What it wants is its own interest record; what of that is
// "filling" there is not to be believed until one of these has been in step with it:
//   - a host that holds the network in full, or
//   - where nobody alive does, every living host that wants it: the owner of a machine always does.
//
// Not the sessions themselves (sync_session.h), not the choice of what is wanted (interest.h). A
// pure value; owned by Gossip, control loop only. Its tables are bounded by the networks and hosts
// there are.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"
#include "registry/core/selection.h"
#include "registry/core/store.h"

namespace sixpn::registry {

class Holding {
 public:
  // What this host wants now, and which networks there are.
  void follow(const InterestRecord* own, const std::vector<NetworkId>& networks);

  [[nodiscard]] bool is_filling() const { return rest_ || !fills_.empty(); }
  // This host holds the same as `peer` in everything that `compared` contains; `theirs` is what the
  // peer says, and has said all the while.
  void on_equal(HostId peer, const InterestRecord* theirs, const Selection& compared);
  // Ends what nobody alive could add to. `living`: others.
  void settle(const std::vector<HostId>& living, const Store& store);
  // Whom to sync with next, best first: of the living, those that can end something.
  [[nodiscard]] std::vector<HostId> sources(const std::vector<HostId>& living,
                                            const Store& store) const;
  // What to fill before the rest, of a host that wants all: the networks that it uses. All: there
  // is no such difference.
  [[nodiscard]] Selection first() const;
  // What is here in full.
  [[nodiscard]] Selection held() const;

 private:
  bool all_ = true;
  bool rest_ = false;                            // the networks that are not named are filling too
  std::set<NetworkId> named_;                    // by the own record
  std::set<NetworkId> known_;                    // while rest_: the networks there are
  std::map<NetworkId, std::set<HostId>> fills_;  // with whom it was in step
  std::set<NetworkId> done_;                     // filled, and the own record says it not yet
  bool rest_done_ = false;
};

}  // namespace sixpn::registry
