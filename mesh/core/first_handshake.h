// FirstHandshake: brings a new peer's first session up fast. Both ends of a new pair are configured
// at about the same moment, and WireGuard makes that slow: an initiation that reaches a host which
// does not know the peer yet is dropped and repeated only after 5 s (REKEY_TIMEOUT), and two
// initiations that cross on a long path void each other. So only the host with the smaller id
// calls: the other knows the peer without an endpoint and answers; and the caller calls again, by
// making the peer anew, until a first handshake is seen. A peer that ever had a session is never
// touched. At the start of the agent there is nothing to wait for: the peers that it has from disk
// know this host, and may still keep the session of before its reboot (decision 0035).
//
// Plain state machine: `now` goes in, verdicts come out. Called by Reconciler after each
// observation of the peers, before the plan. Mesh loop.
#pragma once

#include <array>
#include <map>
#include <set>

#include "base/time.h"
#include "mesh/core/desired.h"
#include "mesh/core/observed.h"

namespace sixpn::mesh {

// When the caller calls again, counted from the first call; later ones leave room for long paths.
inline constexpr std::array<Duration, 4> kCallAgain = {
    std::chrono::milliseconds(300), std::chrono::milliseconds(800), std::chrono::milliseconds(1800),
    std::chrono::milliseconds(2800)};
// When the host that was to be called calls itself: the caller may be unable to reach it.
inline constexpr Duration kAwaitCall = std::chrono::milliseconds(3800);

class FirstHandshake {
 public:
  using Peers = std::map<PublicKey, DesiredPeer>;
  using ObservedPeers = std::map<PublicKey, ObservedPeer>;

  struct Verdict {
    std::set<PublicKey> await;  // to be made without an endpoint
    std::set<PublicKey> again;  // to be removed and made anew
    std::set<PublicKey> call;   // await no longer: set the first candidate
  };

  // `starting`: the peers may be from before a reboot of this host. False for a device that was
  // just made or has a new key: there, nothing is known of anyone.
  explicit FirstHandshake(bool starting = true) : starting_(starting) {}

  Verdict update(HostId self, const Peers& desired, const ObservedPeers& observed, Instant now);

  // When the next verdict is due; kNever when every peer had its handshake or its chances.
  [[nodiscard]] Instant next_check() const;

 private:
  struct Opening {
    Instant since{};
    bool calls = false;     // we are the caller
    std::size_t tries = 0;  // calls repeated so far
    bool over = false;      // a handshake was seen, or it is up to WireGuard from here on
    [[nodiscard]] Instant due() const;
  };

  std::map<PublicKey, Opening> openings_;
  bool starting_;  // until the first update
};

}  // namespace sixpn::mesh
