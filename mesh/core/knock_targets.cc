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

std::vector<KnockTarget> lost_targets(const Snapshot& snapshot, const std::vector<Seed>& seeds,
                                      Rng& rng) {
  std::vector<KnockTarget> unknown;
  for (const Seed& seed : seeds) {
    bool known = seed.host == snapshot.self || snapshot.hosts.contains(seed.host) ||
                 snapshot.shut_out.contains(seed.host) || snapshot.revocations.contains(seed.host);
    if (!known) add_target(unknown, seed.host, seed.knock);
  }
  std::vector<const HostRecord*> down;
  std::size_t usable = 0;
  for (const auto& [id, host] : snapshot.hosts) {
    if (host.usable()) ++usable;
    if (host.status == HostStatus::kDown) down.push_back(&host.record);
  }
  std::vector<KnockTarget> out;
  if (!unknown.empty()) out.push_back(unknown[rng.below(unknown.size())]);
  if (!down.empty() && rng.below(std::max<std::size_t>(usable, 1)) < down.size()) {
    KnockTarget chosen = target_of(*down[rng.below(down.size())]);
    if (!chosen.endpoints.empty()) out.push_back(std::move(chosen));
  }
  return out;
}

std::vector<Seed> choose_contacts(const Snapshot& snapshot, const std::vector<Seed>& known) {
  std::vector<Seed> out;
  auto add = [&](const Seed& seed) {
    auto same_host = [&](const Seed& chosen) { return chosen.host == seed.host; };
    bool is_new = std::none_of(out.begin(), out.end(), same_host);
    if (is_new && out.size() < kMaxContacts && !seed.knock.empty()) out.push_back(seed);
  };
  auto seed_of = [](const HostRecord& host) {
    return Seed{host.id, host.wireguard_key, {}, target_of(host).endpoints};
  };
  for (const Seed& seed : known) {
    const HostView* host = snapshot.find_host(seed.host);
    if (host != nullptr && host->usable()) add(seed_of(host->record));
  }
  for (const auto& [id, host] : snapshot.hosts)
    if (id != snapshot.self && host.usable()) add(seed_of(host.record));
  for (const Seed& seed : known)
    if (!snapshot.revocations.contains(seed.host)) add(seed);
  return out;
}

}  // namespace sixpn::mesh
