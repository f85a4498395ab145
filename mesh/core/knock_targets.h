// Where a host that has no contact may knock: at the hosts of the registry it last saw, and at the
// seeds of its token. Pure.
#pragma once

#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "registry/core/certificate.h"
#include "registry/core/snapshot.h"

namespace sixpn::mesh {

inline constexpr std::size_t kMaxKnockTargets = 256;
inline constexpr std::size_t kMaxTargetEndpoints = 8;

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

}  // namespace sixpn::mesh
