// The exchange of sixpn 0.1: (slot, stamp, digest) of every record in the buckets that differ.
// Spoken with peers whose hello, or whose answer to ours, is of that version.
//
//   Hello -> ; <- Summary... ; Records... -> ; Want... -> ; Done -> ; <- Records... ; <- Done
#include "registry/core/sync_session.h"

namespace sixpn::registry {
namespace {

constexpr std::uint64_t bit(std::size_t bucket) {
  return std::uint64_t{1} << bucket;
}

}  // namespace

// As many differing buckets as fit into one session, at least one.
void SyncSession::choose_buckets(const BucketHashes& theirs) {
  std::array<std::size_t, kBuckets> sizes{};
  for (const auto& record : store_.records()) ++sizes.at(Store::bucket_of(slot_of(record->record)));
  std::size_t total = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    if (theirs.at(b) == store_.bucket_hashes().at(b)) continue;
    if (bucket_mask_ != 0 && total + sizes.at(b) > kMaxSummarySlots) {
      partial_ = true;
      continue;
    }
    bucket_mask_ |= bit(b);
    total += sizes.at(b);
  }
}

void SyncSession::send_summary() {
  SummaryFrame frame{bucket_mask_, {}, false};
  for (const auto& record : store_.records()) {
    const Slot slot = slot_of(record->record);
    if ((bucket_mask_ & bit(Store::bucket_of(slot))) == 0) continue;
    frame.versions.push_back({slot, record->record.stamp, weight_of(*record)});
    if (frame.versions.size() < kSlotsPerFrame) continue;
    early_.push_back(encode_frame(frame));
    frame.versions.clear();
  }
  frame.last = true;
  early_.push_back(encode_frame(frame));
}

Result<void> SyncSession::on_frame(const SummaryFrame& frame) {
  if (role_ != Role::kInitiator || (stage_ != Stage::kGreeting && stage_ != Stage::kSummary))
    return Error("the peer sent a summary out of turn");
  stage_ = Stage::kSummary;
  bucket_mask_ = frame.bucket_mask;
  for (const auto& version : frame.versions) {
    if ((bucket_mask_ & bit(Store::bucket_of(version.slot))) == 0)
      return Error("a summary lists a record outside its buckets");
    if (theirs_.size() > 2 * kMaxSummarySlots) return Error("a summary is too long");
    theirs_[version.slot] = version;
  }
  if (frame.last) compare_slots();
  return {};
}

void SyncSession::compare_slots() {
  stage_ = Stage::kExchange;
  for (const auto& record : store_.records()) {
    const Slot slot = slot_of(record->record);
    if ((bucket_mask_ & bit(Store::bucket_of(slot))) != 0) settle(slot, record);
  }
  WantFrame frame;
  auto flush = [&] {
    if (!frame.slots.empty()) late_.push_back(encode_frame(frame));
    frame.slots.clear();
  };
  for (auto& slot : take_newer_there()) {
    frame.slots.push_back(std::move(slot));
    if (frame.slots.size() >= kSlotsPerFrame) flush();
  }
  flush();
  late_.push_back(encode_frame(DoneFrame{}));
  say_done();
  said_done_ = true;
}

}  // namespace sixpn::registry
