#include "registry/core/sync_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using ::testing::HasSubstr;
using Role = SyncSession::Role;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);

Store make_store() {
  return Store(kCluster.root().public_key());
}

void merge_all(Store& store, const std::vector<SignedRecordPtr>& records) {
  for (const auto& record : records) store.merge(record, kNow);
}

struct Traffic {
  std::size_t bytes = 0;
  bool settled = false;
};

// Runs one session, `chunk` bytes at a time in each direction.
Traffic synchronise(Store& near, Store& far, std::size_t chunk = 1500) {
  SyncSession a(Role::kInitiator, near);
  SyncSession b(Role::kResponder, far);
  Traffic traffic;
  auto carry = [&](SyncSession& from, SyncSession& to, Store& into) {
    bool moved = false;
    for (std::string out = from.take_output(); !out.empty(); out = from.take_output()) {
      moved = true;
      traffic.bytes += out.size();
      for (std::size_t at = 0; at < out.size(); at += chunk) {
        auto records = to.on_bytes(std::string_view(out).substr(at, chunk));
        EXPECT_TRUE(records) << records.error().message;
        if (!records) return false;
        merge_all(into, *records);
      }
    }
    return moved;
  };
  while (carry(a, b, far) || carry(b, a, near)) {
  }
  EXPECT_TRUE(a.finished());
  EXPECT_TRUE(b.finished());
  traffic.settled = a.settled();
  return traffic;
}

TEST(SyncSession, TwoStoresBecomeOne) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    Store near = make_store();
    Store far = make_store();
    std::vector<sim::EnrolledHost> hosts = {kCluster.enrol(1), kCluster.enrol(2),
                                            kCluster.enrol(3)};
    for (const auto& host : hosts) {
      // Some hosts are known on one side only: their record must travel before what they wrote.
      if (rng.chance(0.7)) near.merge(host.signed_host(1, 1 + rng.below(3)), kNow);
      if (rng.chance(0.7)) far.merge(host.signed_host(1, 1 + rng.below(3)), kNow);
    }
    for (int i = 0; i < 80; ++i) {
      const auto& host = hosts[rng.below(hosts.size())];
      auto record = host.sign(test::random_record(host, rng));
      (rng.chance(0.5) ? near : far).merge(record, kNow);
    }
    EXPECT_TRUE(synchronise(near, far, 1 + rng.below(900)).settled);
    EXPECT_EQ(near.root_hash(), far.root_hash()) << "seed " << seed;
    EXPECT_EQ(near.records().size(), far.records().size());
  }
}

TEST(SyncSession, EqualStoresExchangeHashesOnly) {
  Store near = make_store();
  Store far = make_store();
  for (auto* store : {&near, &far}) store->merge(kCluster.enrol(1).signed_host(), kNow);
  auto traffic = synchronise(near, far);
  EXPECT_TRUE(traffic.settled);
  EXPECT_LT(traffic.bytes, 700U);
}

TEST(SyncSession, TheFirstEnrolmentWinsOnBothSides) {
  for (bool swapped : {false, true}) {
    Store near = make_store();
    Store far = make_store();
    near.merge(kCluster.enrol(5, {"*"}, swapped ? 60 : 0).signed_host(1, 1), kNow);
    far.merge(kCluster.enrol(5, {"*"}, swapped ? 0 : 60).signed_host(9, 9), kNow);
    synchronise(near, far);
    EXPECT_EQ(near.root_hash(), far.root_hash());
    EXPECT_EQ(near.certificate_of(sim::host_id(5))->enrolled,
              kCluster.enrol(5, {"*"}, 0).certificate.enrolled);
  }
}

TEST(SyncSession, TheStoreMayChangeMeanwhile) {
  auto host = kCluster.enrol(1);
  Store near = make_store();
  Store far = make_store();
  near.merge(host.signed_host(), kNow);
  auto live = test::make_shared_record(host, OrgRecord{"acme"}, "acme", 1);
  auto dead = test::make_tombstone(live, 2, kNow - kTombstoneHorizon - std::chrono::seconds(1));
  near.merge(host.sign(live), kNow);
  near.merge(host.sign(dead), kNow);
  SyncSession a(Role::kInitiator, near);
  SyncSession b(Role::kResponder, far);
  ASSERT_TRUE(b.on_bytes(a.take_output()));
  ASSERT_TRUE(a.on_bytes(b.take_output()));  // what to send is decided now
  near.collect(kNow);                        // and one of it is gone
  for (std::string out = a.take_output(); !out.empty(); out = a.take_output()) {
    auto records = b.on_bytes(out);
    ASSERT_TRUE(records);
    merge_all(far, *records);
  }
  EXPECT_EQ(far.records().size(), 1U);
  EXPECT_TRUE(b.on_bytes("").has_value());
}

