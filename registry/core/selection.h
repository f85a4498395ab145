// Selection: of which networks a set of records has the machines. A host's own is what its interest
// record says; two hosts compare the intersection of theirs (decisions/0019). Every other kind of
// record is in every selection. A pure value.
//
// Absence is never a deletion: hosts that choose different selections, because one has not heard of
// the other's interest yet, compare a little too much or too little, once.
#pragma once

#include <vector>

#include "base/ids.h"
#include "registry/core/record.h"

namespace sixpn::registry {

struct Selection {
  bool all = true;
  std::vector<NetworkId> networks;  // ascending, at most kMaxInterests; empty when `all`

  // Network 0: of a record that is no machine's.
  [[nodiscard]] bool contains(NetworkId network) const;
  friend bool operator==(const Selection&, const Selection&) = default;
};

// What a host holds; null: it has said nothing, and holds all.
Selection selection_of(const InterestRecord* interest);
Selection intersection(const Selection& a, const Selection& b);

// Whether a host that says this wants the machines of a network; null as above.
bool wants(const InterestRecord* interest, NetworkId network);
// ... and has had them all since a sync of them ended. Network 0: of every network.
bool holds(const InterestRecord* interest, NetworkId network);

}  // namespace sixpn::registry
