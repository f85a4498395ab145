// Frozen: as sixpn 0.1 had it (commit 35bd160), under another namespace, to speak with today's.
// Never mended.
#include "tests/compat/old_sync_session.h"

#include <array>

namespace sixpn::compat {

namespace {

constexpr std::uint64_t bit(std::size_t bucket) {
  return std::uint64_t{1} << bucket;
}

Error out_of_turn(const char* what) {
  return Error(std::string("the peer sent ") + what + " out of turn");
}

}  // namespace

OldSyncSession::OldSyncSession(Role role, const Store& store) : role_(role), store_(store) {
  if (role == Role::kInitiator) early_.push_back(encode_frame(HelloFrame{store.bucket_hashes()}));
}

bool OldSyncSession::finished() const {
  return said_done_ && heard_done_ && early_.empty() && sending_.empty() && late_.empty();
}

std::string OldSyncSession::take_output() {
  auto pop = [](std::deque<std::string>& frames) {
    std::string frame = std::move(frames.front());
    frames.pop_front();
    return frame;
  };
  if (!early_.empty()) return pop(early_);
  // Records may have gone since they were listed; then a frame comes out empty and the next is
  // tried.
  while (!sending_.empty())
    if (std::string frame = next_records(); !frame.empty()) return frame;
  return late_.empty() ? std::string() : pop(late_);
}

std::string OldSyncSession::next_records() {
  RecordsFrame frame;
  std::size_t size = 0;
  while (!sending_.empty() && size < kRecordFrameBytes) {
    if (auto record = store_.find(sending_.front())) {
      size += record->wire_size;
      frame.wires.push_back(record->wire());
    }
    sending_.pop_front();
  }
  return frame.wires.empty() ? std::string() : encode_frame(frame);
}

Result<std::vector<SignedRecordPtr>> OldSyncSession::on_bytes(std::string_view bytes) {
  buffer_ += bytes;
  received_.clear();
  for (;;) {
    auto frame = take_frame(buffer_);
    if (!frame) return std::move(frame).error();
    if (!frame->has_value()) return std::move(received_);
    if (heard_done_) return out_of_turn("a frame");
    auto accepted = std::visit([this](const auto& part) { return on_frame(part); }, **frame);
    if (!accepted) return std::move(accepted).error();
  }
}

Result<void> OldSyncSession::on_frame(const HelloFrame& frame) {
  if (role_ != Role::kResponder || greeted_) return out_of_turn("a hello");
  greeted_ = true;
  choose_buckets(frame.buckets);
  send_summary();
  return {};
}

// As many differing buckets as fit into one session, at least one.
void OldSyncSession::choose_buckets(const BucketHashes& theirs) {
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

void OldSyncSession::send_summary() {
  SummaryFrame frame{bucket_mask_, {}, false};
  for (const auto& record : store_.records()) {
    const Slot slot = slot_of(record->record);
    if ((bucket_mask_ & bit(Store::bucket_of(slot))) == 0) continue;
    frame.versions.push_back({slot, record->record.stamp, short_digest(record->digest)});
    if (frame.versions.size() < kSlotsPerFrame) continue;
    early_.push_back(encode_frame(frame));
    frame.versions.clear();
  }
  frame.last = true;
  early_.push_back(encode_frame(frame));
}

Result<void> OldSyncSession::on_frame(const SummaryFrame& frame) {
  if (role_ != Role::kInitiator || greeted_) return out_of_turn("a summary");
  bucket_mask_ = frame.bucket_mask;
  for (const auto& version : frame.versions) {
    if ((bucket_mask_ & bit(Store::bucket_of(version.slot))) == 0)
      return Error("a summary lists a record outside its buckets");
    if (theirs_.size() > 2 * kMaxSummarySlots) return Error("a summary is too long");
    theirs_[version.slot] = version;
  }
  if (!frame.last) return {};
  greeted_ = true;
  compare();
  return {};
}

// What is newer on which side. Of a host's two enrolments both sides must see both: stamps of
// different certificates do not compare.
void OldSyncSession::compare() {
  std::vector<Slot> wanted;
  for (const auto& record : store_.records()) {
    const Slot slot = slot_of(record->record);
    if ((bucket_mask_ & bit(Store::bucket_of(slot))) == 0) continue;
    auto found = theirs_.find(slot);
    if (found == theirs_.end()) {
      sending_.push_back(slot);
      continue;
    }
    const SlotVersion& their = found->second;
    bool same = their.digest == short_digest(record->digest);
    bool both = slot.key.kind == RecordKind::kHost;
    if (!same && (both || record->record.stamp >= their.stamp)) sending_.push_back(slot);
    if (same || (!both && record->record.stamp > their.stamp)) theirs_.erase(found);
  }
  WantFrame frame;
  for (const auto& [slot, version] : theirs_) {
    frame.slots.push_back(slot);
    if (frame.slots.size() < kSlotsPerFrame) continue;
    late_.push_back(encode_frame(frame));
    frame.slots.clear();
  }
  if (!frame.slots.empty()) late_.push_back(encode_frame(frame));
  theirs_.clear();
  late_.push_back(encode_frame(DoneFrame{}));
  said_done_ = true;
}

Result<void> OldSyncSession::on_frame(const WantFrame& frame) {
  if (role_ != Role::kResponder || !greeted_) return out_of_turn("a wish for records");
  wanted_count_ += frame.slots.size();
  if (wanted_count_ > 2 * kMaxSummarySlots) return Error("the peer wants too many records");
  sending_.insert(sending_.end(), frame.slots.begin(), frame.slots.end());
  return {};
}

Result<void> OldSyncSession::on_frame(const RecordsFrame& frame) {
  if (!greeted_) return out_of_turn("records");
  received_count_ += frame.wires.size();
  // The initiator may hold up to a whole registry that the responder lacks.
  if (received_count_ > StoreLimits{}.records) return Error("the peer sent too many records");
  for (const auto& wire : frame.wires) {
    auto record = decode_record(wire);
    record ? received_.push_back(std::move(*record)) : void(++malformed_);
  }
  return {};
}

Result<void> OldSyncSession::on_frame(const DoneFrame& frame) {
  if (!greeted_) return out_of_turn("its farewell");
  heard_done_ = true;
  if (role_ == Role::kInitiator) {
    partial_ = frame.partial;
  } else {
    late_.push_back(encode_frame(DoneFrame{partial_}));
    said_done_ = true;
  }
  return {};
}

}  // namespace sixpn::compat
