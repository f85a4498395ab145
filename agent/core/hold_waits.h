// HoldWaits: who waits until this host holds a network's machines, or until it has waited enough:
// a machine whose network is new here is not let run before its names are answered. Pure; what is
// over is handed back, to be called by the owner.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// The first machine of a network on a host that holds what it uses, or that has just joined, waits
// no longer for the others: then it runs, and its names say "not ready" until they come.
inline constexpr std::chrono::milliseconds kHoldPatience = std::chrono::seconds(5);

class HoldWaits {
 public:
  using Done = std::function<void()>;

  void add(NetworkId network, Instant until, Done done);
  // In the order in which they came.
  [[nodiscard]] std::vector<Done> take_over(const Snapshot& snapshot, Instant now);
  // Until when the first of them waits; nothing: nobody does.
  [[nodiscard]] std::optional<Instant> next() const;

 private:
  struct Wait {
    NetworkId network;
    Instant until;
    Done done;
  };
  std::vector<Wait> waits_;
};

// Its names are answered here.
inline bool is_answered_here(const Snapshot& snapshot, NetworkId network) {
  return snapshot.synced && snapshot.holds(network);
}

}  // namespace sixpn::agent
