// EndpointSupervisor: decides when the endpoint that the kernel uses for a peer should be set.
// WireGuard roams by itself and is left alone while handshakes succeed; this acts when a host's
// record changes, and tries the candidates in turn when no handshake succeeds (KubeSpan's scheme).
// Plain state machine: `now` goes in, endpoints to set come out. Called by MeshService after each
// observation of the peers.
#pragma once

#include <map>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "mesh/core/desired.h"
#include "mesh/core/observed.h"

namespace sixpn::mesh {

// WireGuard gives a session up after REJECT_AFTER_TIME (180 s); with keepalives a working peer
// makes a new handshake every 120 s.
inline constexpr Duration kFreshHandshake = std::chrono::seconds(180);
// A candidate has this long to bring a handshake; doubled after each round of all candidates, as a
// host that is down may stay so.
inline constexpr Duration kProbation = std::chrono::seconds(15);
inline constexpr Duration kMaxProbation = std::chrono::seconds(120);

class EndpointSupervisor {
 public:
  using Peers = std::map<PublicKey, DesiredPeer>;
  using ObservedPeers = std::map<PublicKey, ObservedPeer>;
  using Pins = std::map<PublicKey, IpEndpoint>;

  // What to set now. Each pin is given once; the caller keeps it until it is applied.
  Pins update(const Peers& desired, const ObservedPeers& observed, Now now);

  // When a peer without a handshake is due; kNever when all are well.
  [[nodiscard]] Instant next_check() const;

 private:
  struct Attempt {
    std::vector<IpEndpoint> candidates;
    std::size_t current = 0;  // index of the candidate on trial
    Instant since{};
    Duration probation = kProbation;
    bool fresh = false;
  };

  static Attempt begin(const DesiredPeer& peer, const ObservedPeer* observed, Instant now);
  static const IpEndpoint* on_new_candidates(const DesiredPeer& peer, const ObservedPeer* observed,
                                             Attempt& attempt, Instant now);
  static const IpEndpoint* on_silence(Attempt& attempt, Instant now);

  std::map<PublicKey, Attempt> attempts_;
};

}  // namespace sixpn::mesh
