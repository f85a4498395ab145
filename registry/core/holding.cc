#include "registry/core/holding.h"

#include <algorithm>

namespace sixpn::registry {

void Holding::follow(const InterestRecord* own, const std::vector<NetworkId>& networks) {
  std::set<NetworkId> filling;
  named_.clear();
  all_ = own == nullptr || own->all;
  if (own != nullptr) {
    named_.insert(own->networks.begin(), own->networks.end());
    filling.insert(own->filling.begin(), own->filling.end());
  }
  bool rest = filling.erase(NetworkId{}) > 0;
  rest_done_ = rest_done_ && rest;
  rest_ = rest && !rest_done_;
  known_.clear();
  if (rest) known_.insert(networks.begin(), networks.end());
  if (rest_)
    for (NetworkId network : known_)
      if (!named_.contains(network)) filling.insert(network);
  std::erase_if(done_, [&](NetworkId network) { return !filling.contains(network); });
  std::erase_if(fills_, [&](const auto& fill) { return !filling.contains(fill.first); });
  for (NetworkId network : filling)
    if (!done_.contains(network)) fills_.try_emplace(network);
}

void Holding::on_equal(HostId peer, const InterestRecord* theirs, const Selection& compared) {
  if (rest_ && compared.all && holds(theirs, NetworkId{})) {
    rest_ = false;
    rest_done_ = true;
  }
  for (auto& [network, in_step_with] : fills_) {
    if (!compared.contains(network)) continue;
    if (holds(theirs, network)) done_.insert(network);
    if (wants(theirs, network)) in_step_with.insert(peer);
  }
  std::erase_if(fills_, [this](const auto& fill) { return done_.contains(fill.first); });
}

void Holding::settle(const std::vector<HostId>& living, const Store& store) {
  std::erase_if(fills_, [&](const auto& fill) {
    bool ended = std::all_of(living.begin(), living.end(), [&](HostId host) {
      const auto* theirs = store.interest_of(host);
      return !wants(theirs, fill.first) ||
             (!holds(theirs, fill.first) && fill.second.contains(host));
    });
    if (ended) done_.insert(fill.first);
    return ended;
  });
  if (rest_ && fills_.empty()) {
    rest_ = false;
    rest_done_ = true;
  }
}

std::vector<HostId> Holding::sources(const std::vector<HostId>& living, const Store& store) const {
  std::vector<HostId> out;
  std::vector<HostId> partial;
  for (HostId host : living) {
    const auto* theirs = store.interest_of(host);
    auto of_use = [&](const auto& fill) { return holds(theirs, fill.first); };
    auto of_some = [&](const auto& fill) {
      return wants(theirs, fill.first) && !fill.second.contains(host);
    };
    bool whole = rest_ && fills_.empty() && holds(theirs, NetworkId{});
    if (whole || std::any_of(fills_.begin(), fills_.end(), of_use)) {
      out.push_back(host);
    } else if (std::any_of(fills_.begin(), fills_.end(), of_some)) {
      partial.push_back(host);
    }
  }
  // Where somebody holds it all, the others are of no use.
  return out.empty() ? partial : out;
}

Selection Holding::first() const {
  if (!rest_) return {};
  Selection out{false, {}};
  for (NetworkId network : named_)
    if (fills_.contains(network)) out.networks.push_back(network);
  return out;
}

Selection Holding::held() const {
  if (all_ && !is_filling()) return {};
  Selection out{false, {}};
  std::set<NetworkId> candidates = named_;
  if (all_) candidates.insert(known_.begin(), known_.end());
  for (NetworkId network : candidates)
    if (!fills_.contains(network)) out.networks.push_back(network);
  return out;
}

}  // namespace sixpn::registry
