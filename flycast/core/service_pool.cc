#include "flycast/core/service_pool.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace sixpn::flycast {
namespace {

// Rendezvous weight of a machine for a proxy (Thaler and Ravishankar 1998), mixed by splitmix64.
std::uint64_t affinity(HostId proxy, MachineId machine) {
  std::uint64_t z = machine.value + (std::uint64_t{proxy.value} << 32 | proxy.value);
  for (int i = 0; i < 2; ++i) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
  }
  return z;
}

}  // namespace

// Sorts the candidates as members will stand.
void ServicePool::order_tiers(std::vector<Candidate>& candidates, const Vantage& vantage) {
  std::map<std::string, Duration> nearest = regions_.update(candidates);
  bool whole = candidates.size() <= kMostWhole;
  auto place = [&](const Candidate& c) {
    // Those of one tier keep the registry's order while all of them are in play.
    return std::make_tuple(c.region != vantage.region, nearest.at(c.region),
                           std::string_view(c.region), !c.here,
                           whole ? 0 : ~affinity(vantage.self, c.machine));
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const Candidate& a, const Candidate& b) { return place(a) < place(b); });
}

void ServicePool::assign(std::vector<Candidate> candidates, const Vantage& vantage,
                         std::uint16_t internal_port, LoadView& loads, Instant now) {
  order_tiers(candidates, vantage);
  std::map<MachineId, Instant> joined;
  for (const Member& member : members_) joined[member.candidate.machine] = member.joined;
  members_.clear();
  tiers_.clear();
  bool whole = candidates.size() <= kMostWhole;
  for (Candidate& candidate : candidates) {
    auto entry = loads.entry({candidate.machine, internal_port}, now);
    Instant since = Instant::min();
    if (auto before = joined.find(candidate.machine); before != joined.end()) {
      since = before->second;
    } else if (assigned_) {
      entry->forget();
      since = now;
    }
    if (!candidate.here) entry->set_exact(std::nullopt);  // it may have moved away
    std::size_t at = members_.size();
    bool same =
        !tiers_.empty() && members_[tiers_.back().begin].candidate.region == candidate.region;
    if (!same) tiers_.push_back({{}, candidate.region == vantage.region, at, at, at, at});
    Tier& tier = tiers_.back();
    tier.end = at + 1;
    if (candidate.here) tier.here = tier.end;
    if (whole || tier.end - tier.begin <= kSubset) tier.preferred = tier.end;
    auto host = loads.host_entry(candidate.host);
    members_.push_back({std::move(candidate), std::move(entry), std::move(host), tier.home, since});
  }
  for (Tier& tier : tiers_) tier.region = members_[tier.begin].candidate.region;
  assigned_ = true;
}

void ServicePool::set_exact(const ServiceCounts& admissions, std::uint16_t internal_port) {
  for (const Tier& tier : tiers_)
    for (std::size_t i = tier.begin; i < tier.here; ++i)
      members_[i].load->set_exact(admissions.open({members_[i].candidate.machine, internal_port}));
}

std::vector<PoolTable::Key> PoolTable::keys() const {
  std::vector<Key> keys;
  for (const auto& [key, kept] : pools_) keys.push_back(key);
  return keys;
}

ServicePool& PoolTable::pool(const ServiceTable& table, const Route& route,
                             const ServicePool::Vantage& vantage, LoadView& loads, Instant now) {
  const AppRecord& app = route.app->app;
  Key key{app.network, app.name, route.service->ports.front().first};
  auto found = pools_.find(key);
  if (found == pools_.end()) {
    if (pools_.size() >= kMaxPools)
      pools_.erase(std::min_element(pools_.begin(), pools_.end(), [](const auto& a, const auto& b) {
        return a.second.used < b.second.used;
      }));
    found = pools_.emplace(std::move(key), Kept()).first;
  }
  Kept& kept = found->second;
  kept.used = now;
  const Snapshot* snapshot = table.snapshot();
  if (kept.snapshot != snapshot || kept.generation != snapshot->generation) {
    kept.pool.assign(table.candidates(route), vantage, route.service->internal_port, loads, now);
    kept.snapshot = snapshot;
    kept.generation = snapshot->generation;
  }
  return kept.pool;
}

}  // namespace sixpn::flycast
