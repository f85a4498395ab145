// Where a host that has no contact may knock: at the hosts of the registry it last saw, and at the
// seeds of its token. Pure.
#pragma once

#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/rng.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

inline constexpr std::size_t kMaxKnockTargets = 256;
inline constexpr std::size_t kMaxTargetEndpoints = 8;
// Kept beside the identity: where to knock for a host that has lost its registry.
inline constexpr std::size_t kMaxContacts = 8;
// How often the contacts are looked at; they are written only when they changed.
inline constexpr std::chrono::seconds kContactsInterval{10};
// How often a host that has contact looks for hosts that it has lost.
inline constexpr std::chrono::seconds kSeekInterval{30};

struct KnockTarget {
  HostId host;
  std::vector<IpEndpoint> endpoints;  // best first
  friend bool operator==(const KnockTarget&, const KnockTarget&) = default;
};

// The addresses of a host's WireGuard endpoints, each with its knock port; none when it has no
// knock port.
KnockTarget target_of(const HostRecord& host);

// Seeds first (they are few), then known hosts; endpoints of a host that is both are joined.
// Without this host, revoked hosts, and endpoints that are not of the underlay.
std::vector<KnockTarget> knock_targets(const Snapshot* snapshot, const std::vector<Seed>& seeds,
                                       HostId self);

// Whom a host that has contact knocks at all the same, every kSeekInterval; at most two. Hosts that
// lost their registries and let each other in have contact, and would stay an island for ever: one
// of the seeds that the registry does not know, and one of the hosts that count as down. The second
// with a chance that makes it about one knock per lost host in the whole cluster, whatever its size
// (as in Serf's reconnects).
std::vector<KnockTarget> lost_targets(const Snapshot& snapshot, const std::vector<Seed>& seeds,
                                      Rng& rng);

// Who of the registry is worth remembering, up to kMaxContacts: those of `known` that are usable,
// then other usable hosts, then the rest of `known`, each with its present addresses. Changes only
// when these do, and never forgets everybody.
std::vector<Seed> choose_contacts(const Snapshot& snapshot, const std::vector<Seed>& known);

}  // namespace sixpn::mesh
