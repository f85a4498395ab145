// The frames that every exchange shares, and what is sent when. Comparing: sync_heads.cc, and
// sync_slots.cc for peers of sixpn 0.1.
#include "registry/core/sync_session.h"

#include <algorithm>

namespace sixpn::registry {
namespace {

Error out_of_turn(const char* what) {
  return Error(std::string("the peer sent ") + what + " out of turn");
}

SlotVersion version_of(const SignedRecord& record) {
  return {slot_of(record.record), record.record.stamp, weight_of(record)};
}

}  // namespace

Importance importance_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::kHost:
    case RecordKind::kRevocation:
    case RecordKind::kRenewal:
      return Importance::kTrust;
    case RecordKind::kOrg:
    case RecordKind::kNetwork:
    case RecordKind::kApp:
    case RecordKind::kFlycast:
    case RecordKind::kPeer:
    case RecordKind::kTlsGrant:
    case RecordKind::kInterest:  // after the hosts that wrote them
      return Importance::kShared;
    case RecordKind::kMachine:
      return Importance::kMachines;
  }
  return Importance::kTrust;  // of a newer version: few, and they may concern trust
}

std::string refuse_sync(std::chrono::milliseconds retry_after) {
  return encode_frame(DoneFrame{false, retry_after});
}

SyncSession::SyncSession(Role role, const Store& store) : SyncSession(role, store, SyncOptions()) {}

SyncSession::SyncSession(Role role, const Store& store, const SyncOptions& options)
    : role_(role), store_(store), options_(options) {
  if (role == Role::kResponder) return;
  early_.push_back(encode_frame(HelloFrame{store.bucket_hashes(), options.version,
                                           store.groups().buckets(options.selection), options.first,
                                           options.selection}));
}

bool SyncSession::finished() const {
  return said_done_ && heard_done_ && early_.empty() && !has_records() && late_.empty();
}

// ---- output
// ----------------------------------------------------------------------------------------

std::string SyncSession::take_output() {
  auto pop = [](std::deque<std::string>& frames) {
    std::string frame = std::move(frames.front());
    frames.pop_front();
    return frame;
  };
  if (!early_.empty()) return pop(early_);
  // Records may have gone since they were listed; then a frame comes out empty and the next is
  // tried.
  while (wants_known_ && has_records())
    if (std::string frame = next_records(); !frame.empty()) return frame;
  if (!wants_known_) return {};
  return late_.empty() ? std::string() : pop(late_);
}

bool SyncSession::has_records() const {
  return std::any_of(sending_.begin(), sending_.end(),
                     [](const auto& queue) { return !queue.empty(); });
}

void SyncSession::send_later(const SignedRecordPtr& record) {
  sending_.at(static_cast<std::size_t>(importance_of(record->record.key.kind))).push_back(record);
}

std::string SyncSession::next_records() {
  RecordsFrame frame;
  std::size_t size = 0;
  for (auto& queue : sending_) {
    while (!queue.empty() && size < kRecordFrameBytes) {
      // The newest version, if there still is one.
      if (auto record = store_.find(slot_of(queue.front()->record))) {
        size += record->wire_size;
        frame.wires.push_back(record->wire());
      }
      queue.pop_front();
    }
  }
  return frame.wires.empty() ? std::string() : encode_frame(frame);
}

// Nothing more comes from us than what is queued.
void SyncSession::say_done() {
  auto& shared = sending_.at(static_cast<std::size_t>(Importance::kShared));
  std::stable_sort(shared.begin(), shared.end(),
                   [](const auto& a, const auto& b) { return a->record.stamp < b->record.stamp; });
  wants_known_ = true;
}

// ---- input
// ----------------------------------------------------------------------------------------

