// The frames of a sync session and their bytes: a 32-bit big-endian length, then gossip.proto's
// SyncFrame. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "registry/core/slot.h"
#include "registry/core/store.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxFrameBytes = 128 * 1024;
inline constexpr std::size_t kFrameLengthBytes = 4;
inline constexpr unsigned kMaxPartBits = 10;
inline constexpr std::size_t kMaxTalk = 32;
inline constexpr std::chrono::milliseconds kMaxRetryAfter{60'000};

// A record's version as a summary tells it.
struct SlotVersion {
  Slot slot;
  Stamp stamp;
  std::uint64_t digest = 0;  // leading 8 bytes of the record's digest
  friend bool operator==(const SlotVersion&, const SlotVersion&) = default;
};

// What a hello says it speaks. Both ends use the older of two versions.
inline constexpr std::uint32_t kSyncBySlots = 0;  // sixpn 0.1
inline constexpr std::uint32_t kSyncByHeads = 1;

struct HelloFrame {
  BucketHashes buckets{};  // of slots
  std::uint32_t version = kSyncBySlots;
  BucketHashes groups{};  // of origins; from kSyncByHeads on
  bool first = false;     // the sender lacks what it should answer from
  Selection selection{};  // what is compared, `groups` too; from kSyncByHeads on
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
  std::vector<std::string> origins;  // all records of these
  bool last = false;
  friend bool operator==(const WantFrame&, const WantFrame&) = default;
};
struct RecordsFrame {
  std::vector<std::string> wires;
  friend bool operator==(const RecordsFrame&, const RecordsFrame&) = default;
};
struct DoneFrame {
  bool partial = false;
  std::chrono::milliseconds retry_after{0};  // not 0: instead of a session
  friend bool operator==(const DoneFrame&, const DoneFrame&) = default;
};
// A group of records (store_groups.h) in short.
struct Head {
  std::string origin;
  std::uint32_t count = 0;
  std::uint64_t hash = 0;
  friend bool operator==(const Head&, const Head&) = default;
};
struct HeadsFrame {
  std::uint64_t bucket_mask = 0;
  std::vector<Head> heads;
  bool last = false;
  friend bool operator==(const HeadsFrame&, const HeadsFrame&) = default;
};
struct GroupParts {
  std::string origin;
  unsigned bits = 0;                  // 0..kMaxPartBits
  std::vector<std::uint64_t> hashes;  // 2^bits
  friend bool operator==(const GroupParts&, const GroupParts&) = default;
};
struct CompareFrame {
  std::vector<GroupParts> groups;
  bool last = false;
  friend bool operator==(const CompareFrame&, const CompareFrame&) = default;
};
// What the parts that differ hold; a group may go on in the next frame.
struct GroupVersions {
  std::string origin;
  unsigned bits = 0;
  std::vector<bool> differing;  // 2^bits
  std::vector<SlotVersion> versions;
  friend bool operator==(const GroupVersions&, const GroupVersions&) = default;
};
struct PartsFrame {
  std::vector<GroupVersions> groups;
  bool last = false;
  friend bool operator==(const PartsFrame&, const PartsFrame&) = default;
};
// Instead of a session, between hosts that UDP may not join: a gossip datagram (gossip_codec.h) as
// the question, and those that answer it.
struct TalkFrame {
  std::vector<std::string> datagrams;  // encoded; at most kMaxTalk
  friend bool operator==(const TalkFrame&, const TalkFrame&) = default;
};
using SyncFrame = std::variant<HelloFrame, SummaryFrame, WantFrame, RecordsFrame, DoneFrame,
                               HeadsFrame, CompareFrame, PartsFrame, TalkFrame>;

// With its length in front.
std::string encode_frame(const SyncFrame& frame);

// Takes the first whole frame off the front of `buffer`; nothing when it is not complete yet.
// Errors: a frame over kMaxFrameBytes, bytes that are no frame, ids longer than any record's.
Result<std::optional<SyncFrame>> take_frame(std::string& buffer);

}  // namespace sixpn::registry
