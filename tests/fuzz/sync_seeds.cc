// Frames of anti-entropy, each part of them, and what either end of whole sessions says.
#include "registry/core/sync_session.h"
#include "tests/fuzz/record_pool.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/sync_store.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::fuzz {
namespace {

using namespace registry;
using Role = SyncSession::Role;

constexpr const char* kOrg = "acme";

std::vector<SlotVersion> versions(const std::string& scope) {
  return {{{machine_key(MachineId{0x1001}), scope}, {1, 2}, 3},
          {{app_key(test::kTestNetwork, "web"), scope}, {4, 5}, 6}};
}

BucketHashes hashes(std::uint64_t first) {
  BucketHashes out{};
  for (auto& each : out) each = first++;
  return out;
}

struct NamedFrame {
  const char* name;
  SyncFrame frame;
};

std::vector<NamedFrame> frames() {
  HelloFrame hello{hashes(1), kSyncByHeads, hashes(100), true, {}};
  HelloFrame some = hello;
  some.selection = {false, {test::kTestNetwork, test::kOtherNetwork}};
  const std::string host = to_string(sim::host_id(1));
  return {{"hello-heads", hello},
          {"hello-some", some},
          {"hello-slots", HelloFrame{hashes(1), kSyncBySlots, {}, false, {}}},
          {"summary", SummaryFrame{0x3, versions(kOrg), true}},
          {"want", WantFrame{{{machine_key(MachineId{0x1001}), host}}, {kOrg, host}, true}},
          {"records", RecordsFrame{{full_records().front().record->wire(), "none"}}},
          {"done", DoneFrame{true, {}}},
          {"refusal", DoneFrame{false, std::chrono::seconds(5)}},
          {"talk", TalkFrame{{"a datagram", ""}}},
          {"heads", HeadsFrame{0x5, {{kOrg, 2, 7}, {host, 300, 8}}, true}},
          {"compare", CompareFrame{{{kOrg, 0, {1}}, {host, 3, {1, 2, 3, 4, 5, 6, 7, 8}}}, true}},
          {"parts",
           PartsFrame{{{kOrg, 0, {true}, versions(kOrg)},
                       {host, 4,
                        std::vector<bool>{true, false, true, false, false, false, false, false,
                                          true, false, false, false, false, false, false, true},
                        versions(host)}},
                      true}}};
}

// As sync_stream() reads it: the role of its own end, then pieces, each behind a byte that says
// how long it is.
std::string stream(Role role, const std::string& bytes) {
  std::string out(1, role == Role::kResponder ? '\1' : '\0');
  constexpr std::size_t kPiece = 1 + 0xff * 8;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece)
    out += '\xff' + bytes.substr(at, kPiece);
  return out;
}

// Lacks some of sync_store(), and has what that lacks.
Store another_store() {
  Store out(pool_cluster().root().public_key());
  int i = 0;
  for (const auto& record : sync_store().records())
    if (record->record.key.kind == RecordKind::kHost || ++i % 5 != 0) out.merge(record, kPoolTime);
  const sim::EnrolledHost host = pool_cluster().enrol(2);
  Rng rng(8);
  for (int k = 0; k < 3; ++k) out.merge(host.sign(test::random_record(host, rng)), kPoolTime);
  return out;
}

std::string all_of(SyncSession& session) {
  std::string out;
  for (;;) {
    std::string more = session.take_output();
    if (more.empty()) return out;
    out += more;
  }
}

// All that the other end of a session says, when the target plays `role`.
std::string said_to(Role role, const SyncOptions& theirs) {
  const Store store = another_store();
  SyncSession target(role, sync_store());
  SyncSession other(role == Role::kInitiator ? Role::kResponder : Role::kInitiator, store, theirs);
  std::string said;
  for (std::string to_other = all_of(target), to_target = all_of(other);
       !to_other.empty() || !to_target.empty();) {
    said += to_target;
    static_cast<void>(target.on_bytes(to_target));
    static_cast<void>(other.on_bytes(to_other));
    to_other = all_of(target);
    to_target = all_of(other);
  }
  return stream(role, said);
}

}  // namespace

void add_sync(Seeds& seeds) {
  for (const auto& [name, frame] : frames()) seeds.add("sync_frame", name, encode_frame(frame));
  const SyncOptions by_slots{kSyncBySlots, false, {}};
  const SyncOptions some{kSyncByHeads, true, {false, {test::kTestNetwork}}};
  seeds.add("sync_stream", "to-responder-heads", said_to(Role::kResponder, {}));
  seeds.add("sync_stream", "to-responder-some", said_to(Role::kResponder, some));
  seeds.add("sync_stream", "to-responder-slots", said_to(Role::kResponder, by_slots));
  seeds.add("sync_stream", "to-initiator-heads", said_to(Role::kInitiator, {}));
  seeds.add("sync_stream", "to-initiator-slots", said_to(Role::kInitiator, by_slots));
  seeds.add("sync_stream", "refusal",
            stream(Role::kInitiator, encode_frame(DoneFrame{false, std::chrono::seconds(5)})));
  seeds.add("sync_stream", "question",
            stream(Role::kResponder, encode_frame(TalkFrame{{"a datagram"}})));
  std::string claims = encode_frame(HelloFrame{hashes(1), kSyncByHeads, hashes(100), false, {}});
  for (const auto& [name, frame] : frames())
    if (std::holds_alternative<CompareFrame>(frame) || std::holds_alternative<WantFrame>(frame))
      claims += encode_frame(frame);
  seeds.add("sync_stream", "claims", stream(Role::kResponder, claims));
}

}  // namespace sixpn::fuzz
