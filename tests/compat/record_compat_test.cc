// Records: what sixpn 0.1 wrote is read today, what is written today is read by sixpn 0.1, and what
// a version to come writes passes through today's hosts untouched, and still verifies.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "registry/core/gossip.h"
#include "registry/core/record.pb.h"
#include "registry/core/sync_session.h"
#include "tests/compat/record.pb.h"
#include "tests/fuzz/record_pool.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::compat {
namespace {

using namespace registry;

const sim::EnrolledHost& writer() {
  static const sim::EnrolledHost made = fuzz::pool_cluster().enrol(1);
  return made;
}

// The body, signed as a writer of any version signs: over the bytes as they are.
std::string sealed(const std::string& body, const sim::EnrolledHost& by = writer()) {
  std::string message = "sixpn record v1";
  message += '\0';
  message += body;
  compat::wire::SignedRecord envelope;
  envelope.set_body(body);
  envelope.set_signature(std::string(as_bytes(by.key.sign(message))));
  return envelope.SerializeAsString();
}

std::unique_ptr<google::protobuf::Message> old_value(std::uint32_t kind) {
  switch (static_cast<RecordKind>(kind)) {
    case RecordKind::kHost:
      return std::make_unique<compat::wire::Host>();
    case RecordKind::kMachine:
      return std::make_unique<compat::wire::Machine>();
    case RecordKind::kOrg:
      return std::make_unique<compat::wire::Org>();
    case RecordKind::kNetwork:
      return std::make_unique<compat::wire::Network>();
    case RecordKind::kApp:
      return std::make_unique<compat::wire::App>();
    case RecordKind::kFlycast:
      return std::make_unique<compat::wire::Flycast>();
    case RecordKind::kPeer:
      return std::make_unique<compat::wire::Peer>();
    case RecordKind::kRevocation:
      return std::make_unique<compat::wire::Revocation>();
    default:
      return nullptr;  // sixpn 0.1 keeps it opaque
  }
}

// What sixpn 0.1 can say of a record: its services have fewer fields, a machine has one health, and
// an app no checks of its own.
Record known_to_old(Record record) {
  if (auto* machine = std::get_if<MachineRecord>(&record.value)) {
    machine->service_health = {};
    machine->app_health = Health::kUnknown;
  }
  if (auto* host = std::get_if<HostValue>(&record.value)) {
    (*host)->spare_key = {};
    (*host)->spare_port = 0;
    (*host)->key_proofs = "";
  }
  auto* value = std::get_if<AppValue>(&record.value);
  if (value == nullptr) return record;
  AppRecord& app = **value;
  app.checks.clear();
  for (Service& service : app.services) {
    Service old;
    old.protocol = service.protocol;
    old.internal_port = service.internal_port;
    for (const ServicePort& port : service.ports)
      old.ports.push_back({port.first, port.last, port.handlers, port.force_https});
    old.groups = service.groups;
    old.concurrency = service.concurrency;
    old.soft_limit = service.soft_limit;
    old.hard_limit = service.hard_limit;
    old.auto_start = service.auto_start;
    service = old;
  }
  return record;
}

// Every record that today's hosts write parses by the old schema, down to its value; and what the
// old schema knows of it, said again by an old host, means the same today.
TEST(RecordCompat, OldReadsNewAndNewReadsOld) {
  std::set<std::uint32_t> kinds;
  for (const auto& record : fuzz::record_pool()) {
    compat::wire::SignedRecord envelope;
    compat::wire::RecordBody body;
    ASSERT_TRUE(envelope.ParseFromString(record->wire()));
    ASSERT_TRUE(body.ParseFromString(envelope.body()));
    EXPECT_EQ(body.id(), record->record.key.id);
    EXPECT_EQ(body.writer(), record->record.writer.value);
    EXPECT_EQ(body.tombstone(), record->record.tombstone);
    auto value = old_value(body.kind());
    if (!value || body.tombstone()) continue;
    kinds.insert(body.kind());
    ASSERT_TRUE(value->ParseFromString(body.value())) << to_string(record->record.key);
    value->DiscardUnknownFields();
    body.DiscardUnknownFields();
    body.set_value(value->SerializeAsString());
    auto again = decode_record(sealed(body.SerializeAsString()));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)->record, known_to_old(record->record)) << to_string(record->record.key);
  }
  EXPECT_EQ(kinds.size(), 8U);  // every kind that there was
}

