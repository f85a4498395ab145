#include "mesh/core/knock_targets.h"

#include <algorithm>

#include "mesh/core/knock.h"

namespace sixpn::mesh {
namespace {

void add_endpoint(KnockTarget& target, const IpEndpoint& endpoint) {
  auto& known = target.endpoints;
  bool is_new = std::find(known.begin(), known.end(), endpoint) == known.end();
  if (is_new && known.size() < kMaxTargetEndpoints && is_underlay(endpoint))
    known.push_back(endpoint);
}

void add_target(std::vector<KnockTarget>& targets, HostId host,
                const std::vector<IpEndpoint>& endpoints) {
  auto same_host = [&](const KnockTarget& target) { return target.host == host; };
  auto found = std::find_if(targets.begin(), targets.end(), same_host);
  KnockTarget joined = found == targets.end() ? KnockTarget{host, {}} : *found;
  for (const auto& endpoint : endpoints) add_endpoint(joined, endpoint);
  if (found != targets.end())
    *found = std::move(joined);
  else if (!joined.endpoints.empty() && targets.size() < kMaxKnockTargets)
    targets.push_back(std::move(joined));
}

}  // namespace

KnockTarget target_of(const HostRecord& host) {
  KnockTarget target{host.id, {}};
  for (const auto& endpoint : host.endpoints)
    add_endpoint(target, IpEndpoint{endpoint.ip, host.knock_port});
  return target;
}

std::vector<KnockTarget> knock_targets(const Snapshot* snapshot, const std::vector<Seed>& seeds,
                                       HostId self) {
  std::vector<KnockTarget> targets;
  auto is_wanted = [&](HostId host) {
    return host != self && (snapshot == nullptr || !snapshot->revocations.contains(host));
  };
  for (const Seed& seed : seeds)
    if (is_wanted(seed.host)) add_target(targets, seed.host, seed.knock);
  if (snapshot == nullptr) return targets;
  for (const auto& [id, view] : snapshot->hosts)
    if (is_wanted(id)) add_target(targets, id, target_of(view.record).endpoints);
  return targets;
}

}  // namespace sixpn::mesh
