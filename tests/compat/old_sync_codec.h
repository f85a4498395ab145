// Frozen: as sixpn 0.1 had it (commit 35bd160), under another namespace, to speak with today's.
// Never mended. The frames of a sync session and their bytes: a 32-bit big-endian length, then
// gossip.proto's SyncFrame. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "registry/core/slot.h"
#include "registry/core/store.h"

namespace sixpn::compat {

using registry::BucketHashes;
using registry::kBuckets;
using registry::Slot;
using registry::slot_of;
using registry::Store;
using registry::StoreLimits;

inline constexpr std::size_t kMaxFrameBytes = 128 * 1024;
inline constexpr std::size_t kFrameLengthBytes = 4;

// A record's version as a summary tells it.
struct SlotVersion {
  Slot slot;
  Stamp stamp;
  std::uint64_t digest = 0;  // leading 8 bytes of the record's digest
  friend bool operator==(const SlotVersion&, const SlotVersion&) = default;
};

struct HelloFrame {
  BucketHashes buckets{};
  friend bool operator==(const HelloFrame&, const HelloFrame&) = default;
};
struct SummaryFrame {
  std::uint64_t bucket_mask = 0;
  std::vector<SlotVersion> versions;
  bool last = false;
  friend bool operator==(const SummaryFrame&, const SummaryFrame&) = default;
};
struct WantFrame {
  std::vector<Slot> slots;
  friend bool operator==(const WantFrame&, const WantFrame&) = default;
};
struct RecordsFrame {
  std::vector<std::string> wires;
  friend bool operator==(const RecordsFrame&, const RecordsFrame&) = default;
};
struct DoneFrame {
  bool partial = false;
  friend bool operator==(const DoneFrame&, const DoneFrame&) = default;
};
using SyncFrame = std::variant<HelloFrame, SummaryFrame, WantFrame, RecordsFrame, DoneFrame>;

std::uint64_t short_digest(const RecordDigest& digest);

// With its length in front.
std::string encode_frame(const SyncFrame& frame);

// Takes the first whole frame off the front of `buffer`; nothing when it is not complete yet.
// Errors: a frame over kMaxFrameBytes, or bytes that are no frame.
Result<std::optional<SyncFrame>> take_frame(std::string& buffer);

}  // namespace sixpn::compat
