#include "registry/core/interest.h"

#include <algorithm>

#include "registry/core/record_rules.h"

namespace sixpn::registry {
namespace {

// What the host uses because of this network: nothing when nobody of it lives here.
std::set<NetworkId> uses_of(const NetworkView& view, HostId self) {
  bool here = std::any_of(view.machines.begin(), view.machines.end(),
                          [self](const auto& entry) { return entry.second->host == self; }) ||
              std::any_of(view.peers.begin(), view.peers.end(),
                          [self](const auto& entry) { return entry.second.gateway == self; });
  if (!here) return {};
  std::set<NetworkId> out = {view.network.id};
  for (const auto& [address, flycast] : view.flycast) out.insert(flycast.app_network);
  return out;
}

}  // namespace

InterestRecord Interest::update(Instant now, const Snapshot& snapshot) {
  // What an earlier life used counts as used until now.
  if (auto said = snapshot.interests.find(snapshot.self);
      std::exchange(fresh_, false) && said != snapshot.interests.end())
    for (NetworkId network : said->second.networks) last_used_[network] = now;
  std::erase_if(looks_,
                [&](const auto& entry) { return !snapshot.networks.contains(entry.first); });
  for (const auto& [id, view] : snapshot.networks) {
    auto [look, unseen] = looks_.try_emplace(id);
    if (unseen || look->second.generation != view->generation)
      look->second = {view->generation, uses_of(*view, snapshot.self)};
    for (NetworkId used : look->second.uses) last_used_[used] = now;
  }
  std::erase_if(last_used_, [&](const auto& entry) { return entry.second + kInterestKept <= now; });
  InterestRecord out{snapshot.self, true, {}};
  if (last_used_.size() > kMaxInterests) return out;
  for (const auto& [network, when] : last_used_) out.networks.push_back(network);
  return out;
}

}  // namespace sixpn::registry