Result<std::vector<SignedRecordPtr>> SyncSession::on_bytes(std::string_view bytes) {
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

Result<void> SyncSession::on_frame(const HelloFrame& frame) {
  if (role_ != Role::kResponder || stage_ != Stage::kGreeting) return out_of_turn("a hello");
  options_.version = std::min(options_.version, frame.version);
  options_.first = frame.first;
  options_.selection = frame.selection;
  stage_ = Stage::kExchange;
  if (options_.version == kSyncBySlots) {
    choose_buckets(frame.buckets);
    send_summary();
  } else {
    wants_known_ = false;
    send_heads(frame.groups);
  }
  return {};
}

Result<void> SyncSession::on_frame(const WantFrame& frame) {
  if (role_ != Role::kResponder || stage_ != Stage::kExchange)
    return out_of_turn("a wish for records");
  wanted_count_ += frame.slots.size();
  for (const auto& slot : frame.slots)
    if (auto record = store_.find(slot)) send_later(record);
  for (const auto& origin : frame.origins) {
    if (told_.erase(origin) == 0)
      return Error("the peer wants an origin twice, or none it was told");
    const auto* group = store_.groups().find(origin);
    if (group == nullptr) continue;
    wanted_count_ += StoreGroups::sum(*group, options_.selection).count;
    if (wanted_count_ > store_.records().size() + 2 * kMaxSummarySlots) break;
    send_group(*group);
  }
  if (wanted_count_ > store_.records().size() + 2 * kMaxSummarySlots)
    return Error("the peer wants too many records");
  if (frame.last) say_done();
  return {};
}

Result<void> SyncSession::on_frame(const RecordsFrame& frame) {
  if (stage_ != Stage::kExchange) return out_of_turn("records");
  received_count_ += frame.wires.size();
  // The initiator may hold up to a whole registry that the responder lacks.
  if (received_count_ > StoreLimits{}.records) return Error("the peer sent too many records");
  for (const auto& wire : frame.wires) {
    auto record = decode_record(wire);
    if (!record) {
      ++malformed_;
      continue;
    }
    if (role_ == Role::kResponder)
      if (auto newer = newer_elsewhere(version_of(**record))) send_later(newer);
    received_.push_back(std::move(*record));
  }
  return {};
}

Result<void> SyncSession::on_frame(const DoneFrame& frame) {
  if (role_ == Role::kInitiator && stage_ == Stage::kGreeting && frame.retry_after.count() > 0) {
    heard_done_ = true;
    refused_for_ = frame.retry_after;
    return {};
  }
  if (stage_ != Stage::kExchange) return out_of_turn("its farewell");
  heard_done_ = true;
  if (role_ == Role::kInitiator) {
    partial_ = partial_ || frame.partial;
  } else {
    say_done();
    late_.push_back(encode_frame(DoneFrame{partial_, {}}));
    said_done_ = true;
  }
  return {};
}

// Its answer ends the exchange, as soon as it is there.
Result<void> SyncSession::on_frame(const TalkFrame& frame) {
  if (role_ != Role::kResponder || stage_ != Stage::kGreeting) return out_of_turn("a question");
  if (frame.datagrams.size() != 1) return Error("the peer asks several questions at once");
  is_question_ = true;
  question_ = frame.datagrams.front();
  heard_done_ = true;
  return {};
}

void SyncSession::answer(std::vector<std::string> datagrams) {
  if (!datagrams.empty()) early_.push_back(encode_frame(TalkFrame{std::move(datagrams)}));
  said_done_ = true;
}

// ---- comparing one slot
// ----------------------------------------------------------------------------------------

// Of what theirs_ lists, leaves there what is newer there; what is newer here will be sent. Of a
// host's two enrolments both sides must see both: stamps of different certificates do not compare.
void SyncSession::settle(const Slot& slot, const SignedRecordPtr& record) {
  auto found = theirs_.find(slot);
  if (found == theirs_.end()) return send_later(record);
  const SlotVersion& their = found->second;
  bool same = their.digest == weight_of(*record);
  bool both = slot.key.kind == RecordKind::kHost;
  if (!same && (both || record->record.stamp >= their.stamp)) send_later(record);
  if (same || (!both && record->record.stamp > their.stamp)) theirs_.erase(found);
}

std::vector<Slot> SyncSession::take_newer_there() {
  std::vector<Slot> out;
  for (const auto& [slot, version] : theirs_) {
    if (auto newer = newer_elsewhere(version)) {
      send_later(newer);
    } else {
      out.push_back(slot);
    }
  }
  theirs_.clear();
  return out;
}

// The newer version here of what the peer has, when the selection leaves ours out: the peer's is of
// another network, or a tombstone that names none. It displaces the peer's; else the two would
// differ for ever.
SignedRecordPtr SyncSession::newer_elsewhere(const SlotVersion& theirs) const {
  if (options_.selection.all || theirs.slot.key.kind != RecordKind::kMachine) return nullptr;
  auto mine = store_.find(theirs.slot);
  bool newer =
      mine &&
      std::pair(mine->record.stamp, weight_of(*mine)) > std::pair(theirs.stamp, theirs.digest) &&
      !options_.selection.contains(interest_network(mine->record));
  return newer ? mine : nullptr;
}

}  // namespace sixpn::registry
