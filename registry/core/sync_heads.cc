// Comparing by origins: heads, then hashes of parts, then the slots of parts that differ.
#include <algorithm>

#include "registry/core/sync_session.h"

namespace sixpn::registry {
namespace {

constexpr std::uint64_t bit(std::size_t bucket) {
  return std::uint64_t{1} << bucket;
}

// A group's name and lengths, counted in hashes.
constexpr std::size_t kOriginCost = 10;

// Of an origin: one part in so many.
constexpr std::size_t kLittle = 4;

// One part more costs a hash of 8 bytes, one slot more in a part that differs about 50: for one
// difference in n records, 2^bits = sqrt(6 n) parts are cheapest.
unsigned part_bits(std::size_t records) {
  unsigned bits = 0;
  while (bits < kMaxPartBits && (std::size_t{1} << 2 * bits) < 6 * records) ++bits;
  return records <= 2 ? 0 : bits;
}

}  // namespace

// ---- responder
// ----------------------------------------------------------------------------------------

void SyncSession::send_heads(const BucketHashes& theirs) {
  HeadsFrame frame;
  BucketHashes mine = store_.groups().buckets(options_.selection);
  for (std::size_t b = 0; b < kBuckets; ++b)
    if (theirs.at(b) != mine.at(b)) frame.bucket_mask |= bit(b);
  for (const auto& [origin, group] : store_.groups().groups()) {
    if ((frame.bucket_mask & bit(StoreGroups::bucket_of(origin))) == 0) continue;
    auto sum = StoreGroups::sum(group, options_.selection);
    if (sum.count == 0) continue;
    frame.heads.push_back({origin, static_cast<std::uint32_t>(sum.count), sum.hash});
    told_.insert(origin);
    if (frame.heads.size() < kHeadsPerFrame) continue;
    early_.push_back(encode_frame(frame));
    frame.heads.clear();
  }
  frame.last = true;
  early_.push_back(encode_frame(frame));
}

void SyncSession::send_group(const StoreGroups::Group& group) {
  for (const auto& member : group.members)
    if (options_.selection.contains(member.network)) send_later(*member.entry);
}

Result<void> SyncSession::on_frame(const CompareFrame& frame) {
  if (role_ != Role::kResponder || stage_ != Stage::kExchange || options_.version == kSyncBySlots)
    return Error("the peer sent hashes of parts out of turn");
  static const StoreGroups::Group kNone;
  PartsFrame answer;
  for (const auto& parts : frame.groups) {
    if (told_.erase(parts.origin) == 0)
      return Error("the peer compares an origin twice, or none it was told");
    // What is left unanswered is for the next session.
    if (listed_count_ > kMaxSummarySlots) break;
    const auto* group = store_.groups().find(parts.origin);
    compare_group(group == nullptr ? kNone : *group, parts, answer);
  }
  answer.last = frame.last;
  frame_slots_ = 0;
  early_.push_back(encode_frame(answer));
  return {};
}

void SyncSession::compare_group(const StoreGroups::Group& group, const GroupParts& parts,
                                PartsFrame& frame) {
  auto mine = StoreGroups::part_hashes(group, parts.bits, options_.selection);
  GroupVersions out{parts.origin, parts.bits, std::vector<bool>(mine.size()), {}};
  for (std::size_t i = 0; i < mine.size(); ++i) out.differing[i] = mine[i] != parts.hashes[i];
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (!out.differing[i]) continue;
    for (const auto& member : StoreGroups::part(group, parts.bits, i)) {
      if (!options_.selection.contains(member.network)) continue;
      const Record& record = (*member.entry)->record;
      out.versions.push_back({slot_of(record), record.stamp, member.weight});
      ++listed_count_;
      if (++frame_slots_ < kSlotsPerFrame) continue;
      frame.groups.push_back(out);
      early_.push_back(encode_frame(frame));
      frame.groups.clear();
      out.versions.clear();
      frame_slots_ = 0;
    }
  }
  frame.groups.push_back(std::move(out));
}

// ---- initiator
// ----------------------------------------------------------------------------------------

Result<void> SyncSession::on_frame(const HeadsFrame& frame) {
  if (role_ != Role::kInitiator || (stage_ != Stage::kGreeting && stage_ != Stage::kHeads) ||
      options_.version == kSyncBySlots)
    return Error("the peer sent heads out of turn");
  stage_ = Stage::kHeads;
  bucket_mask_ = frame.bucket_mask;
  for (const auto& head : frame.heads) {
    if ((bucket_mask_ & bit(StoreGroups::bucket_of(head.origin))) == 0)
      return Error("a head is of an origin outside its buckets");
    if (theirs_by_origin_.size() >= kMaxOrigins) return Error("there are too many heads");
    theirs_by_origin_[head.origin] = head;
  }
  if (frame.last) compare_heads();
  return {};
}

