#include "registry/core/relay_tree.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace sixpn::registry {
namespace {

// splitmix64's finaliser: a rendezvous weight that every host computes alike.
std::uint64_t mix(std::uint64_t h) {
  h += 0x9e3779b97f4a7c15ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

std::uint64_t rank_weight(HostId host, std::size_t rotation) {
  return mix(std::uint64_t{host.value} << 8 | rotation);
}

std::uint64_t parent_weight(HostId leaf, HostId parent, std::uint8_t tree) {
  return mix((std::uint64_t{leaf.value} << 32 | parent.value) ^ (std::uint64_t{tree} << 24));
}

HostId parent_of(HostId leaf, std::uint8_t tree, const std::vector<HostId>& inner) {
  return *std::max_element(inner.begin(), inner.end(), [&](HostId a, HostId b) {
    return std::pair(parent_weight(leaf, a, tree), a) < std::pair(parent_weight(leaf, b, tree), b);
  });
}

std::size_t inner_count(std::size_t hosts) {
  auto root = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(hosts))));
  return std::min(root, kMaxInner);
}

std::size_t rotation_of(std::uint8_t tree) {
  return tree % kTreeCount / kTreesPerRotation;
}

std::size_t which_of(std::uint8_t tree) {
  return tree % kTreesPerRotation;
}

}  // namespace

std::uint8_t RelayTree::tree_of(std::uint64_t rotation, std::size_t which) {
  return static_cast<std::uint8_t>(rotation % kRotations * kTreesPerRotation +
                                   which % kTreesPerRotation);
}

void RelayTree::set_members(std::vector<RelayMember> members, const std::string& own_region) {
  std::erase_if(members, [this](const RelayMember& member) { return member.host == self_; });
  hosts_ = members.size();
  members.push_back({self_, own_region});
  std::sort(members.begin(), members.end(), [](const RelayMember& a, const RelayMember& b) {
    return std::tie(a.region, a.host) < std::tie(b.region, b.host);
  });
  region_names_.clear();
  regions_.clear();
  region_by_host_.clear();
  for (const auto& member : members) {
    if (region_names_.empty() || region_names_.back() != member.region) {
      region_names_.push_back(member.region);
      regions_.emplace_back();
    }
    regions_.back().push_back(member.host);
    region_by_host_.emplace_back(member.host, regions_.size() - 1);
    if (member.host == self_) own_region_ = regions_.size() - 1;
  }
  std::sort(region_by_host_.begin(), region_by_host_.end());
  rankings_.clear();
  origin_steps_ = {};
  entry_steps_ = {};
  leaves_.clear();
}

std::size_t RelayTree::region_of(HostId host) const {
  auto found = std::lower_bound(region_by_host_.begin(), region_by_host_.end(),
                                std::pair(host, std::size_t{0}));
  return found != region_by_host_.end() && found->first == host ? found->second : kNoRegion;
}

std::vector<HostId> RelayTree::members() const {
  std::vector<HostId> out;
  out.reserve(region_by_host_.size());
  for (const auto& [host, region] : region_by_host_) out.push_back(host);
  return out;
}

RelayTree::Ranking RelayTree::rank(std::size_t region, std::uint8_t tree) const {
  std::vector<std::pair<std::uint64_t, HostId>> weighed;
  for (HostId host : regions_[region])
    weighed.emplace_back(rank_weight(host, rotation_of(tree)), host);
  std::sort(weighed.begin(), weighed.end());
  Ranking out;
  for (const auto& [weight, host] : weighed) out.push_back(host);
  return out;
}

const RelayTree::Ranking& RelayTree::ranking(std::size_t region, std::uint8_t tree) {
  auto [place, added] = rankings_.try_emplace({region, rotation_of(tree)});
  if (added) place->second = rank(region, tree);
  return place->second;
}

const std::vector<RelayStep>& RelayTree::from_origin(std::uint8_t tree) {
  auto& kept = origin_steps_[tree % kTreeCount];
  if (kept) return *kept;
  kept.emplace();
  RelayStep direct{RelayLevel::kLeaf, {}, {}};
  RelayStep entries{RelayLevel::kEntry, {}, {}};
  for (std::size_t region = 0; region < regions_.size(); ++region)
    add_steps(region, tree, direct, entries, *kept);
  if (!direct.to.empty()) kept->push_back(std::move(direct));
  if (!entries.to.empty()) kept->push_back(std::move(entries));
  bool trees_inside =
      !is_small() && !regions_.empty() && regions_[own_region_].size() > kSmallRegion;
  if (trees_inside) kept->push_back(from_entry(tree));
  return *kept;
}

