// LinkSwitch: on which of the two WireGuard devices this host sends to each other host while keys
// rotate (decision 0036). Both devices accept the other host's packets all the time, so a link
// moves without loss when its sender waits until the new device has a session. Each end moves its
// own sending; where it stands is read back from the routes after a restart of the agent.
//
// Also says when a link is settled: this host has moved, and nothing more arrives on the device
// that was left, neither what was in flight nor what the other end still sends there. Only then may
// that device change its key or go away.
//
// Plain state machine: `now` goes in. Called by Reconciler after each observation of the peers,
// before the plan. Mesh loop. Bounded by the number of hosts.
#pragma once

#include <map>
#include <set>

#include "base/time.h"
#include "mesh/core/desired.h"
#include "mesh/core/observed.h"

namespace sixpn::mesh {

// Nothing arrived on the device that was left for this long: above any path's delay, queues
// included, and short beside the 25 s between keepalives.
inline constexpr Duration kLinkQuiet = std::chrono::milliseconds(1500);
// A session must have stood for this long before packets are trusted to it. The end that calls
// makes its peer anew when it has seen no handshake (first_handshake.h), and may do so just after
// one: the other end then holds a session that nobody knows, until the next call a round trip
// later.
inline constexpr Duration kLinkProven = std::chrono::milliseconds(600);
// How often the peers are looked at until every link is settled.
inline constexpr Duration kLinkPoll = std::chrono::milliseconds(200);

// One link as seen from this end.
struct LinkState {
  Plane target = Plane::kMain;  // where its packets should go
  Plane on = Plane::kMain;      // where this host sends them
  bool settled = false;         // on == target, and the other device has fallen silent
  // The device to be left has a session, and when something last came in on it (at first: when this
  // end began to look). Tells a host that is gone from one whose agent alone is gone.
  bool left_has_session = false;
  Instant left_heard{};
  friend bool operator==(const LinkState&, const LinkState&) = default;
};

class LinkSwitch {
 public:
  void update(const DesiredMesh& desired, const ObservedMesh& observed, Now now);

  [[nodiscard]] const std::map<HostId, LinkState>& links() const { return links_; }
  [[nodiscard]] std::set<HostId> on_spare() const;
  // When the peers are to be read again; kNever when every link is settled.
  [[nodiscard]] Instant next_check() const { return next_check_; }

 private:
  struct Proof {
    WallTime handshake{};
    Instant seen{};
  };
  // Whether the session that `peer` has on the link's target is the one of kLinkProven ago.
  bool is_proven(HostId host, const ObservedPeer* peer, Now now);

  std::map<HostId, LinkState> links_;
  std::map<HostId, Proof> proofs_;
  std::map<HostId, std::uint64_t> left_rx_;  // bytes received on the device to be left
  Instant next_check_ = kNever;
};

}  // namespace sixpn::mesh
