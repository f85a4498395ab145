#include "registry/core/interest.h"

#include <algorithm>

#include "registry/core/record_rules.h"

namespace sixpn::registry {
namespace {

// Whether a network that is not used any more may be let go of: that goes through all hosts.
constexpr Duration kLookAgain = std::chrono::seconds(5);

// Whether a machine of the host is in this view that is not in the view before, or is another
// there. Few are: the rest is told by its pointer, without a look into the record.
bool has_new_machine(const NetworkView& view, const NetworkView* before, HostId self) {
  decltype(view.machines) none;
  const auto& known = before == nullptr ? none : before->machines;
  auto was = known.begin();
  return std::any_of(view.machines.begin(), view.machines.end(), [&](const auto& entry) {
    while (was != known.end() && was->first < entry.first) ++was;
    const bool same =
        was != known.end() && was->first == entry.first && was->second == entry.second;
    return !same && entry.second->host == self;
  });
}

// What the host uses because of this network: nothing when nobody of it lives here, as nobody did
// in the view before, if there is one.
std::set<NetworkId> uses_of(const NetworkView& view, const NetworkView* before, HostId self) {
  bool here = has_new_machine(view, before, self) ||
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

// Both are sorted, and nearly all views are those of the last time.
void Interest::look_at(const Snapshot& snapshot) {
  auto was = seen_.begin();
  for (const auto& [id, view] : snapshot.networks) {
    for (; was != seen_.end() && was->first < id; ++was) uses_.erase(was->first);
    const bool known = was != seen_.end() && was->first == id;
    if (!known || was->second != view) {
      const bool unused = known && !uses_.contains(id);
      auto uses = uses_of(*view, unused ? was->second.get() : nullptr, snapshot.self);
      uses.empty() ? void(uses_.erase(id)) : void(uses_[id] = std::move(uses));
    }
    if (known) ++was;
  }
  for (; was != seen_.end(); ++was) uses_.erase(was->first);
  seen_ = snapshot.networks;
}

std::set<NetworkId> Interest::used(Instant now, const Snapshot& snapshot) {
  // What an earlier life used counts as used until now.
  if (auto said = snapshot.interests.find(snapshot.self);
      std::exchange(fresh_, false) && said != snapshot.interests.end())
    for (NetworkId network : said->second.networks) last_used_[network] = now;
  look_at(snapshot);
  for (const auto& [network, uses] : uses_)
    for (NetworkId used_by_it : uses) last_used_[used_by_it] = now;
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