// Of the own region, only what is sent directly.
void RelayTree::add_steps(std::size_t region, std::uint8_t tree, RelayStep& direct,
                          RelayStep& entries, std::vector<RelayStep>& steps) {
  const auto& members = regions_[region];
  bool own = region == own_region_;
  if (is_small() ? which_of(tree) == 0 : members.size() <= (own ? kSmallRegion : 1)) {
    for (HostId host : members)
      if (host != self_) direct.to.push_back(host);
  } else if (is_small() || own) {
    return;
  } else if (members.size() > kCompactRegion) {
    const Ranking& order = ranking(region, tree);
    auto first = order.begin() + static_cast<std::ptrdiff_t>(which_of(tree) * kEntriesPerTree);
    entries.to.insert(entries.to.end(), first, first + kEntriesPerTree);
  } else if (which_of(tree) == 0) {
    auto siblings = siblings_of(region, tree);
    steps.push_back({RelayLevel::kSibling, siblings, siblings});
  }
}

std::vector<HostId> RelayTree::siblings_of(std::size_t region, std::uint8_t tree) {
  auto out = ranking(region, tree);
  out.resize(std::min(out.size(), kSiblings));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<RelayStep> RelayTree::from_sibling(HostId host, std::uint8_t tree,
                                               std::vector<HostId> siblings) {
  if (regions_.empty()) return {};
  if (siblings.empty()) siblings = siblings_of(own_region_, tree);
  auto place = std::lower_bound(siblings.begin(), siblings.end(), host);
  if (place == siblings.end() || *place != host) place = siblings.insert(place, host);
  RelayStep leaves{RelayLevel::kLeaf, {}, {}};
  for (HostId leaf : regions_[own_region_]) {
    if (leaf == self_ || std::binary_search(siblings.begin(), siblings.end(), leaf)) continue;
    auto own = std::pair(parent_weight(leaf, host, tree), host);
    auto nearer = std::count_if(siblings.begin(), siblings.end(), [&](HostId other) {
      return std::pair(parent_weight(leaf, other, tree), other) > own;
    });
    if (static_cast<std::size_t>(nearer) < kParents) leaves.to.push_back(leaf);
  }
  HostId next = place + 1 == siblings.end() ? siblings.front() : *(place + 1);
  RelayStep onward{RelayLevel::kSibling, {}, siblings};
  if (next != host && next != self_) onward.to.push_back(next);
  return {std::move(leaves), std::move(onward)};
}

const RelayStep& RelayTree::from_entry(std::uint8_t tree) {
  auto& kept = entry_steps_[tree % kTreeCount];
  if (!kept) kept = step_inside(tree);
  return *kept;
}

RelayStep RelayTree::step_inside(std::uint8_t tree) {
  RelayStep step;
  if (regions_.empty()) return step;
  const auto& members = regions_[own_region_];
  if (members.size() <= kSmallRegion) {
    for (HostId host : members)
      if (host != self_) step.to.push_back(host);
    return step;
  }
  // Ranks: the entries of both trees, the inner hosts of the first, those of the second.
  const Ranking& order = ranking(own_region_, tree);
  std::size_t count = inner_count(members.size());
  std::size_t first = kTreesPerRotation * kEntriesPerTree + which_of(tree) * count;
  step.level = RelayLevel::kInner;
  for (std::size_t i = 0; i < count; ++i) {
    HostId host = order[(first + i) % order.size()];
    if (host != self_) step.inner.push_back(host);
  }
  std::sort(step.inner.begin(), step.inner.end());
  step.to = step.inner;
  return step;
}

const std::vector<HostId>& RelayTree::leaves(std::uint8_t tree, const std::vector<HostId>& inner) {
  auto found = leaves_.find({tree, inner});
  if (found != leaves_.end()) return found->second;
  if (leaves_.size() >= kMaxKnownSiblings) leaves_.clear();
  auto& kept = leaves_[{tree, inner}];
  auto siblings = inner.empty() ? from_entry(tree).inner : inner;
  if (std::find(siblings.begin(), siblings.end(), self_) == siblings.end())
    siblings.push_back(self_);
  kept = leaves_of(self_, tree, siblings);
  return kept;
}

std::vector<HostId> RelayTree::leaves_of(HostId parent, std::uint8_t tree,
                                         const std::vector<HostId>& inner) const {
  std::vector<HostId> out;
  if (regions_.empty() || inner.empty()) return out;
  for (HostId host : regions_[own_region_]) {
    bool is_inner = std::find(inner.begin(), inner.end(), host) != inner.end();
    if (host != self_ && !is_inner && parent_of(host, tree, inner) == parent) out.push_back(host);
  }
  return out;
}

std::optional<HostId> RelayTree::next_entry(HostId dead, std::uint8_t tree,
                                            std::size_t attempt) const {
  std::size_t region = region_of(dead);
  if (region == kNoRegion) return std::nullopt;
  auto order = rank(region, tree);
  // Behind the entries of both trees; the second tree's stand-ins differ from the first's.
  std::size_t place =
      kTreesPerRotation * kEntriesPerTree + attempt * kTreesPerRotation + which_of(tree);
  if (place >= order.size() || order[place] == self_) return std::nullopt;
  return order[place];
}

}  // namespace sixpn::registry
