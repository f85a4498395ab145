#include "registry/core/sync_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "registry/core/record_rules.h"
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

struct Versions {
  std::uint32_t initiator = kSyncByHeads;
  std::uint32_t responder = kSyncByHeads;
  Selection selection{};
  bool first = false;
};

// Runs one session, `chunk` bytes at a time in each direction.
Traffic synchronise(Store& near, Store& far, std::size_t chunk = 1500, Versions versions = {}) {
  SyncSession a(
      Role::kInitiator, near,
      {.version = versions.initiator, .first = versions.first, .selection = versions.selection});
  SyncSession b(Role::kResponder, far, {.version = versions.responder});
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

class SyncVersions : public ::testing::TestWithParam<Versions> {};

// Each end speaks either exchange: sixpn 0.1 lists the slots of buckets.
INSTANTIATE_TEST_SUITE_P(SyncSession, SyncVersions,
                         ::testing::Values(Versions{kSyncByHeads, kSyncByHeads},
                                           Versions{kSyncBySlots, kSyncByHeads},
                                           Versions{kSyncByHeads, kSyncBySlots},
                                           Versions{kSyncBySlots, kSyncBySlots}));

TEST_P(SyncVersions, TwoStoresBecomeOne) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
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
    EXPECT_TRUE(synchronise(near, far, 1 + rng.below(900), GetParam()).settled);
    EXPECT_TRUE(near.check_invariants() && far.check_invariants());
    EXPECT_EQ(near.root_hash(), far.root_hash()) << "seed " << seed;
    EXPECT_EQ(near.records().size(), far.records().size());
  }
}

// Two hosts that hold different networks become equal in what both hold, and nothing else moves.
TEST(SyncSession, OnlyWhatIsSelectedMoves) {
  const Selection selections[] = {{false, {}}, {false, {test::kTestNetwork}}};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    const Selection& selection = selections[seed % 2];
    Store near = make_store();
    Store far = make_store();
    std::vector<sim::EnrolledHost> hosts = {kCluster.enrol(1), kCluster.enrol(2)};
    for (const auto& host : hosts) near.merge(host.signed_host(), kNow);
    if (rng.chance(0.5)) merge_all(far, {hosts[0].signed_host(), hosts[1].signed_host()});
    auto left_out = [&](const SignedRecordPtr& record) {
      return !selection.contains(interest_network(record->record));
    };
    for (int i = 0; i < 80; ++i) {
      const auto& host = hosts[rng.below(hosts.size())];
      auto record = host.sign(test::random_record(host, rng));
      (rng.chance(0.5) ? near : far).merge(record, kNow);
    }
    std::map<bool, std::set<Slot>> before;
    for (const auto* store : {&near, &far})
      for (const auto& record : store->records())
        before[store == &near].insert(slot_of(record->record));
    EXPECT_TRUE(synchronise(near, far, 1 + rng.below(900), {.selection = selection}).settled);
    EXPECT_TRUE(near.check_invariants() && far.check_invariants());
    EXPECT_EQ(near.root_hash(selection), far.root_hash(selection)) << "seed " << seed;
    // Unless it displaced what was there: a tombstone that names no network.
    for (const auto* store : {&near, &far})
      for (const auto& record : store->records())
        EXPECT_TRUE(!left_out(record) || before[store == &near].contains(slot_of(record->record)))
            << "seed " << seed;
  }
}

TEST(SyncSession, EqualStoresExchangeHashesOnly) {
  Store near = make_store();
  Store far = make_store();
  for (auto* store : {&near, &far}) store->merge(kCluster.enrol(1).signed_host(), kNow);
  auto traffic = synchronise(near, far);
  EXPECT_TRUE(traffic.settled);
  EXPECT_LT(traffic.bytes, 1200U);
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
  std::size_t sent = 0;
  for (std::string out = a.take_output(); !out.empty(); out = a.take_output()) {
    auto records = b.on_bytes(out);
    ASSERT_TRUE(records);
    sent += records->size();
  }
  EXPECT_EQ(sent, 1U);
}

