// SyncSession: one anti-entropy exchange between two stores, as a pure machine over a byte stream.
// The shell carries the bytes (TCP inside the tunnel; in the simulator a virtual stream) and hands
// received records to Gossip. Control loop only; the store outlives the session and may change
// meanwhile.
//
//   initiator                               responder
//   Hello: 64 hashes, of origins       ->
//                                      <-   Heads...: (origin, count, hash) in buckets that differ
//   Compare...: hashes of the parts
//   of origins that both have          ->
//                                      <-   Parts...: (slot, stamp, digest) in parts that differ
//   Want...: what is newer there       ->
//   Records...: what is newer here     ->   Records...: what was wanted
//   Done                               ->
//                                      <-   Done
//
// Both ends leave out what the selection in the hello leaves out, in every step.
//
// In place of all this the initiator may ask one question (TalkFrame), which the responder's shell
// has answered: question(), answer(). tcp_probe.h asks it.
//
// So bytes grow with what differs, not with what is stored. A peer of sixpn 0.1 is told by its
// hello, or by its answer, and served by the exchange that it speaks (sync_slots.cc): slots of
// whole buckets.
//
// Records go in the order of what they are needed for: hosts and revocations, then orgs, networks,
// apps, Flycast addresses and peers (oldest first: missed for longest), then machines. A session
// that breaks off leaves what arrived; the next one no longer sees it as a difference, and so goes
// on where this one ended. Bounded: frames by kMaxFrameBytes, a session by kMaxSummarySlots.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/core/signed_record.h"
#include "registry/core/store.h"
#include "registry/core/sync_codec.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxSummarySlots = 20'000;
// What the other end may list: a responder ends with the origin in which it comes to the above.
inline constexpr std::size_t kMaxListed = 10 * kMaxSummarySlots;
inline constexpr std::size_t kMaxOrigins = 100'000;
inline constexpr std::size_t kSlotsPerFrame = 400;
inline constexpr std::size_t kHeadsPerFrame = 1000;
inline constexpr std::size_t kPartsPerFrame = 2000;
inline constexpr std::size_t kRecordFrameBytes =
    8 * 1024;  // reached, not exceeded by more than one record: a few milliseconds of signatures

struct SyncOptions {
  std::uint32_t version = kSyncByHeads;
  bool first = false;     // this host lacks what it should answer from
  Selection selection{};  // the initiator's choice of what to compare; the responder takes it over
};

// In the order in which records are sent.
enum class Importance : std::uint8_t { kTrust, kShared, kMachines };
inline constexpr std::size_t kImportances = 3;
Importance importance_of(RecordKind kind);

class SyncSession {
 public:
  enum class Role : std::uint8_t { kInitiator, kResponder };
  SyncSession(Role role, const Store& store);
  SyncSession(Role role, const Store& store, const SyncOptions& options);

  // The next bytes to send, about one frame; empty when there are none until more is received.
  std::string take_output();
  // Errors: bytes that are no frame, frames out of turn or over a bound. The session is then dead.
  Result<std::vector<SignedRecordPtr>> on_bytes(std::string_view bytes);

  // Everything was said and taken.
  [[nodiscard]] bool finished() const;
  // Finished, and no difference was left for a next session.
  [[nodiscard]] bool settled() const { return finished() && !partial_; }
  // The peer has no room for a session now: not before this time from now. Zero: it did not refuse.
  [[nodiscard]] std::chrono::milliseconds refused_for() const { return refused_for_; }
  // The initiator said that it lacks what it should answer from.
  [[nodiscard]] bool is_first() const { return options_.first; }
  // Responder: the initiator asks a question, and wants no session.
  [[nodiscard]] bool is_question() const { return is_question_; }
  // The datagram that is to be answered, once.
  std::optional<std::string> take_question() { return std::exchange(question_, std::nullopt); }
  void answer(std::vector<std::string> datagrams);
  [[nodiscard]] std::size_t malformed() const { return malformed_; }

 private:
  // What this end may receive next.
  enum class Stage : std::uint8_t { kGreeting, kSummary, kHeads, kParts, kExchange };

  // sync_session.cc
  Result<void> on_frame(const HelloFrame& frame);
  Result<void> on_frame(const WantFrame& frame);
  Result<void> on_frame(const RecordsFrame& frame);
  Result<void> on_frame(const DoneFrame& frame);
  Result<void> on_frame(const TalkFrame& frame);
  void send_later(const SignedRecordPtr& record);
  void say_done();
  std::string next_records();
  [[nodiscard]] bool has_records() const;
  void settle(const Slot& slot, const SignedRecordPtr& record);
  [[nodiscard]] std::vector<Slot> take_newer_there();
  [[nodiscard]] SignedRecordPtr newer_elsewhere(const SlotVersion& theirs) const;

  // sync_heads.cc: by origins
  Result<void> on_frame(const HeadsFrame& frame);
  Result<void> on_frame(const CompareFrame& frame);
  Result<void> on_frame(const PartsFrame& frame);
  void send_heads(const BucketHashes& theirs);
  void send_group(const StoreGroups::Group& group);
  void compare_heads();
  void compare_group(const StoreGroups::Group& group, const GroupParts& parts, PartsFrame& frame);
  Result<void> take_group(const GroupVersions& group);
  void settle_group();
  void send_wants();

  // sync_slots.cc: by slots of buckets, as sixpn 0.1 does
  Result<void> on_frame(const SummaryFrame& frame);
  void choose_buckets(const BucketHashes& theirs);
  void send_summary();
  void compare_slots();

  Role role_;
  const Store& store_;
  SyncOptions options_;
  Stage stage_ = Stage::kGreeting;
  std::string buffer_;
  std::deque<std::string> early_;  // frames that go before the records
  std::array<std::deque<SignedRecordPtr>, kImportances> sending_;
  std::deque<std::string> late_;  // frames that go after the records
  std::uint64_t bucket_mask_ = 0;
  std::map<Slot, SlotVersion> theirs_;            // of what is being compared
  std::map<std::string, std::uint32_t> heads_;    // initiator: differing origins, their bits
  std::map<std::string, Head> theirs_by_origin_;  // initiator: heads as they arrive
  GroupVersions group_;                           // initiator: the group being received
  WantFrame wants_;                               // initiator
  std::vector<SignedRecordPtr> received_;
  std::size_t received_count_ = 0;
  std::size_t wanted_count_ = 0;
  std::set<std::string> told_;  // responder: origins, each to be compared or wanted once
  std::size_t listed_count_ = 0;
  std::size_t frame_slots_ = 0;  // responder: in the parts frame being filled
  std::size_t malformed_ = 0;
  std::chrono::milliseconds refused_for_{0};
  bool wants_known_ = true;  // responder: no more wishes come, so records can be put in order
  bool heard_done_ = false;
  bool said_done_ = false;  // our last frame is queued
  bool partial_ = false;
  bool is_question_ = false;
  std::optional<std::string> question_;
};

// Instead of a session, by the responder.
std::string refuse_sync(std::chrono::milliseconds retry_after);

}  // namespace sixpn::registry
