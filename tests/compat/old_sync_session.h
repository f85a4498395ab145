// Frozen: as sixpn 0.1 had it (commit 35bd160), under another namespace, to speak with today's.
// Never mended. OldSyncSession: one anti-entropy exchange between two stores, as a pure machine
// over a byte stream. The shell carries the bytes (TCP inside the tunnel; in the simulator a
// virtual stream) and hands received records to Gossip. Control loop only; the store outlives the
// session and may change meanwhile.
//
//   initiator                            responder
//   Hello: 64 bucket hashes        ->
//                                  <-    Summary...: (slot, stamp, digest) of the buckets that
//                                  differ
//   Records...: what is newer here ->
//   Want...: what is newer there   ->
//   Done                           ->
//                                  <-    Records...: what was wanted
//                                  <-    Done: whether more buckets differ than were settled
//
// Records go hosts first, so that the writers of all others are known when they arrive. Bounded:
// frames by kMaxFrameBytes, a session by kMaxSummarySlots; the rest is for the next session.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/core/signed_record.h"
#include "registry/core/store.h"
#include "tests/compat/old_sync_codec.h"

namespace sixpn::compat {

inline constexpr std::size_t kMaxSummarySlots = 20'000;
inline constexpr std::size_t kSlotsPerFrame = 400;
inline constexpr std::size_t kRecordFrameBytes =
    32 * 1024;  // reached, not exceeded by more than one

class OldSyncSession {
 public:
  enum class Role : std::uint8_t { kInitiator, kResponder };
  OldSyncSession(Role role, const Store& store);

  // The next bytes to send, about one frame; empty when there are none until more is received.
  std::string take_output();
  // Errors: bytes that are no frame, frames out of turn or over a bound. The session is then dead.
  Result<std::vector<SignedRecordPtr>> on_bytes(std::string_view bytes);

  // Everything was said and taken.
  [[nodiscard]] bool finished() const;
  // Finished, and no difference was left for a next session.
  [[nodiscard]] bool settled() const { return finished() && !partial_; }
  [[nodiscard]] std::size_t malformed() const { return malformed_; }

 private:
  Result<void> on_frame(const HelloFrame& frame);
  Result<void> on_frame(const SummaryFrame& frame);
  Result<void> on_frame(const WantFrame& frame);
  Result<void> on_frame(const RecordsFrame& frame);
  Result<void> on_frame(const DoneFrame& frame);
  void choose_buckets(const BucketHashes& theirs);
  void send_summary();
  void compare();
  std::string next_records();

  Role role_;
  const Store& store_;
  std::string buffer_;
  std::deque<std::string> early_;  // frames that go before the records
  std::deque<Slot> sending_;       // records still to send
  std::deque<std::string> late_;   // frames that go after the records
  std::map<Slot, SlotVersion> theirs_;
  std::uint64_t bucket_mask_ = 0;
  std::vector<SignedRecordPtr> received_;
  std::size_t received_count_ = 0;
  std::size_t wanted_count_ = 0;
  std::size_t malformed_ = 0;
  bool greeted_ = false;  // responder: hello seen; initiator: summary complete
  bool heard_done_ = false;
  bool said_done_ = false;  // our last frame is queued
  bool partial_ = false;
};

}  // namespace sixpn::compat