// Hosts must be known before what they wrote, and orgs before machines.
TEST(SyncSession, RecordsComeInTheOrderOfTheirImportance) {
  auto host = kCluster.enrol(1);
  Store near = make_store();
  Store far = make_store();
  far.merge(host.signed_host(), kNow);
  for (unsigned i = 0; i < 100; ++i)
    far.merge(host.sign(test::make_owned_record(host, test::make_machine(host, i), 1, i + 2)),
              kNow);
  for (auto [name, major] : {std::pair("late", 9), std::pair("acme", 1), std::pair("zeta", 5)})
    far.merge(host.sign(test::make_shared_record(host, OrgRecord{name}, name, major)), kNow);
  far.merge(kCluster.enrol(2).signed_host(), kNow);
  SyncSession a(Role::kInitiator, near);
  SyncSession b(Role::kResponder, far);
  std::vector<SignedRecordPtr> order;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::string out; !(out = a.take_output()).empty(); moved = true)
      ASSERT_TRUE(b.on_bytes(out));
    for (std::string out; !(out = b.take_output()).empty(); moved = true) {
      auto records = a.on_bytes(out);
      ASSERT_TRUE(records);
      order.insert(order.end(), records->begin(), records->end());
    }
  }
  ASSERT_EQ(order.size(), 105U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end(), [](const auto& x, const auto& y) {
    return importance_of(x->record.key.kind) < importance_of(y->record.key.kind);
  }));
  EXPECT_EQ(order[2]->record.key.id, "acme");
  EXPECT_EQ(order[4]->record.key.id, "late");
}

// A session that breaks off leaves what arrived, and the next one does not send it again.
TEST(SyncSession, GoesOnWhereTheLastOneBrokeOff) {
  auto host = kCluster.enrol(1);
  Store near = make_store();
  Store far = make_store();
  far.merge(host.signed_host(), kNow);
  for (unsigned i = 0; i < 400; ++i)
    far.merge(host.sign(test::make_owned_record(host, test::make_machine(host, i), 1, i + 2)), kNow,
              Origin::kDisk);
  std::size_t sent = 0;
  int sessions = 0;
  for (; near.root_hash() != far.root_hash() && sessions < 20; ++sessions) {
    SyncSession a(Role::kInitiator, near);
    SyncSession b(Role::kResponder, far);
    std::size_t record_frames = 0;
    for (bool moved = true; moved && record_frames < 3;) {
      moved = false;
      for (std::string out; !(out = a.take_output()).empty(); moved = true)
        ASSERT_TRUE(b.on_bytes(out));
      // The third frame of records is cut in the middle.
      for (std::string out; record_frames < 3 && !(out = b.take_output()).empty(); moved = true) {
        auto records = a.on_bytes(record_frames == 2 ? out.substr(0, out.size() / 2) : out);
        ASSERT_TRUE(records);
        if (!records->empty() || record_frames == 2) ++record_frames;
        sent += records->size();
        merge_all(near, *records);
      }
    }
  }
  EXPECT_GT(sessions, 3);
  EXPECT_EQ(near.root_hash(), far.root_hash());
  EXPECT_EQ(sent, far.records().size());
}

// 1,000 origins of 100 records, as each of two hosts holds them.
class SyncBytes : public ::testing::Test {
 protected:
  static constexpr unsigned kHosts = 1000;
  static constexpr unsigned kMachines = 99;

  static void SetUpTestSuite() {
    records_ = new std::vector<SignedRecordPtr>;
    for (unsigned h = 0; h < kHosts; ++h) {
      auto host = kCluster.enrol(h);
      records_->push_back(host.signed_host());
      for (unsigned m = 0; m < kMachines; ++m)
        records_->push_back(
            host.sign(test::make_owned_record(host, test::make_machine(host, m), 1, m + 2)));
    }
  }
  static void TearDownTestSuite() { delete records_; }

  // As from disk: that signatures are checked is not what is measured.
  static void load(Store& store, std::size_t skip_every) {
    for (std::size_t i = 0; i < records_->size(); ++i)
      if (skip_every == 0 || i % skip_every != 7) store.merge(records_->at(i), kNow, Origin::kDisk);
  }

