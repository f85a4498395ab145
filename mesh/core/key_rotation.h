// KeyRotation: when a rotation of this host's WireGuard keys may go on (decision 0036). First every
// link leaves the main device (kLeave); then the main key changes, and the links come back
// (kReturn); then the spare device goes. It says when each step is due and whom it waits for; the
// agent does the steps (files, host record, mesh). The links themselves move by LinkSwitch, on
// every host.
//
// A host whose agent is down is waited for only while its data plane is alive: its machines'
// packets would be lost. Plain state machine: `now` goes in, verdicts come out. Control loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "mesh/core/link_switch.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

// Then the rotation is given up, or with force goes on without the hosts that did not follow.
inline constexpr Duration kLeaveBound = std::chrono::seconds(60);
// A host that is down and from which nothing came for this long (a keepalive is due every 25 s) has
// no data plane either.
inline constexpr Duration kGoneSilence = std::chrono::seconds(30);
// Until the mesh has looked at the links of a new phase.
inline constexpr Duration kLinksKnown = std::chrono::seconds(5);

class KeyRotation {
 public:
  enum class Action : std::uint8_t {
    kWait,
    kChangeKey,  // kLeave -> kReturn, with the next main key
    kGiveUp,     // kLeave -> kReturn, with the present one
    kFinish,     // kReturn -> kNone
  };
  struct Verdict {
    Action action = Action::kWait;
    // The names of the hosts whose links are not where they should be.
    std::vector<std::string> waiting;
    friend bool operator==(const Verdict&, const Verdict&) = default;
  };

  // Whenever the phase changes, and at the agent's start.
  void enter(Rotation phase, bool force, Instant now);
  Verdict update(const Snapshot& snapshot, const std::map<HostId, LinkState>& links, Instant now);

 private:
  [[nodiscard]] bool must_wait(const HostView& host, const LinkState* link, Instant now) const;

  Rotation phase_ = Rotation::kNone;
  bool force_ = false;
  Instant since_{};
};

// Hosts that are alive and run a program without a spare device: their links cannot move.
std::vector<std::string> hosts_without_spare(const Snapshot& snapshot);

}  // namespace sixpn::mesh