// ---- a version to come
// -----------------------------------------------------------------------------

// A field that no schema has, with text in it.
void add_unknown(google::protobuf::Message& message) {
  message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(777, "from tomorrow");
}

struct Tomorrow {
  std::string what;
  std::string wire;
};

std::vector<Tomorrow> records_of_tomorrow() {
  std::vector<Tomorrow> out;
  for (const auto& record : fuzz::record_pool()) {
    if (record->record.writer != writer().id || record->record.tombstone ||
        !verify_record(*record, writer().key.public_key()))
      continue;
    compat::wire::SignedRecord envelope;
    compat::wire::RecordBody body;
    envelope.ParseFromString(record->wire());
    body.ParseFromString(envelope.body());
    auto value = old_value(body.kind());
    if (!value) continue;
    value->ParseFromString(body.value());
    add_unknown(*value);
    add_unknown(body);
    body.set_value(value->SerializeAsString());
    body.set_major(body.major() + 1);
    out.push_back({to_string(record->record.key), sealed(body.SerializeAsString())});
  }
  for (const char* org : {"", "acme"}) {  // owned and shared kinds that are not known yet
    compat::wire::RecordBody body;
    body.set_kind(200);
    body.set_id("thing");
    body.set_writer(writer().id.value);
    body.set_major(7);
    body.set_minor(writer().id.value);
    body.set_org(org);
    body.set_value("whatever it is");
    add_unknown(body);
    out.push_back({std::string("kind 200 of org ") + org, sealed(body.SerializeAsString())});
  }
  return out;
}

TEST(RecordCompat, WhatIsNotKnownYetPassesThroughAHostUntouched) {
  const auto records = records_of_tomorrow();
  ASSERT_GT(records.size(), 10U);
  Store first(fuzz::pool_cluster().root().public_key());
  Store second(fuzz::pool_cluster().root().public_key());
  for (Store* store : {&first, &second}) {
    ASSERT_EQ(store->merge(writer().signed_host(), fuzz::kPoolTime), Verdict::kAccepted);
  }
  std::set<std::string> wires;
  for (const auto& [what, wire] : records) {
    auto decoded = decode_record(wire);
    ASSERT_TRUE(decoded) << what << ": " << decoded.error().message;
    EXPECT_TRUE(verify_record(**decoded, writer().key.public_key())) << what;
    first.merge(*decoded, fuzz::kPoolTime);
  }
  for (const auto& record : first.records()) wires.insert(record->wire());
  EXPECT_GT(wires.size(), 8U);
  // On to the next host by anti-entropy, and from there byte by byte the same.
  SyncSession from(SyncSession::Role::kInitiator, second);
  SyncSession to(SyncSession::Role::kResponder, first);
  for (int turn = 0; turn < 1000 && !(from.finished() && to.finished()); ++turn) {
    auto at_first = to.on_bytes(from.take_output());
    auto at_second = from.on_bytes(to.take_output());
    ASSERT_TRUE(at_first && at_second);
    for (const auto& record : *at_second) second.merge(record, fuzz::kPoolTime);
  }
  std::set<std::string> arrived;
  for (const auto& record : second.records()) arrived.insert(record->wire());
  EXPECT_EQ(arrived, wires);
  EXPECT_EQ(first.root_hash(), second.root_hash());
}

// Bytes that no signature covers are refused: a relay could else make a record new for ever.
TEST(RecordCompat, TheEnvelopeItselfNeverGrows) {
  compat::wire::SignedRecord envelope;
  envelope.ParseFromString(writer().signed_host()->wire());
  add_unknown(envelope);
  EXPECT_FALSE(decode_record(envelope.SerializeAsString()));
}

}  // namespace
}  // namespace sixpn::compat