  static inline std::vector<SignedRecordPtr>* records_ = nullptr;
};

TEST_F(SyncBytes, GrowWithWhatDiffersNotWithWhatIsStored) {
  struct Case {
    std::size_t differences;
    double most_per_record;  // bytes on the wire for each record that was missing
  };
  for (auto [differences, most] : {Case{1, 6000}, Case{100, 1600}, Case{5000, 700}}) {
    Store near = make_store();
    Store far = make_store();
    load(far, 0);
    load(near, records_->size() / differences);
    std::size_t missing = far.records().size() - near.records().size();
    ASSERT_EQ(missing, differences);
    auto traffic = synchronise(near, far, 64 * 1024);
    EXPECT_TRUE(traffic.settled);
    EXPECT_EQ(near.root_hash(), far.root_hash());
    double each = static_cast<double>(traffic.bytes) / static_cast<double>(missing);
    EXPECT_LT(each, most);
    RecordProperty("bytes_for_" + std::to_string(differences), std::to_string(traffic.bytes));
    std::printf("100,000 records, %zu missing: %zu bytes, %.0f each\n", missing, traffic.bytes,
                each);
  }
}

TEST_F(SyncBytes, OneOriginOfManyRecordsIsCutFiner) {
  Store near = make_store();
  Store far = make_store();
  auto host = kCluster.enrol(0);
  for (auto* store : {&near, &far}) store->merge(host.signed_host(), kNow);
  std::vector<SignedRecordPtr> apps;
  for (unsigned i = 0; i < 4000; ++i) {
    AppRecord app{"a" + std::to_string(i), "acme", test::kTestNetwork, "", {}};
    apps.push_back(host.sign(test::make_shared_record(host, app, "acme", i + 1)));
  }
  for (const auto& app : apps) far.merge(app, kNow, Origin::kDisk);
  for (std::size_t i = 0; i + 1 < apps.size(); ++i) near.merge(apps[i], kNow, Origin::kDisk);
  auto traffic = synchronise(near, far);
  EXPECT_TRUE(traffic.settled);
  EXPECT_EQ(near.root_hash(), far.root_hash());
  EXPECT_LT(traffic.bytes, 6000U);
}

TEST(SyncSession, MoreThanOneSessionCanListIsLeftForTheNext) {
  Store near = make_store();
  Store far = make_store();
  std::vector<sim::EnrolledHost> hosts;
  for (unsigned h = 0; h < 8; ++h) hosts.push_back(kCluster.enrol(h));
  for (const auto& host : hosts) {
    for (auto* store : {&near, &far}) store->merge(host.signed_host(), kNow);
    for (unsigned m = 0; m < 4000; ++m) {
      auto machine = test::make_machine(host, m);
      near.merge(host.sign(test::make_owned_record(host, machine, 1, 2)), kNow, Origin::kDisk);
      far.merge(host.sign(test::make_owned_record(host, machine, 1, 3)), kNow, Origin::kDisk);
    }
  }
  int sessions = 0;
  for (bool settled = false; !settled && sessions < 5; ++sessions)
    settled = synchronise(near, far, 64 * 1024).settled;
  EXPECT_EQ(sessions, 2);
  EXPECT_EQ(near.root_hash(), far.root_hash());
}

// A host that joined has the machines of the network that it uses, a few of each host's.
TEST(SyncSession, WhoFillsTakesWholeWhatItHasLittleOf) {
  constexpr unsigned kEach = 60;
  std::size_t bytes[2] = {};
  for (bool first : {false, true}) {
    auto near = make_store();
    auto far = make_store();
    for (unsigned h = 0; h < 20; ++h) {
      auto host = kCluster.enrol(h);
      for (Store* store : {&near, &far}) store->merge(host.signed_host(), kNow);
      for (unsigned m = 0; m < kEach; ++m) {
        auto record = host.sign(
            test::make_owned_record(host, test::make_machine(host, h << 8U | m), 1, m + 2));
        far.merge(record, kNow);
        if (m < 2) near.merge(record, kNow);
      }
    }
    // Of the first of them this host alone has heard something.
    auto host = kCluster.enrol(0);
    near.merge(host.sign(test::make_owned_record(host, test::make_machine(host, 0), 2, 1)), kNow);
    auto traffic = synchronise(near, far, 1500, {.first = first});
    EXPECT_TRUE(traffic.settled);
    EXPECT_EQ(near.root_hash(), far.root_hash());
    bytes[first ? 1 : 0] = traffic.bytes;
  }
  EXPECT_LT(bytes[1], bytes[0]);
}

