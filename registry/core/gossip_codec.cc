#include "registry/core/gossip_codec.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/encoding.h"
#include "registry/core/gossip.pb.h"
#include "registry/core/wire_values.h"

namespace sixpn::registry {
namespace {

std::uint32_t to_ms(Duration d) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(ms, 0, std::numeric_limits<std::uint32_t>::max()));
}

bool take(const wire::Probe& in, ProbeMessage& out) {
  out.kind = static_cast<ProbeMessage::Kind>(in.kind());
  out.sequence = in.sequence();
  out.target = HostId{in.target()};
  return in.kind() >= static_cast<std::uint32_t>(ProbeMessage::Kind::kPing) &&
         in.kind() <= static_cast<std::uint32_t>(ProbeMessage::Kind::kNack);
}

// An absent signature is all zero: members of older versions do not sign.
bool take(const std::string& in, Signature& out) {
  if (in.empty()) return true;
  auto bytes = to_array<std::tuple_size_v<Signature>>(in);
  if (bytes) out = *bytes;
  return bytes.has_value();
}

bool take(const wire::MemberUpdate& in, MemberUpdate& out) {
  out.host = HostId{in.host()};
  out.status = static_cast<HostStatus>(in.status());
  out.incarnation = in.incarnation();
  out.accuser = HostId{in.accuser()};
  if (in.status() < static_cast<std::uint32_t>(HostStatus::kAlive) ||
      in.status() > static_cast<std::uint32_t>(HostStatus::kLeft) ||
      static_cast<std::size_t>(in.accusers_size()) > kMaxAccusers ||
      in.accusers_size() != in.signatures_size() || !take(in.signature(), out.signature))
    return false;
  for (int i = 0; i < in.accusers_size(); ++i) {
    auto& added = out.accusers.emplace_back();
    added.accuser = HostId{in.accusers(i)};
    if (!take(in.signatures(i), added.signature)) return false;
  }
  return true;
}

void put(const MemberUpdate& in, wire::MemberUpdate& out) {
  out.set_host(in.host.value);
  out.set_status(static_cast<std::uint32_t>(in.status));
  out.set_incarnation(in.incarnation);
  out.set_accuser(in.accuser.value);
  if (is_signed(in.signature)) out.set_signature(std::string(as_bytes(in.signature)));
  for (const auto& each : in.accusers) {
    out.add_accusers(each.accuser.value);
    out.add_signatures(std::string(as_bytes(each.signature)));
  }
}

bool take(const wire::Push& in, PushHeader& out) {
  if (in.inner_size() > static_cast<int>(kMaxInner) || in.tree() >= kTreeCount ||
      in.heads_size() > static_cast<int>(kMaxRecordsPerDatagram))
    return false;
  out.level = static_cast<RelayLevel>(in.level());
  out.tree = static_cast<std::uint8_t>(in.tree());
  out.sequence = in.sequence();
  for (std::uint32_t host : in.inner()) out.inner.push_back(HostId{host});
  out.heads.assign(in.heads().begin(), in.heads().end());
  return in.level() >= static_cast<std::uint32_t>(RelayLevel::kEntry) &&
         in.level() <= static_cast<std::uint32_t>(RelayLevel::kSibling);
}

void put(const PushHeader& in, wire::Push& out) {
  out.set_level(static_cast<std::uint32_t>(in.level));
  out.set_tree(in.tree);
  out.set_sequence(in.sequence);
  for (HostId host : in.inner) out.add_inner(host.value);
  for (std::uint64_t head : in.heads) out.add_heads(head);
}

bool take(const wire::Fragment& in, RecordFragment& out) {
  out = {in.head(), in.size(), in.index(), in.bytes()};
  return is_well_formed(out);
}

void put(const RecordFragment& in, wire::Fragment& out) {
  out.set_head(in.head);
  out.set_size(in.size);
  out.set_index(in.index);
  out.set_bytes(in.bytes);
}

bool fits(const wire::Datagram& in) {
  auto most = [](int count, std::size_t limit) { return static_cast<std::size_t>(count) <= limit; };
  return most(in.updates_size(), kMaxUpdatesPerDatagram) &&
         most(in.records_size(), kMaxRecordsPerDatagram) &&
         most(in.acks_size(), kMaxAcksPerDatagram) && most(in.ihave_size(), kMaxHeads) &&
         most(in.again_size(), kMaxAcksPerDatagram) && most(in.pull_size(), kMaxHeads) &&
         most(in.pull_hosts_size(), kMaxHostsPulled);
}