TEST(SyncSession, FramesOutOfTurnEndIt) {
  Store store = make_store();
  HelloFrame hello{store.bucket_hashes()};
  struct Case {
    Role role;
    std::vector<SyncFrame> frames;
    const char* says;
  };
  const Case cases[] = {
      {Role::kInitiator, {hello}, "a hello out of turn"},
      {Role::kInitiator, {WantFrame{}}, "wish for records out of turn"},
      {Role::kInitiator, {RecordsFrame{}}, "records out of turn"},
      {Role::kInitiator, {DoneFrame{}}, "farewell out of turn"},
      {Role::kInitiator, {SummaryFrame{0, {}, true}, SummaryFrame{}}, "summary out of turn"},
      {Role::kInitiator, {SummaryFrame{0, {SlotVersion{}}, true}}, "outside its buckets"},
      {Role::kResponder, {SummaryFrame{}}, "summary out of turn"},
      {Role::kResponder, {WantFrame{}}, "wish for records out of turn"},
      {Role::kResponder, {hello, hello}, "hello out of turn"},
      {Role::kResponder, {hello, DoneFrame{}, WantFrame{}}, "a frame out of turn"},
      {Role::kResponder, {hello, WantFrame{std::vector<Slot>(2000)}}, ""},
  };
  for (const auto& [role, frames, says] : cases) {
    SyncSession session(role, store);
    std::string bytes;
    for (const auto& frame : frames) bytes += encode_frame(frame);
    auto answer = session.on_bytes(bytes);
    EXPECT_EQ(answer.has_value(), *says == '\0');
    if (!answer) {
      EXPECT_THAT(answer.error().message, HasSubstr(says));
    }
  }
}

TEST(SyncSession, GarbageAndHugeFramesAreErrors) {
  Store store = make_store();
  EXPECT_THAT(SyncSession(Role::kResponder, store).on_bytes("\x7f\xff\xff\xff").error().message,
              HasSubstr("longer than allowed"));
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) {
    SyncSession session(rng.chance(0.5) ? Role::kResponder : Role::kInitiator, store);
    std::string bytes = {0, 0, 0, static_cast<char>(rng.below(40))};
    for (std::uint64_t n = rng.below(80); n > 0; --n) bytes += static_cast<char>(rng());
    static_cast<void>(session.on_bytes(bytes));
  }
}

TEST(SyncSession, AMalformedRecordIsCountedAndTheRestTaken) {
  auto host = kCluster.enrol(1);
  Store store = make_store();
  SyncSession session(Role::kResponder, store);
  std::string bytes = encode_frame(HelloFrame{{1}});
  bytes += encode_frame(RecordsFrame{{"rubbish", host.signed_host()->wire}});
  auto records = session.on_bytes(bytes);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 1U);
  EXPECT_EQ(session.malformed(), 1U);
}

TEST(SyncCodec, FramesSurviveTheWire) {
  SlotVersion version{{app_key(test::kTestNetwork, "web"), "acme"}, {7, 8}, 9};
  const SyncFrame frames[] = {HelloFrame{{1, 2, 3}}, SummaryFrame{5, {version}, true},
                              WantFrame{{version.slot}}, RecordsFrame{{"a", ""}}, DoneFrame{true}};
  for (const auto& frame : frames) {
    std::string bytes = encode_frame(frame) + "rest";
    auto taken = take_frame(bytes);
    ASSERT_TRUE(taken && *taken);
    EXPECT_EQ(**taken, frame);
    EXPECT_EQ(bytes, "rest");
  }
  std::string part = encode_frame(DoneFrame{true}).substr(0, 5);
  auto incomplete = take_frame(part);
  ASSERT_TRUE(incomplete);
  EXPECT_FALSE(*incomplete);
}

}  // namespace
}  // namespace sixpn::registry