TEST(SyncSession, ARefusalSaysWhenToComeBack) {
  Store store = make_store();
  SyncSession session(Role::kInitiator, store);
  ASSERT_TRUE(session.on_bytes(refuse_sync(std::chrono::milliseconds(1500))));
  EXPECT_EQ(session.refused_for(), std::chrono::milliseconds(1500));
  EXPECT_FALSE(session.settled());
}

TEST(SyncSession, AQuestionIsAnsweredInPlaceOfASession) {
  Store store = make_store();
  for (const auto& answers : {std::vector<std::string>{"yes", "no"}, std::vector<std::string>{}}) {
    SyncSession session(Role::kResponder, store);
    std::string frame = encode_frame(TalkFrame{{"well?"}});
    ASSERT_TRUE(session.on_bytes(frame.substr(0, 6)));
    EXPECT_EQ(session.take_question(), std::nullopt);
    ASSERT_TRUE(session.on_bytes(frame.substr(6)));
    EXPECT_EQ(session.take_question(), "well?");
    EXPECT_EQ(session.take_question(), std::nullopt);
    EXPECT_TRUE(session.is_question());
    EXPECT_FALSE(session.finished());
    session.answer(answers);
    std::string said = session.take_output();
    if (answers.empty()) {
      EXPECT_EQ(said, "");
    } else {
      auto back = take_frame(said);
      ASSERT_TRUE(back && back->has_value());
      EXPECT_EQ(**back, SyncFrame(TalkFrame{answers}));
    }
    EXPECT_TRUE(session.finished());
  }
}

