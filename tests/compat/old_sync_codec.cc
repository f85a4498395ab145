// Frozen: as sixpn 0.1 had it (commit 35bd160), under another namespace, to speak with today's.
// Never mended.
#include "tests/compat/old_sync_codec.h"

#include <algorithm>

#include "tests/compat/gossip.pb.h"

namespace sixpn::compat {

namespace {

void put(auto& out, const Slot& slot) {
  out.set_kind(static_cast<std::uint32_t>(slot.key.kind));
  out.set_id(slot.key.id);
  out.set_scope(slot.scope);
}

Slot slot_from(const auto& in) {
  return {{static_cast<RecordKind>(in.kind()), in.id()}, in.scope()};
}

struct Encoder {
  compat::wire::SyncFrame& out;

  void operator()(const HelloFrame& frame) const {
    auto* hello = out.mutable_hello();
    for (auto bucket : frame.buckets) hello->add_buckets(bucket);
  }
  void operator()(const SummaryFrame& frame) const {
    auto* summary = out.mutable_summary();
    summary->set_bucket_mask(frame.bucket_mask);
    summary->set_last(frame.last);
    for (const auto& version : frame.versions) {
      auto* added = summary->add_slots();
      put(*added, version.slot);
      added->set_major(version.stamp.major);
      added->set_minor(version.stamp.minor);
      added->set_digest(version.digest);
    }
  }
  void operator()(const WantFrame& frame) const {
    auto* want = out.mutable_want();
    for (const auto& slot : frame.slots) put(*want->add_slots(), slot);
  }
  void operator()(const RecordsFrame& frame) const {
    auto* records = out.mutable_records();
    for (const auto& wire : frame.wires) records->add_records(wire);
  }
  void operator()(const DoneFrame& frame) const { out.mutable_done()->set_partial(frame.partial); }
};

Result<SyncFrame> decode_hello(const compat::wire::SyncFrame::Hello& in) {
  HelloFrame frame;
  if (static_cast<std::size_t>(in.buckets_size()) != frame.buckets.size())
    return Error("a hello must have 64 bucket hashes");
  std::copy(in.buckets().begin(), in.buckets().end(), frame.buckets.begin());
  return SyncFrame(frame);
}

SyncFrame decode_summary(const compat::wire::SyncFrame::Summary& in) {
  SummaryFrame frame{in.bucket_mask(), {}, in.last()};
  for (const auto& version : in.slots())
    frame.versions.push_back(
        {slot_from(version), {version.major(), version.minor()}, version.digest()});
  return frame;
}

SyncFrame decode_want(const compat::wire::SyncFrame::Want& in) {
  WantFrame frame;
  for (const auto& slot : in.slots()) frame.slots.push_back(slot_from(slot));
  return frame;
}

Result<SyncFrame> decode_frame(std::string_view bytes) {
  compat::wire::SyncFrame in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the bytes are no sync frame");
  switch (in.part_case()) {
    case compat::wire::SyncFrame::kHello:
      return decode_hello(in.hello());
    case compat::wire::SyncFrame::kSummary:
      return decode_summary(in.summary());
    case compat::wire::SyncFrame::kWant:
      return decode_want(in.want());
    case compat::wire::SyncFrame::kRecords:
      return SyncFrame(
          RecordsFrame{{in.records().records().begin(), in.records().records().end()}});
    case compat::wire::SyncFrame::kDone:
      return SyncFrame(DoneFrame{in.done().partial()});
    case compat::wire::SyncFrame::PART_NOT_SET:
      break;
  }
  return Error("a sync frame of an unknown kind");
}

}  // namespace

std::uint64_t short_digest(const RecordDigest& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest.at(i);
  return value;
}

std::string encode_frame(const SyncFrame& frame) {
  compat::wire::SyncFrame message;
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

}  // namespace sixpn::compat