auto fields(const ProbeMessage& p) {
  return std::tuple(p.kind, p.sequence, p.target);
}

}  // namespace

bool operator==(const GossipDatagram& a, const GossipDatagram& b) {
  bool probes = a.probe.has_value() == b.probe.has_value() &&
                (!a.probe || fields(*a.probe) == fields(*b.probe));
  return probes && a.incarnation == b.incarnation && a.root_hash == b.root_hash &&
         a.stable == b.stable && a.wants_claim == b.wants_claim && a.updates == b.updates &&
         a.records == b.records && a.fragment == b.fragment && a.push == b.push &&
         a.acks == b.acks && a.again == b.again && a.ihave == b.ihave && a.pull == b.pull &&
         a.pull_hosts == b.pull_hosts && a.wall == b.wall;
}

std::string encode_datagram(const GossipDatagram& datagram) {
  wire::Datagram out;
  out.set_incarnation(datagram.incarnation);
  out.set_root_hash(datagram.root_hash);
  out.set_stable_ms(to_ms(datagram.stable));
  if (datagram.probe) {
    auto* probe = out.mutable_probe();
    probe->set_kind(static_cast<std::uint32_t>(datagram.probe->kind));
    probe->set_sequence(datagram.probe->sequence);
    probe->set_target(datagram.probe->target.value);
  }
  out.set_wants_claim(datagram.wants_claim);
  for (const auto& update : datagram.updates) put(update, *out.add_updates());
  for (const auto& record : datagram.records) out.add_records(record);
  if (datagram.fragment) put(*datagram.fragment, *out.mutable_fragment());
  if (datagram.push) put(*datagram.push, *out.mutable_push());
  for (std::uint32_t sequence : datagram.acks) out.add_acks(sequence);
  for (std::uint32_t sequence : datagram.again) out.add_again(sequence);
  for (std::uint64_t head : datagram.ihave) out.add_ihave(head);
  for (std::uint64_t head : datagram.pull) out.add_pull(head);
  for (HostId host : datagram.pull_hosts) out.add_pull_hosts(host.value);
  if (datagram.wall) out.set_wall_ms(static_cast<std::uint64_t>(unix_ms(*datagram.wall)));
  return out.SerializeAsString();
}

// Repeated fields of concatenated messages add up (Protocol Buffers encoding, "Last One Wins").
void append_acks(std::string& encoded, const std::vector<std::uint32_t>& acks) {
  if (acks.empty()) return;
  wire::Datagram tail;
  for (std::uint32_t sequence : acks) tail.add_acks(sequence);
  tail.AppendToString(&encoded);
}

Result<GossipDatagram> decode_datagram(std::string_view bytes) {
  if (bytes.size() > kMaxDatagramBytes) return Error("the datagram is too long");
  wire::Datagram in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the bytes are no gossip datagram");
  if (!fits(in)) return Error("the datagram has too many parts");
  GossipDatagram out;
  out.incarnation = in.incarnation();
  out.root_hash = in.root_hash();
  out.stable = std::chrono::milliseconds(in.stable_ms());
  out.wants_claim = in.wants_claim();
  if (in.has_probe() && !take(in.probe(), out.probe.emplace()))
    return Error("the datagram has an unknown kind of probe");
  for (const auto& update : in.updates())
    if (!take(update, out.updates.emplace_back()))
      return Error("the datagram has a member update of unknown status or with odd signatures");
  out.records.assign(in.records().begin(), in.records().end());
  if (in.has_fragment() && !take(in.fragment(), out.fragment.emplace()))
    return Error("the datagram has a fragment that is of no record");
  if (in.has_push() && !take(in.push(), out.push.emplace()))
    return Error("the datagram has an unknown level or tree of a push");
  out.acks.assign(in.acks().begin(), in.acks().end());
  out.again.assign(in.again().begin(), in.again().end());
  out.ihave.assign(in.ihave().begin(), in.ihave().end());
  out.pull.assign(in.pull().begin(), in.pull().end());
  for (std::uint32_t host : in.pull_hosts()) out.pull_hosts.push_back(HostId{host});
  // Only reported: a time that is no date is left out.
  if (in.wall_ms() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    out.wall = decode_unix_ms(static_cast<std::int64_t>(in.wall_ms()));
  return out;
}

}  // namespace sixpn::registry
