#include "registry/core/sync_codec.h"

#include <algorithm>

#include "registry/core/gossip.pb.h"
#include "registry/core/record_rules.h"

namespace sixpn::registry {
namespace {

constexpr std::uint32_t kMaxKind = 255;
constexpr std::size_t kMaxOriginBytes = 63;  // an org's name, or a host id

void put(auto& out, const Slot& slot) {
  out.set_kind(static_cast<std::uint32_t>(slot.key.kind));
  out.set_id(slot.key.id);
  out.set_scope(slot.scope);
}

Slot slot_from(const auto& in) {
  return {{static_cast<RecordKind>(in.kind()), in.id()}, in.scope()};
}

void put(wire::SlotStamp& out, const SlotVersion& version) {
  out.set_major(version.stamp.major);
  out.set_minor(version.stamp.minor);
  out.set_digest(version.digest);
}

SlotVersion version_from(const wire::SlotStamp& in) {
  return {slot_from(in), {in.major(), in.minor()}, in.digest()};
}

std::string pack(const std::vector<bool>& bits) {
  std::string out((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) out[i / 8] = static_cast<char>(out[i / 8] | 1 << i % 8);
  return out;
}

Result<std::vector<bool>> unpack(const std::string& bytes, std::size_t size) {
  if (bytes.size() != (size + 7) / 8) return Error("a list of parts has the wrong length");
  std::vector<bool> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = (bytes[i / 8] >> i % 8 & 1) != 0;
  return out;
}

struct Encoder {
  wire::SyncFrame& out;

  void operator()(const HelloFrame& frame) const {
    auto* hello = out.mutable_hello();
    for (auto bucket : frame.buckets) hello->add_buckets(bucket);
    if (frame.version == kSyncBySlots) return;
    hello->set_version(frame.version);
    for (auto bucket : frame.groups) hello->add_groups(bucket);
    hello->set_first(frame.first);
    hello->set_some(!frame.selection.all);
    for (NetworkId network : frame.selection.networks) hello->add_networks(network.value);
  }
  void operator()(const SummaryFrame& frame) const {
    auto* summary = out.mutable_summary();
    summary->set_bucket_mask(frame.bucket_mask);
    summary->set_last(frame.last);
    for (const auto& version : frame.versions) {
      auto* added = summary->add_slots();
      put(*added, version.slot);
      put(*added, version);
    }
  }
  void operator()(const WantFrame& frame) const {
    auto* want = out.mutable_want();
    for (const auto& slot : frame.slots) put(*want->add_slots(), slot);
    for (const auto& origin : frame.origins) want->add_origins(origin);
    want->set_last(frame.last);
  }
  void operator()(const RecordsFrame& frame) const {
    auto* records = out.mutable_records();
    for (const auto& wire : frame.wires) records->add_records(wire);
  }
  void operator()(const DoneFrame& frame) const {
    auto* done = out.mutable_done();
    done->set_partial(frame.partial);
    done->set_retry_after_ms(static_cast<std::uint32_t>(frame.retry_after.count()));
  }
  void operator()(const TalkFrame& frame) const {
    auto* talk = out.mutable_talk();
    for (const auto& datagram : frame.datagrams) talk->add_datagrams(datagram);
  }
  void operator()(const HeadsFrame& frame) const {
    auto* heads = out.mutable_heads();
    heads->set_bucket_mask(frame.bucket_mask);
    heads->set_last(frame.last);
    for (const auto& head : frame.heads) {
      auto* added = heads->add_heads();
      added->set_origin(head.origin);
      added->set_count(head.count);
      added->set_hash(head.hash);
    }
  }
  void operator()(const CompareFrame& frame) const {
    auto* compare = out.mutable_compare();
    compare->set_last(frame.last);
    for (const auto& group : frame.groups) {
      auto* added = compare->add_groups();
      added->set_origin(group.origin);
      added->set_bits(group.bits);
      for (auto part : group.hashes) added->add_parts(part);
    }
  }
  void operator()(const PartsFrame& frame) const {
    auto* parts = out.mutable_parts();
    parts->set_last(frame.last);
    for (const auto& group : frame.groups) {
      auto* added = parts->add_groups();
      added->set_origin(group.origin);
      added->set_bits(group.bits);
      added->set_differing(pack(group.differing));
      for (const auto& version : group.versions) {
        auto* slot = added->add_slots();
        slot->set_kind(static_cast<std::uint32_t>(version.slot.key.kind));
        slot->set_id(version.slot.key.id);
        put(*slot, version);
      }
    }
  }
};

Result<SyncFrame> decode_talk(const wire::SyncFrame::Talk& in) {
  if (in.datagrams().empty() || static_cast<std::size_t>(in.datagrams_size()) > kMaxTalk)
    return Error("a talk must have 1 to " + std::to_string(kMaxTalk) + " datagrams");
  return SyncFrame(TalkFrame{{in.datagrams().begin(), in.datagrams().end()}});
}

Result<SyncFrame> decode_hello(const wire::SyncFrame::Hello& in) {
  HelloFrame frame;
  if (static_cast<std::size_t>(in.buckets_size()) != kBuckets)
    return Error("a hello must have 64 bucket hashes");
  std::copy(in.buckets().begin(), in.buckets().end(), frame.buckets.begin());
  frame.version = in.version();
  if (frame.version == kSyncBySlots) return SyncFrame(frame);
  if (static_cast<std::size_t>(in.groups_size()) != kBuckets)
    return Error("a hello must have 64 hashes of origins");
  std::copy(in.groups().begin(), in.groups().end(), frame.groups.begin());
  frame.first = in.first();
  frame.selection.all = !in.some();
  if (in.networks_size() > static_cast<int>(frame.selection.all ? 0 : kMaxInterests))
    return Error("a hello selects too many networks");
  for (std::uint32_t network : in.networks()) {
    auto& networks = frame.selection.networks;
    if (network <= (networks.empty() ? 0 : networks.back().value))
      return Error("a hello's networks must be ascending ids");
    networks.push_back(NetworkId{network});
  }
  return SyncFrame(frame);
}

SyncFrame decode_summary(const wire::SyncFrame::Summary& in) {
  SummaryFrame frame{in.bucket_mask(), {}, in.last()};
  for (const auto& version : in.slots()) frame.versions.push_back(version_from(version));
  return frame;
}

SyncFrame decode_want(const wire::SyncFrame::Want& in) {
  WantFrame frame;
  for (const auto& slot : in.slots()) frame.slots.push_back(slot_from(slot));
  frame.origins = {in.origins().begin(), in.origins().end()};
  frame.last = in.last();
  return frame;
}

SyncFrame decode_done(const wire::SyncFrame::Done& in) {
  return DoneFrame{in.partial(),
                   std::min(std::chrono::milliseconds(in.retry_after_ms()), kMaxRetryAfter)};
}

SyncFrame decode_heads(const wire::SyncFrame::Heads& in) {
  HeadsFrame frame{in.bucket_mask(), {}, in.last()};
  for (const auto& head : in.heads())
    frame.heads.push_back({head.origin(), head.count(), head.hash()});
  return frame;
}

Result<SyncFrame> decode_compare(const wire::SyncFrame::Compare& in) {
  CompareFrame frame{{}, in.last()};
  for (const auto& group : in.groups()) {
    if (group.bits() > kMaxPartBits ||
        static_cast<std::size_t>(group.parts_size()) != std::size_t{1} << group.bits())
      return Error("the parts of a group do not match its bits");
    frame.groups.push_back(
        {group.origin(), group.bits(), {group.parts().begin(), group.parts().end()}});
  }
  return SyncFrame(std::move(frame));
}

Result<SyncFrame> decode_parts(const wire::SyncFrame::Parts& in) {
  PartsFrame frame{{}, in.last()};
  for (const auto& group : in.groups()) {
    if (group.bits() > kMaxPartBits) return Error("a group has too many parts");
    auto differing = unpack(group.differing(), std::size_t{1} << group.bits());
    if (!differing) return std::move(differing).error();
    GroupVersions versions{group.origin(), group.bits(), std::move(*differing), {}};
    for (const auto& each : group.slots()) {
      versions.versions.push_back(version_from(each));
      versions.versions.back().slot.scope = group.origin();
    }
    frame.groups.push_back(std::move(versions));
  }
  return SyncFrame(std::move(frame));
}

// Sessions count slots and origins; so each must be small, or a peer with long ones could fill the
// memory long before it reaches a count.
bool is_origin(const std::string& origin) {
  return origin.size() <= kMaxOriginBytes;
}
bool are_slots(const auto& slots) {
  return std::all_of(slots.begin(), slots.end(), [](const auto& slot) {
    return slot.kind() <= kMaxKind && slot.id().size() <= kMaxIdBytes && is_origin(slot.scope());
  });
}

bool is_bounded(const wire::SyncFrame& in) {
  auto named = [](const auto& each) { return is_origin(each.origin()); };
  const auto& heads = in.heads().heads();
  const auto& compared = in.compare().groups();
  const auto& parts = in.parts().groups();
  const auto& origins = in.want().origins();
  return are_slots(in.summary().slots()) && are_slots(in.want().slots()) &&
         std::all_of(origins.begin(), origins.end(), is_origin) &&
         std::all_of(heads.begin(), heads.end(), named) &&
         std::all_of(compared.begin(), compared.end(), named) &&
         std::all_of(parts.begin(), parts.end(),
                     [&](const auto& group) { return named(group) && are_slots(group.slots()); });
}

Result<SyncFrame> decode_frame(std::string_view bytes) {
  wire::SyncFrame in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the bytes are no sync frame");
  if (!is_bounded(in)) return Error("a sync frame names a record that cannot be");
  switch (in.part_case()) {
    case wire::SyncFrame::kHello:
      return decode_hello(in.hello());
    case wire::SyncFrame::kSummary:
      return decode_summary(in.summary());
    case wire::SyncFrame::kWant:
      return decode_want(in.want());
    case wire::SyncFrame::kRecords:
      return SyncFrame(
          RecordsFrame{{in.records().records().begin(), in.records().records().end()}});
    case wire::SyncFrame::kDone:
      return decode_done(in.done());
    case wire::SyncFrame::kHeads:
      return decode_heads(in.heads());
    case wire::SyncFrame::kCompare:
      return decode_compare(in.compare());
    case wire::SyncFrame::kParts:
      return decode_parts(in.parts());
    case wire::SyncFrame::kTalk:
      return decode_talk(in.talk());
    case wire::SyncFrame::PART_NOT_SET:
      break;
  }
  return Error("a sync frame of an unknown kind");
}

}  // namespace

std::string encode_frame(const SyncFrame& frame) {
  wire::SyncFrame message;
  std::visit(Encoder{message}, frame);
  std::string body = message.SerializeAsString();
  auto length = static_cast<std::uint32_t>(body.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  return out + body;
}

Result<std::optional<SyncFrame>> take_frame(std::string& buffer) {
  if (buffer.size() < kFrameLengthBytes) return std::optional<SyncFrame>();
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameLengthBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(buffer[i]);
  if (length > kMaxFrameBytes) return Error("a sync frame is longer than allowed");
  if (buffer.size() < kFrameLengthBytes + length) return std::optional<SyncFrame>();
  auto frame = decode_frame(std::string_view(buffer).substr(kFrameLengthBytes, length));
  if (!frame) return std::move(frame).error();
  buffer.erase(0, kFrameLengthBytes + length);
  return std::optional<SyncFrame>(std::move(*frame));
}

}  // namespace sixpn::registry