// What only one side has goes whole; what both have in different states is looked at closer. A host
// that is filling and has little of an origin (the machines of the networks that it uses) takes it
// whole too: to list it all would cost more than the few records that come twice.
void SyncSession::compare_heads() {
  CompareFrame frame;
  std::size_t parts = 0;
  auto flush = [&] {
    early_.push_back(encode_frame(frame));
    frame.groups.clear();
    parts = 0;
  };
  for (const auto& [origin, group] : store_.groups().groups()) {
    if ((bucket_mask_ & bit(StoreGroups::bucket_of(origin))) == 0) continue;
    auto sum = StoreGroups::sum(group, options_.selection);
    auto found = theirs_by_origin_.find(origin);
    if (found == theirs_by_origin_.end()) {
      send_group(group);
      continue;
    }
    std::size_t count = std::max<std::size_t>(found->second.count, sum.count);
    bool same = found->second.hash == sum.hash;
    if (!same && options_.first && kLittle * sum.count <= found->second.count) {
      send_group(group);
      continue;
    }
    theirs_by_origin_.erase(found);
    if (same) continue;
    unsigned bits = part_bits(count);
    frame.groups.push_back(
        {origin, bits, StoreGroups::part_hashes(group, bits, options_.selection)});
    heads_[origin] = bits;
    if (parts += frame.groups.back().hashes.size() + kOriginCost; parts >= kPartsPerFrame) flush();
  }
  for (const auto& [origin, head] : theirs_by_origin_) wants_.origins.push_back(origin);
  theirs_by_origin_.clear();
  if (heads_.empty()) return send_wants();
  frame.last = true;
  flush();
  stage_ = Stage::kParts;
}

Result<void> SyncSession::on_frame(const PartsFrame& frame) {
  if (role_ != Role::kInitiator || stage_ != Stage::kParts)
    return Error("the peer sent parts out of turn");
  for (const auto& group : frame.groups)
    if (auto taken = take_group(group); !taken) return taken;
  if (!frame.last) return {};
  settle_group();
  partial_ = !heads_.empty();  // the responder had enough before it came to these
  heads_.clear();
  send_wants();
  return {};
}

Result<void> SyncSession::take_group(const GroupVersions& group) {
  if (group.origin != group_.origin || group_.differing.empty()) {
    settle_group();
    auto asked = heads_.find(group.origin);
    if (asked == heads_.end() || asked->second != group.bits)
      return Error("the peer sent parts of an origin that it was not asked for");
    heads_.erase(asked);
    group_ = {group.origin, group.bits, group.differing, {}};
  }
  for (const auto& version : group.versions) {
    if (group.bits != group_.bits ||
        !group_.differing[StoreGroups::part_of(slot_hash(version.slot), group.bits)])
      return Error("the peer lists a record outside the parts that differ");
    if (++listed_count_ > kMaxListed) return Error("the peer lists too many records");
    theirs_[version.slot] = version;
  }
  return {};
}

// The group that was received last is complete.
void SyncSession::settle_group() {
  if (const auto* group = store_.groups().find(group_.origin))
    for (std::size_t i = 0; i < group_.differing.size(); ++i) {
      if (!group_.differing[i]) continue;
      for (const auto& member : StoreGroups::part(*group, group_.bits, i))
        if (options_.selection.contains(member.network))
          settle(slot_of((*member.entry)->record), *member.entry);
    }
  group_ = {};
  for (auto& slot : take_newer_there()) wants_.slots.push_back(std::move(slot));
}

void SyncSession::send_wants() {
  stage_ = Stage::kExchange;
  WantFrame frame;
  auto flush = [&] {
    early_.push_back(encode_frame(frame));
    frame = {};
  };
  auto place = [&](auto& list, auto& item) {
    list.push_back(std::move(item));
    if (frame.slots.size() + frame.origins.size() >= kSlotsPerFrame) flush();
  };
  for (auto& slot : wants_.slots) place(frame.slots, slot);
  for (auto& origin : wants_.origins) place(frame.origins, origin);
  wants_ = {};
  frame.last = true;
  flush();
  late_.push_back(encode_frame(DoneFrame{partial_, {}}));
  say_done();
  said_done_ = true;
}

}  // namespace sixpn::registry
