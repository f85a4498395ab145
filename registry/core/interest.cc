#include "registry/core/interest.h"

#include <algorithm>

#include "registry/core/record_rules.h"

namespace sixpn::registry {
namespace {

// Whether a network that is not used any more may be let go of: that goes through all hosts.
constexpr Duration kLookAgain = std::chrono::seconds(5);

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

InterestRecord make_interest(HostId self, bool all, const std::set<NetworkId>& networks,
                             const Selection& held) {
  InterestRecord out{self, all, {}, {}};
  if (networks.size() <= kMaxInterests) {
    out.networks.assign(networks.begin(), networks.end());
  } else {
    out.all = true;
  }
  if (held.all) return out;
  if (out.all) out.filling.push_back(NetworkId{});
  for (NetworkId network : out.networks)
    if (!held.contains(network)) out.filling.push_back(network);
  return out;
}

std::set<NetworkId> Interest::used(Instant now, const Snapshot& snapshot) {
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
    for (NetworkId network : look->second.uses) last_used_[network] = now;
  }
  std::set<NetworkId> out;
  for (const auto& [network, when] : last_used_) out.insert(network);
  return out;
}

// At most once a second: this goes through all hosts.
void Interest::look_for_old_ones(Instant now, const Snapshot& snapshot) {
  if (now < next_look_) return;
  next_look_ = now + std::chrono::seconds(1);
  old_ones_ = false;
  std::map<HostId, Instant> silent;
  for (const auto& [id, host] : snapshot.hosts) {
    if (id == snapshot.self || !host.usable() || snapshot.interests.contains(id)) continue;
    auto known = silent_since_.find(id);
    silent[id] = known == silent_since_.end() ? now : known->second;
    old_ones_ = old_ones_ || now - silent[id] >= kSilenceMeansOld;
  }
  silent_since_ = std::move(silent);
}

InterestRecord Interest::update(Instant now, const Snapshot& snapshot, const Keeping& keeping) {
  auto networks = used(now, snapshot);
  for (auto at = last_used_.begin(); at != last_used_.end();) {
    bool over = at->second + kInterestKept <= now;
    bool pinned = over && hold_ == Hold::kUsed && keeping.may_go && !keeping.may_go(at->first);
    if (pinned) at->second = now - kInterestKept + kLookAgain;
    if (over && !pinned) {
      networks.erase(at->first);
      at = last_used_.erase(at);
    } else {
      ++at;
    }
  }
  for (NetworkId network : keeping.orphans) {
    last_used_[network] = now;
    networks.insert(network);
  }
  if (hold_ == Hold::kUsed) look_for_old_ones(now, snapshot);
  return make_interest(snapshot.self, hold_ == Hold::kAll || old_ones_, networks, snapshot.held);
}

}  // namespace sixpn::registry
