// Interest: what this host says of the networks that it uses (decisions/0019): those of its
// machines and of the peers it is the gateway of, and those that Flycast addresses lead to which
// may be dialled from these. Told to hold what it uses, it wants the machines of these only; else,
// or where that cannot be said, of all. The agent writes what it says when that changes.
//
// A network counts as used for kInterestKept after its last use, so that a machine that comes and
// goes makes no traffic; longer where nobody else could keep what this host knows of it (Keeping).
// Pure; control loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/time.h"
#include "registry/core/record.h"
#include "registry/core/snapshot.h"

namespace sixpn::registry {

inline constexpr std::chrono::minutes kInterestKept{10};
// A host that has not said for so long what it holds is of sixpn 0.1, which compares whole stores:
// then everybody holds all.
inline constexpr std::chrono::minutes kSilenceMeansOld{10};

enum class Hold : std::uint8_t { kAll, kUsed };

// What the registry knows of networks that are used no more.
struct Keeping {
  std::function<bool(NetworkId)> may_go;  // Gossip::may_let_go; empty: all may
  std::set<NetworkId> orphans;            // Gossip::orphans
};

class Interest {
 public:
  explicit Interest(Hold hold = Hold::kAll) : hold_(hold) {}

  // What to say now. Looks only into networks that changed since the last call. Names no network,
  // and wants all, when they are more than kMaxInterests.
  InterestRecord update(Instant now, const Snapshot& snapshot, const Keeping& keeping = {});
  // Whether it wants all, though told to hold what it uses, because somebody is of sixpn 0.1.
  [[nodiscard]] bool gives_way() const { return hold_ == Hold::kUsed && old_ones_; }

 private:
  void look_for_old_ones(Instant now, const Snapshot& snapshot);
  void look_at(const Snapshot& snapshot);
  std::set<NetworkId> used(Instant now, const Snapshot& snapshot);

  Hold hold_;
  bool fresh_ = true;
  bool old_ones_ = false;
  Instant next_look_{};
  std::map<HostId, Instant> silent_since_;
  decltype(Snapshot::networks) seen_;              // in the last look
  std::map<NetworkId, std::set<NetworkId>> uses_;  // by networks that somebody of lives here
  std::map<NetworkId, Instant> last_used_;
};

// The record of a host that uses these networks and wants them, or all: what of that it does not
// hold yet (Snapshot::held) is filling.
InterestRecord make_interest(HostId self, bool all, const std::set<NetworkId>& networks,
                             const Selection& held);

}  // namespace sixpn::registry
