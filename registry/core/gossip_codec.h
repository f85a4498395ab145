// GossipDatagram: one UDP datagram between hosts, as a value, and its bytes (gossip.proto). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/core/member_update.h"
#include "registry/core/membership.h"
#include "registry/core/record_fragments.h"
#include "registry/core/relay_tree.h"

namespace sixpn::registry {

// Fits the 1280 bytes of the smallest IPv6 path with room for headers (RFC 8200 section 5).
inline constexpr std::size_t kMaxDatagramBytes = 1200;
inline constexpr std::size_t kMaxUpdatesPerDatagram = 32;
inline constexpr std::size_t kMaxRecordsPerDatagram = 16;

inline constexpr std::size_t kMaxAcksPerDatagram = 64;
inline constexpr std::size_t kMaxHeads = 40;  // told, or asked for, in one datagram
inline constexpr std::size_t kMaxHostsPulled = 16;

// Makes a datagram a push: its updates and records travel by a relay tree (relay.h).
struct PushHeader {
  RelayLevel level = RelayLevel::kLeaf;
  std::uint8_t tree = 0;  // below kTreeCount
  std::uint32_t sequence = 0;
  std::vector<HostId> inner;  // or siblings; at most kMaxInner
  // A reminder, without content: heads of the records that the packet held (relay.h).
  std::vector<std::uint64_t> heads;
  friend bool operator==(const PushHeader&, const PushHeader&) = default;
};

struct GossipDatagram {
  std::uint64_t incarnation = 0;  // of the sender
  std::uint64_t root_hash = 0;
  Duration stable{};  // for how long the sender's root hash has not changed; millisecond steps
  std::optional<ProbeMessage> probe;  // `to` is not on the wire
  bool wants_claim = false;           // a ping from somebody without the receiver's own signed word
  std::vector<MemberUpdate> updates;
  std::vector<std::string> records;  // wire form
  std::optional<RecordFragment> fragment;
  std::optional<PushHeader> push;
  std::vector<std::uint32_t> acks;   // sequences of pushes received
  std::vector<std::uint32_t> again;  // of those reminded of, what the sender lacks
  std::vector<std::uint64_t> ihave;  // heads of records that changed lately (relay_repair.h)
  std::vector<std::uint64_t> pull;   // heads of records that the sender lacks
  std::vector<HostId> pull_hosts;    // hosts whose host record the sender lacks
  std::optional<WallTime> wall;      // with a probe: the sender's clock (clock_offset.h)
  friend bool operator==(const GossipDatagram&, const GossipDatagram&);
};

// What each part adds to an encoded datagram, at most.
inline constexpr std::size_t kHeaderBytes = 58;  // with a probe, or as a push without siblings
constexpr std::size_t sibling_bytes(std::size_t count) {
  return count == 0 ? 0 : 4 + 4 * count;
}
constexpr std::size_t update_bytes(const MemberUpdate& update) {
  return 96 + (update.accusers.empty() ? 0 : 6 + 70 * update.accusers.size());
}
constexpr std::size_t record_bytes(std::size_t wire_size) {
  return wire_size + 4;
}
constexpr std::size_t fragment_bytes(std::size_t bytes) {
  return bytes + 24;
}
// A record above this travels in fragments.
inline constexpr std::size_t kMaxGossipedRecordBytes =
    kMaxDatagramBytes - kHeaderBytes - record_bytes(0);

std::string encode_datagram(const GossipDatagram& datagram);
// Adds acknowledgements to an encoded datagram: one encoding serves many receivers.
void append_acks(std::string& encoded, const std::vector<std::uint32_t>& acks);
constexpr std::size_t ack_room(std::size_t encoded_size) {
  constexpr std::size_t kTag = 3;
  return encoded_size + kTag >= kMaxDatagramBytes ? 0
                                                  : (kMaxDatagramBytes - encoded_size - kTag) / 4;
}
// Errors: too long, no such message, an unknown probe kind, status or level, too many parts,
// signatures of a wrong size or number.
Result<GossipDatagram> decode_datagram(std::string_view bytes);

}  // namespace sixpn::registry
