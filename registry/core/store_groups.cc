#include "registry/core/store_groups.h"

#include <algorithm>
#include <utility>

#include "registry/core/records_by_slot.h"

namespace sixpn::registry {
namespace {

constexpr std::uint64_t kFnvOffset = 0xcbf29ce484222325ULL;
constexpr std::uint64_t kFnvPrime = 0x100000001b3ULL;
constexpr std::uint64_t kFold = 0x9e3779b97f4a7c15ULL;
constexpr unsigned kHashBits = 64;
constexpr unsigned kBucketShift = 58;  // the leading 6 bits: 64 buckets

// FNV-1a with a byte after each text, so that ("ab", "c") is not ("a", "bc").
void mix(std::uint64_t& h, std::string_view text) {
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * kFnvPrime;
  h = (h ^ 0xff) * kFnvPrime;
}

bool before(const StoreGroups::Member& a, const StoreGroups::Member& b) {
  return a.hash != b.hash ? a.hash < b.hash : BySlot{}(*a.entry, *b.entry);
}

void add_to(StoreGroups::Sums& sums, NetworkId network, std::uint64_t weight) {
  auto& sum = sums[network];
  sum.hash += weight;
  ++sum.count;
}

void take_from(StoreGroups::Sums& sums, NetworkId network, std::uint64_t weight) {
  auto& sum = sums[network];
  sum.hash -= weight;
  if (--sum.count == 0) sums.erase(network);
}

}  // namespace

std::uint64_t slot_hash(const Slot& slot) {
  std::uint64_t h = (kFnvOffset ^ static_cast<std::uint64_t>(slot.key.kind)) * kFnvPrime;
  mix(h, slot.key.id);
  mix(h, slot.scope);
  return h * kFold;
}

std::uint64_t weight_of(const SignedRecord& record) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | record.digest.at(i);
  return value;
}

void StoreGroups::reserve(std::span<const SignedRecordPtr> records) {
  std::map<std::string, std::size_t> counts;
  for (const auto& record : records) ++counts[scope_of(record->record)];
  for (const auto& [origin, count] : counts) groups_[origin].members.reserve(count);
}

void StoreGroups::trim() {
  std::erase_if(groups_, [](const auto& each) { return each.second.members.empty(); });
}

void StoreGroups::add(const Slot& slot, const Entry& entry) {
  Group& group = groups_[slot.scope];
  Member member{slot_hash(slot), weight_of(*entry), &entry, interest_network(entry->record)};
  auto& members = group.members;
  // There are many groups: twice as much room as is needed, as a vector takes, adds up.
  if (members.size() == members.capacity())
    members.reserve(members.size() + members.size() / 8 + 4);
  members.insert(std::upper_bound(members.begin(), members.end(), member, before), member);
  group.hash += member.weight;
  add_to(sums_, member.network, member.weight);
  buckets_.at(bucket_of(slot.scope)) += member.weight;
}

void StoreGroups::remove(const Slot& slot, const Entry& entry) {
  auto found = groups_.find(slot.scope);
  if (found == groups_.end()) return;
  Group& group = found->second;
  Member member{slot_hash(slot), weight_of(*entry), &entry, interest_network(entry->record)};
  auto& members = group.members;
  auto at = std::lower_bound(members.begin(), members.end(), member, before);
  if (at == members.end() || at->entry != &entry) return;
  members.erase(at);
  group.hash -= member.weight;
  take_from(sums_, member.network, member.weight);
  buckets_.at(bucket_of(slot.scope)) -= member.weight;
  if (members.empty()) groups_.erase(found);
}

const StoreGroups::Group* StoreGroups::find(std::string_view origin) const {
  auto found = groups_.find(origin);
  return found == groups_.end() ? nullptr : &found->second;
}

std::size_t StoreGroups::bucket_of(std::string_view origin) {
  std::uint64_t h = kFnvOffset;
  mix(h, origin);
  return static_cast<std::size_t>((h * kFold) >> kBucketShift);
}

std::size_t StoreGroups::part_of(std::uint64_t hash, unsigned bits) {
  return bits == 0 ? 0 : static_cast<std::size_t>(hash >> (kHashBits - bits));
}

std::uint64_t StoreGroups::root(const Selection& selection) const {
  std::uint64_t out = 0;
  // Goes through the shorter of both lists.
  if (selection.all || sums_.size() <= selection.networks.size()) {
    for (const auto& [network, sum] : sums_)
      if (selection.contains(network)) out += sum.hash;
    return out;
  }
  auto add = [&](NetworkId network) {
    if (auto found = sums_.find(network); found != sums_.end()) out += found->second.hash;
  };
  add(NetworkId{});
  for (NetworkId network : selection.networks) add(network);
  return out;
}

BucketHashes StoreGroups::buckets(const Selection& selection) const {
  if (selection.all) return buckets_;
  BucketHashes out{};
  for (const auto& [origin, group] : groups_)
    out.at(bucket_of(origin)) += sum(group, selection).hash;
  return out;
}

StoreGroups::Sum StoreGroups::sum(const Group& group, const Selection& selection) {
  if (selection.all) return {group.hash, group.members.size()};
  Sum out;
  for (const auto& member : group.members) {
    if (!selection.contains(member.network)) continue;
    out.hash += member.weight;
    ++out.count;
  }
  return out;
}

std::vector<std::uint64_t> StoreGroups::part_hashes(const Group& group, unsigned bits,
                                                    const Selection& selection) {
  std::vector<std::uint64_t> out(std::size_t{1} << bits);
  for (const auto& member : group.members)
    if (selection.contains(member.network)) out[part_of(member.hash, bits)] += member.weight;
  return out;
}

std::span<const StoreGroups::Member> StoreGroups::part(const Group& group, unsigned bits,
                                                       std::size_t index) {
  auto in_front = [bits](const Member& member, std::size_t part) {
    return part_of(member.hash, bits) < part;
  };
  auto first = std::lower_bound(group.members.begin(), group.members.end(), index, in_front);
  auto last = std::lower_bound(first, group.members.end(), index + 1, in_front);
  return {first, last};
}

bool StoreGroups::is_same_as(const StoreGroups& other) const {
  auto same_member = [](const Member& a, const Member& b) {
    return a.hash == b.hash && a.weight == b.weight && a.network == b.network &&
           *a.entry == *b.entry;
  };
  auto same_group = [&](const auto& a, const auto& b) {
    return a.first == b.first && a.second.hash == b.second.hash &&
           std::equal(a.second.members.begin(), a.second.members.end(), b.second.members.begin(),
                      b.second.members.end(), same_member);
  };
  return buckets_ == other.buckets_ && sums_ == other.sums_ &&
         std::equal(groups_.begin(), groups_.end(), other.groups_.begin(), other.groups_.end(),
                    same_group);
}

}  // namespace sixpn::registry