TEST(SyncSession, FramesOutOfTurnEndIt) {
  Store store = make_store();
  HelloFrame hello{store.bucket_hashes()};
  HelloFrame heads_hello{store.bucket_hashes(), kSyncByHeads, store.groups().buckets({}), false};
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
      {Role::kResponder, {hello, WantFrame{std::vector<Slot>(2000), {}, false}}, ""},
      {Role::kResponder, {hello, CompareFrame{}}, "parts out of turn"},
      {Role::kResponder, {HeadsFrame{}}, "heads out of turn"},
      {Role::kResponder, {heads_hello, PartsFrame{}}, "parts out of turn"},
      {Role::kResponder, {heads_hello, CompareFrame{{}, true}, WantFrame{}}, ""},
      {Role::kInitiator, {TalkFrame{{"?"}}}, "a question out of turn"},
      {Role::kResponder, {hello, TalkFrame{{"?"}}}, "a question out of turn"},
      {Role::kResponder, {TalkFrame{{"?"}}, TalkFrame{{"?"}}}, "a frame out of turn"},
      {Role::kResponder, {TalkFrame{{"?"}}, hello}, "a frame out of turn"},
      {Role::kResponder, {TalkFrame{{"?", "?"}}}, "several questions"},
      {Role::kResponder, {TalkFrame{}}, "1 to 32 datagrams"},
      {Role::kResponder,
       {TalkFrame{std::vector<std::string>(kMaxTalk + 1, "?")}},
       "1 to 32 datagrams"},
      {Role::kInitiator, {PartsFrame{}}, "parts out of turn"},
      {Role::kInitiator, {CompareFrame{}}, "parts out of turn"},
      {Role::kInitiator, {HeadsFrame{0, {}, true}, HeadsFrame{}}, "heads out of turn"},
      {Role::kInitiator, {HeadsFrame{0, {Head{"x", 1, 1}}, true}}, "outside its buckets"},
      {Role::kInitiator, {HeadsFrame{}, SummaryFrame{}}, "summary out of turn"},
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

// Else one frame after another would have all members of an origin looked at, or listed.
TEST(SyncSession, AnOriginIsComparedOrWantedOnce) {
  Store store = make_store();
  auto host = kCluster.enrol(1);
  store.merge(host.signed_host(), kNow);
  const std::string origin = store.groups().groups().begin()->first;
  const GroupParts parts{origin, 0, {0}};
  const GroupParts unknown{"nobody", 0, {0}};
  HelloFrame hello{{}, kSyncByHeads, {}, false};
  struct Case {
    std::vector<SyncFrame> frames;
    const char* says;
  };
  const Case cases[] = {
      {{CompareFrame{{parts}, false}, CompareFrame{{}, true}}, ""},
      {{WantFrame{{}, {origin}, false}}, ""},
      {{CompareFrame{{parts, parts}, true}}, "compares an origin twice"},
      {{CompareFrame{{parts}, false}, CompareFrame{{parts}, true}}, "compares an origin twice"},
      {{CompareFrame{{unknown}, true}}, "compares an origin twice, or none it was told"},
      {{WantFrame{{}, {origin, origin}, true}}, "wants an origin twice"},
      {{WantFrame{{}, {"nobody"}, true}}, "wants an origin twice, or none it was told"},
      {{CompareFrame{{parts}, true}, WantFrame{{}, {origin}, true}}, "wants an origin twice"},
  };
  for (const auto& [frames, says] : cases) {
    SyncSession session(Role::kResponder, store);
    std::string bytes = encode_frame(hello);
    for (const auto& frame : frames) bytes += encode_frame(frame);
    auto answer = session.on_bytes(bytes);
    EXPECT_EQ(answer.has_value(), *says == '\0') << says;
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
  bytes += encode_frame(RecordsFrame{{"rubbish", host.signed_host()->wire()}});
  auto records = session.on_bytes(bytes);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 1U);
  EXPECT_EQ(session.malformed(), 1U);
}

TEST(SyncCodec, AHelloSelectsAscendingNetworksAndNotTooMany) {
  HelloFrame hello{{1}, kSyncByHeads, {2}, false, {false, {}}};
  auto taken = [&hello](std::vector<NetworkId> networks) {
    hello.selection.networks = std::move(networks);
    std::string bytes = encode_frame(hello);
    return take_frame(bytes).has_value();
  };
  std::vector<NetworkId> many;
  for (std::uint32_t i = 1; i <= kMaxInterests; ++i) many.push_back(NetworkId{i});
  EXPECT_TRUE(taken(many));
  many.push_back(NetworkId{kMaxInterests + 1});
  EXPECT_FALSE(taken(many));
  EXPECT_FALSE(taken({NetworkId{0}}));
  EXPECT_FALSE(taken({NetworkId{2}, NetworkId{2}}));
  EXPECT_FALSE(taken({NetworkId{2}, NetworkId{1}}));
  hello.selection.all = true;
  EXPECT_FALSE(taken({NetworkId{1}}));
}

TEST(SyncCodec, FramesSurviveTheWire) {
  SlotVersion version{{app_key(test::kTestNetwork, "web"), "acme"}, {7, 8}, 9};
  const SyncFrame frames[] = {
      HelloFrame{{1, 2, 3}},
      SummaryFrame{5, {version}, true},
      WantFrame{{version.slot}, {"acme"}, true},
      RecordsFrame{{"a", ""}},
      DoneFrame{true, std::chrono::milliseconds(40)},
      TalkFrame{{"one", std::string("t\0o", 3)}},
      HelloFrame{{1}, kSyncByHeads, {2}, true},
      HelloFrame{{1}, kSyncByHeads, {2}, true, {false, {}}},
      HelloFrame{{1}, kSyncByHeads, {2}, true, {false, {NetworkId{4}, NetworkId{7}}}},
      HeadsFrame{9, {{"acme", 3, 4}}, true},
      CompareFrame{{{"acme", 1, {5, 6}}}, true},
      PartsFrame{{{"acme", 1, {false, true}, {version}}}, true}};
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
