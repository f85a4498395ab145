// Gossip datagrams, records and the streams of anti-entropy.
#include "registry/core/gossip_codec.h"
#include "registry/core/record.pb.h"
#include "registry/core/signed_record.h"
#include "registry/core/sync_codec.h"
#include "registry/core/sync_session.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/sync_store.h"
#include "tests/fuzz/targets.h"
#include "tests/sim/enrolled_host.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::fuzz {
namespace {

using namespace registry;

const sim::TestCluster& cluster() {
  static const sim::TestCluster made;
  return made;
}

const sim::EnrolledHost& host(unsigned index) {
  static const sim::EnrolledHost made[] = {cluster().enrol(1), cluster().enrol(2)};
  return made[index];
}

// What is decoded says the same when it is said again, by whoever holds the key.
void check_record(const std::string& wire) {
  auto decoded = decode_record(wire);
  if (!decoded) {
    SIXPN_PROMISE(!decoded.error().message.empty());
    return;
  }
  const SignedRecord& record = **decoded;
  SIXPN_PROMISE(record.wire() == wire && record.digest == digest_of(hash(wire)));
  SIXPN_PROMISE(to_string(record.record.key).size() < 1024);
  auto again = sign_record(record.record, host(0).key);
  SIXPN_PROMISE(again.has_value());
  SIXPN_PROMISE((*again)->record == record.record);
  SIXPN_PROMISE(!verify_record(record, cluster().root().public_key()));
}

Store some_store() {
  Store store(cluster().root().public_key());
  WallTime now = from_unix_ms(1'800'000'000'000);
  for (unsigned i : {0U, 1U}) store.merge(host(i).signed_host(), now);
  Rng rng(7);
  for (int i = 0; i < 40; ++i) store.merge(host(0).sign(test::random_record(host(0), rng)), now);
  SIXPN_PROMISE(store.records().size() > 10);
  return store;
}

}  // namespace

const Store& sync_store() {
  static const Store made = some_store();
  return made;
}

// A datagram that decodes is the value that its canonical bytes mean, and those are no longer.
void datagram(std::string_view bytes) {
  auto decoded = decode_datagram(bytes);
  if (!decoded) return;
  SIXPN_PROMISE(bytes.size() <= kMaxDatagramBytes);
  SIXPN_PROMISE(decoded->updates.size() <= kMaxUpdatesPerDatagram);
  SIXPN_PROMISE(decoded->records.size() <= kMaxRecordsPerDatagram);
  std::string canonical = encode_datagram(*decoded);
  auto again = decode_datagram(canonical);
  SIXPN_PROMISE(again.has_value() && *again == *decoded);
  SIXPN_PROMISE(encode_datagram(*again) == canonical);
}

// As a whole record; as a body in a well-formed envelope, which mutation alone seldom hits.
void record(std::string_view bytes) {
  check_record(std::string(bytes));
  wire::SignedRecord envelope;
  envelope.set_body(std::string(bytes));
  envelope.set_signature(std::string(64, 's'));
  check_record(envelope.SerializeAsString());
}

// Frames are taken off the front whole, one by one, and mean what their own encoding means.
void sync_frame(std::string_view bytes) {
  std::string buffer(bytes);
  for (;;) {
    std::size_t before = buffer.size();
    auto frame = take_frame(buffer);
    if (!frame) return;
    if (!frame->has_value()) {
      SIXPN_PROMISE(buffer.size() == before && before < kFrameLengthBytes + kMaxFrameBytes);
      return;
    }
    SIXPN_PROMISE(buffer.size() + kFrameLengthBytes <= before);
    std::string canonical = encode_frame(**frame);
    auto again = take_frame(canonical);
    SIXPN_PROMISE(again && again->has_value() && **again == **frame && canonical.empty());
  }
}

// A peer that says anything, in pieces of any size, to either role: the session ends in an error,
// or goes on; it answers with whole frames and no more of them than the store and the input give
// reason for; and it never reads the store's end wrong when records go meanwhile.
void sync_stream(std::string_view bytes) {
  const Store& store = sync_store();
  Choices choices(bytes);
  bool responder = (choices.byte() & 1) != 0;
  SyncSession session(responder ? SyncSession::Role::kResponder : SyncSession::Role::kInitiator,
                      store);
  std::size_t received = 0;
  auto drain = [&session] {
    std::string sent;
    for (;;) {
      std::string output = session.take_output();
      if (output.empty()) break;
      sent += output;
    }
    while (!sent.empty()) {
      auto frame = take_frame(sent);
      SIXPN_PROMISE(frame && frame->has_value());
    }
  };
  drain();
  while (!choices.empty()) {
    std::size_t piece = 1 + choices.byte() * std::size_t{8};
    auto records = session.on_bytes(choices.take(piece));
    if (!records) return;
    received += records->size();
    drain();
  }
  SIXPN_PROMISE(received + session.malformed() <= bytes.size());
}

}  // namespace sixpn::fuzz
