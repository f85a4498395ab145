// Datagrams with each of their parts, and programs that tell them to a Gossip.
#include "registry/core/claim.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/seeds.h"

namespace sixpn::fuzz {
namespace {

using namespace registry;
using Kind = ProbeMessage::Kind;

GossipDatagram of_sender() {
  GossipDatagram out;
  out.incarnation = 1000 << kLifeBits;
  out.root_hash = 0x1234'5678'9abc'def0;
  out.stable = std::chrono::seconds(3);
  return out;
}

GossipDatagram probe(Kind kind) {
  GossipDatagram out = of_sender();
  out.probe.emplace();
  out.probe->kind = kind;
  out.probe->sequence = 5;
  out.probe->target = sim::host_id(2);
  out.wants_claim = kind == Kind::kPing;
  out.wall = kPoolTime;
  return out;
}

Signature claimed(HostStatus what, const sim::EnrolledHost& by) {
  return sign_claim({what, sim::host_id(2), 1001, by.id}, by.key);
}

MemberUpdate update(HostStatus status) {
  const sim::EnrolledHost host = pool_cluster().enrol(2);
  const sim::EnrolledHost accuser = pool_cluster().enrol(3);
  MemberUpdate out;
  out.host = host.id;
  out.status = status;
  out.incarnation = 1001;
  if (status == HostStatus::kSuspected) {
    out.accuser = accuser.id;
    out.signature = claimed(status, accuser);
  } else if (status == HostStatus::kDown) {
    for (unsigned i : {3U, 4U, 5U}) {
      const sim::EnrolledHost each = pool_cluster().enrol(i);
      out.accusers.push_back({each.id, claimed(HostStatus::kSuspected, each)});
    }
  } else {
    out.signature = claimed(status, host);
  }
  return out;
}

GossipDatagram push(RelayLevel level) {
  GossipDatagram out = of_sender();
  out.push.emplace();
  out.push->level = level;
  out.push->tree = static_cast<std::uint8_t>(level);
  out.push->sequence = 70'000;
  if (level == RelayLevel::kInner || level == RelayLevel::kSibling)
    out.push->inner = {sim::host_id(0), sim::host_id(3)};
  return out;
}

SignedRecordPtr record_named(const std::string& name) {
  for (const auto& [each, record] : full_records())
    if (each == name) return record;
  return nullptr;
}

std::uint64_t head_of(const SignedRecord& record) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | record.digest.at(i);
  return out;
}

void add_programs(Seeds& seeds) {
  std::string all;
  for (const auto& [name, datagram] : full_datagrams()) {
    std::string bytes = encode_datagram(datagram);
    if (bytes.size() > 0xff) continue;
    std::string step = {3, 2, 0, 0, static_cast<char>(bytes.size())};  // from a member, as it is
    step += bytes;
    all += step + std::string("\4\0\0\0\1\0", 6);  // then 256 ms pass
  }
  seeds.add("gossip", "each-datagram", all);
  std::string heard;
  for (char i = 0; i < 80; ++i) {
    heard += {static_cast<char>(i % 2), static_cast<char>(1 + i % 4), '\0', i};  // as is, altered
    if (i % 2 == 1) heard += {static_cast<char>(i % 6), i, i, i};
    if (i % 8 == 7) heard += {4, 0, 0, 0, 0, 100};
    if (i % 16 == 15) heard += {5, 1, 0, 0, 2, 0, i, 0, static_cast<char>(i + 1), 0, 3};
    if (i % 32 == 31) heard += {6, 1, 0, 0, 1, 7, 1, 0, 0, 0, 0, i};
  }
  seeds.add("gossip", "heard", heard);
}

}  // namespace

std::vector<NamedDatagram> full_datagrams() {
  std::vector<NamedDatagram> out = {{"ping", probe(Kind::kPing)},
                                    {"ack", probe(Kind::kAck)},
                                    {"ping-request", probe(Kind::kPingRequest)},
                                    {"nack", probe(Kind::kNack)}};
  auto updates = [&](const char* name, std::vector<MemberUpdate> of) {
    GossipDatagram datagram = of_sender();
    datagram.updates = std::move(of);
    out.push_back({name, std::move(datagram)});
  };
  updates("update-alive", {update(HostStatus::kAlive)});
  updates("update-suspected", {update(HostStatus::kSuspected)});
  updates("update-down", {update(HostStatus::kDown)});
  updates("update-left", {update(HostStatus::kLeft)});
  GossipDatagram entry = push(RelayLevel::kEntry);
  entry.records = {record_named("machine-started")->wire(), record_named("interest")->wire()};
  out.push_back({"push-entry", entry});
  GossipDatagram inner = push(RelayLevel::kInner);
  inner.records = {record_named("machine-erased")->wire()};
  inner.updates = {update(HostStatus::kAlive), update(HostStatus::kLeft)};
  out.push_back({"push-inner", inner});
  GossipDatagram sibling = push(RelayLevel::kSibling);
  sibling.records = {record_named("tls_grant")->wire()};
  out.push_back({"push-sibling", sibling});
  const std::uint64_t head = head_of(*record_named("machine-started"));
  GossipDatagram reminder = push(RelayLevel::kLeaf);
  reminder.push->heads = {head, head + 1};
  out.push_back({"push-reminder", reminder});
  GossipDatagram fragment = push(RelayLevel::kLeaf);
  fragment.fragment = {head, 1170, 1, std::string(170, 'f')};
  out.push_back({"push-fragment", fragment});
  GossipDatagram answers = of_sender();
  answers.acks = {70'000, 70'001};
  answers.again = {70'002};
  out.push_back({"acks-again", answers});
  GossipDatagram repair = of_sender();
  repair.ihave = {head, 1};
  repair.pull = {2, ~0ULL};
  repair.pull_hosts = {sim::host_id(3), sim::host_id(9)};
  out.push_back({"ihave-pull", repair});
  return out;
}

void add_gossip(Seeds& seeds) {
  for (const auto& [name, datagram] : full_datagrams()) {
    std::string bytes = encode_datagram(datagram);
    seeds.add("datagram", name, bytes);
    if (name != "push-reminder") continue;
    append_acks(bytes, {1, 2, 3});
    seeds.add("datagram", "acks-behind", bytes);
  }
  add_programs(seeds);
}

}  // namespace sixpn::fuzz
