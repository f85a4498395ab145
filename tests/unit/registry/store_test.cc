#include "registry/core/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "registry/core/address.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using sim::EnrolledHost;
using test::kTestNetwork;
using test::make_machine;
using test::make_owned_record;
using test::make_shared_record;
using test::make_tombstone;

const sim::TestCluster kCluster;
const EnrolledHost kAny = kCluster.enrol(1);
const EnrolledHost kAcmeOnly = kCluster.enrol(2, {"acme"});
const WallTime kNow = from_unix_ms(1'800'000'000'000);

Store make_store(std::vector<EnrolledHost> hosts = {kAny, kAcmeOnly}, StoreLimits limits = {}) {
  Store store(kCluster.root().public_key(), limits);
  for (const auto& host : hosts)
    EXPECT_EQ(store.merge(host.signed_host(), kNow), Verdict::kAccepted);
  return store;
}

AppRecord app(const std::string& name, const std::string& org = "acme") {
  return {name, org, kTestNetwork, "", {}};
}

std::vector<SignedRecordPtr> random_records(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<EnrolledHost> hosts = {kAny, kCluster.enrol(3), kCluster.enrol(4)};
  std::vector<SignedRecordPtr> out;
  for (const auto& host : hosts) {
    out.push_back(host.signed_host(1, 1));
    out.push_back(host.signed_host(1, 2));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& host = hosts[rng.below(hosts.size())];
    out.push_back(host.sign(test::random_record(host, rng)));
  }
  return out;
}

// Merges in the order given until nothing changes any more: what arrives before its writer is known
// arrives again, as anti-entropy would see to.
Store merged(const std::vector<SignedRecordPtr>& records) {
  Store store(kCluster.root().public_key());
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& record : records) changed |= store.merge(record, kNow) == Verdict::kAccepted;
  }
  return store;
}

std::vector<RecordDigest> content(const Store& store) {
  std::vector<RecordDigest> out;
  for (const auto& record : store.records()) out.push_back(record->digest);
  return out;
}

TEST(StoreLaws, EveryOrderAndRepetitionGivesTheSameStore) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto records = random_records(seed, 60);
    Store reference = merged(records);
    EXPECT_TRUE(reference.check_invariants());
    Rng rng(seed);
    for (int order = 0; order < 3; ++order) {
      rng.shuffle(records);
      auto repeated = records;
      repeated.insert(repeated.end(), records.begin(), records.begin() + 30);
      Store other = merged(repeated);
      EXPECT_EQ(content(other), content(reference)) << "seed " << seed;
      EXPECT_EQ(other.root_hash(), reference.root_hash());
      EXPECT_EQ(other.bucket_hashes(), reference.bucket_hashes());
    }
  }
}

TEST(StoreLaws, RoomThatWasMadeChangesNothing) {
  auto records = random_records(7, 60);
  Store reference = merged(records);
  Store store(kCluster.root().public_key());
  store.reserve(records);
  store.trim();  // as if each had been refused
  EXPECT_TRUE(store.groups().groups().empty());
  store.reserve(records);
  for (int round = 0; round < 3; ++round)
    for (const auto& record : records) store.merge(record, kNow);
  store.trim();
  EXPECT_EQ(store.root_hash(), reference.root_hash());
  EXPECT_EQ(store.groups().groups().size(), reference.groups().groups().size());
  EXPECT_TRUE(store.check_invariants());
}

TEST(StoreLaws, MergingHalvesInEitherGroupingIsTheSame) {
  auto records = random_records(99, 90);
  auto third = static_cast<std::ptrdiff_t>(records.size() / 3);
  auto begin = records.begin();
  std::vector<std::vector<SignedRecordPtr>> parts = {{begin, begin + third},
                                                     {begin + third, begin + 2 * third},
                                                     {begin + 2 * third, records.end()}};
  auto join = [](const Store& a, std::vector<SignedRecordPtr> b) {
    for (const auto& record : a.records()) b.push_back(record);
    return merged(b);
  };
  // Every part knows the hosts, so that a part's own store holds all that is its to hold.
  for (auto& part : parts) part.insert(part.begin(), records.begin(), records.begin() + 6);
  Store left = join(join(merged(parts[0]), parts[1]), parts[2]);
  Store right = join(join(merged(parts[2]), parts[1]), parts[0]);
  EXPECT_EQ(content(left), content(right));
}

TEST(Store, HashesFollowEveryChange) {
  Store store = make_store();
  auto empty = store.root_hash();
  auto first = make_shared_record(kAny, app("web"), "acme", 1);
  ASSERT_EQ(store.merge(kAny.sign(first), kNow), Verdict::kAccepted);
  auto with_app = store.root_hash();
  EXPECT_NE(with_app, empty);
  EXPECT_EQ(store.merge(kAny.sign(first), kNow), Verdict::kDuplicate);
  EXPECT_EQ(store.root_hash(), with_app);
  auto tombstone = kAny.sign(make_tombstone(first, 2, kNow - kTombstoneHorizon - 1s));
  ASSERT_EQ(store.merge(tombstone, kNow), Verdict::kAccepted);
  store.collect(kNow);
  EXPECT_EQ(store.root_hash(), empty);
  EXPECT_TRUE(store.check_invariants());
}

TEST(Store, ADeletedRecordDoesNotReturn) {
  Store store = make_store();
  auto live = make_shared_record(kAny, app("web"), "acme", 5);
  auto dead = make_tombstone(live, 6, kNow);
  ASSERT_EQ(store.merge(kAny.sign(dead), kNow), Verdict::kAccepted);
  EXPECT_EQ(store.merge(kAny.sign(live), kNow), Verdict::kDuplicate);
  store.collect(kNow + kTombstoneHorizon);
  EXPECT_EQ(store.merge(kAny.sign(live), kNow), Verdict::kDuplicate);
  store.collect(kNow + kTombstoneHorizon + 1s);
  EXPECT_EQ(store.find(slot_of(dead)), nullptr);
  // Long dead and unknown here: not worth a slot. Long dead, but here it still lives: worth it.
  EXPECT_EQ(store.merge(kAny.sign(dead), kNow + kTombstoneHorizon + 1s), Verdict::kExpired);
  ASSERT_EQ(store.merge(kAny.sign(live), kNow), Verdict::kAccepted);
  EXPECT_EQ(store.merge(kAny.sign(dead), kNow + kTombstoneHorizon + 1s), Verdict::kAccepted);
}

TEST(Store, AHostWritesOnlyWhatItsCertificateAllows) {
  Store store = make_store();
  auto foreign = make_shared_record(kAcmeOnly, app("web", "globex"), "globex", 1);
  EXPECT_EQ(store.merge(kAcmeOnly.sign(foreign), kNow), Verdict::kNotPermitted);
  auto allowed = make_shared_record(kAcmeOnly, app("web"), "acme", 1);
  EXPECT_EQ(store.merge(kAcmeOnly.sign(allowed), kNow), Verdict::kAccepted);
  // In the other's name, with its own key.
  auto forged = make_shared_record(kAny, app("db"), "acme", 1);
  EXPECT_EQ(store.merge(kAcmeOnly.sign(forged), kNow), Verdict::kBadSignature);
  auto unknown = kCluster.enrol(9);
  EXPECT_EQ(store.merge(unknown.sign(make_shared_record(unknown, app("db"), "acme", 1)), kNow),
            Verdict::kUnknownWriter);
}

TEST(Store, AnotherOrgOrHostWritesBesideAndNeverOver) {
  Store store = make_store();
  auto ours = kAcmeOnly.sign(
      make_shared_record(kAcmeOnly, NetworkRecord{kTestNetwork, "acme", "default"}, "acme", 1));
  auto theirs = kAny.sign(
      make_shared_record(kAny, NetworkRecord{kTestNetwork, "globex", "default"}, "globex", 2));
  ASSERT_EQ(store.merge(ours, kNow), Verdict::kAccepted);
  ASSERT_EQ(store.merge(theirs, kNow), Verdict::kAccepted);
  EXPECT_EQ(store.find(slot_of(ours->record)), ours);

  auto machine = kAcmeOnly.sign(make_owned_record(kAcmeOnly, make_machine(kAcmeOnly, 1), 1, 1));
  auto thief = kAny.sign(make_owned_record(kAny, make_machine(kAny, 1), 9, 9));
  ASSERT_EQ(store.merge(machine, kNow), Verdict::kAccepted);
  ASSERT_EQ(store.merge(thief, kNow), Verdict::kAccepted);
  EXPECT_EQ(store.find(slot_of(machine->record)), machine);
}

TEST(Store, AHostKeepsTheNameAndRegionOfItsCertificate) {
  Store store = make_store({});
  EnrolledHost renamed = kAny;
  renamed.record.name = "root";
  EXPECT_EQ(store.merge(renamed.signed_host(), kNow), Verdict::kNotPermitted);
  EnrolledHost stolen = kAny;
  stolen.record.certificate = kAcmeOnly.record.certificate;
  EXPECT_EQ(store.merge(stolen.signed_host(), kNow), Verdict::kNotPermitted);
  EnrolledHost foreign = sim::TestCluster("another cluster").enrol(1);
  EXPECT_EQ(store.merge(foreign.signed_host(), kNow), Verdict::kBadCertificate);
}

TEST(Store, TheFirstEnrolmentOfAHostIdStandsInEitherOrder) {
  auto first = kCluster.enrol(5, {"*"}, 0);
  auto second = kCluster.enrol(5, {"*"}, 60);
  auto first_app = first.sign(make_shared_record(first, app("mine"), "acme", 1));
  auto second_app = second.sign(make_shared_record(second, app("theirs"), "acme", 9));

  Store early = make_store({first});
  EXPECT_EQ(early.merge(second.signed_host(7, 7), kNow), Verdict::kEnrolmentLost);
  EXPECT_EQ(early.merge(second_app, kNow), Verdict::kBadSignature);
  EXPECT_EQ(early.merge(first_app, kNow), Verdict::kAccepted);

  Store late = make_store({second});
  EXPECT_EQ(late.merge(second_app, kNow), Verdict::kAccepted);
  EXPECT_EQ(late.merge(first.signed_host(), kNow), Verdict::kAccepted);
  EXPECT_EQ(late.find(slot_of(second_app->record)), nullptr);  // nobody's now
  EXPECT_EQ(late.merge(first_app, kNow), Verdict::kAccepted);
  EXPECT_EQ(content(late), content(early));
  EXPECT_TRUE(late.check_invariants());
}

TEST(Store, AClockTooFarAheadIsRefusedUntilTimeCatchesUp) {
  Store store = make_store();
  WallTime later = kNow + kMaxClockAhead + 1s;
  auto record =
      kAny.sign(make_shared_record(kAny, app("web"), "acme", HybridClock::from_wall(later)));
  EXPECT_EQ(store.merge(record, kNow), Verdict::kClockAhead);
  EXPECT_LT(store.clock().last(), HybridClock::from_wall(kNow));
  EXPECT_EQ(store.merge(record, kNow + 2s), Verdict::kAccepted);
  EXPECT_GT(store.clock().tick(kNow), HybridClock::from_wall(later));
  auto machine = make_owned_record(kAny, make_machine(kAny, 1), 1, 1);
  EXPECT_EQ(store.merge(kAny.sign(make_tombstone(machine, 1, later)), kNow), Verdict::kClockAhead);
}

TEST(Store, ARevocationNeedsTheRootsWord) {
  Store store = make_store();
  auto revoke = [&](const std::string& statement) {
    return store.merge(
        kAny.sign(make_shared_record(kAny, RevocationRecord{kAcmeOnly.id, statement}, "", 1)),
        kNow);
  };
  EXPECT_EQ(revoke(sign_revocation(kAcmeOnly.id, kNow, kAny.key)), Verdict::kBadSignature);
  EXPECT_EQ(revoke(sign_revocation(kAny.id, kNow, kCluster.root())), Verdict::kNotPermitted);
  EXPECT_FALSE(store.is_revoked(kAcmeOnly.id));
  EXPECT_EQ(revoke(sign_revocation(kAcmeOnly.id, kNow, kCluster.root())), Verdict::kAccepted);
  EXPECT_TRUE(store.is_revoked(kAcmeOnly.id));
}

TEST(Store, ARevocationOutlivesTheHostThatWroteItDownAndItsEnrolment) {
  auto first = kCluster.enrol(5, {"*"}, 0);
  auto second = kCluster.enrol(5, {"*"}, 60);
  RevocationRecord revocation{kAny.id, sign_revocation(kAny.id, kNow, kCluster.root())};
  auto record = second.sign(make_shared_record(second, revocation, "", 1));
  Store store = make_store({kAny, second});
  ASSERT_EQ(store.merge(record, kNow), Verdict::kAccepted);
  ASSERT_EQ(store.merge(first.signed_host(), kNow), Verdict::kAccepted);  // displaces the writer
  EXPECT_TRUE(store.is_revoked(kAny.id));
  EXPECT_TRUE(store.check_invariants());
  // Another host takes it although it knows no such writer, and has the very same store.
  Store late = make_store({kAny, first});
  EXPECT_EQ(late.merge(record, kNow), Verdict::kAccepted);
  EXPECT_EQ(content(late), content(store));
  EXPECT_TRUE(late.check_invariants());
}

TEST(Store, TheRootsWordIsHeardWhateverTheClockSaysAndHoweverFullItIs) {
  Store store = make_store({kAny, kAcmeOnly}, {.records = 2, .records_per_writer = 1});
  RevocationRecord revocation{kAcmeOnly.id, sign_revocation(kAcmeOnly.id, kNow, kCluster.root())};
  auto ahead = HybridClock::from_wall(kNow + 24h);
  EXPECT_EQ(store.merge(kAny.sign(make_shared_record(kAny, revocation, "", ahead)), kNow),
            Verdict::kAccepted);
  EXPECT_LT(store.clock().last(), HybridClock::from_wall(kNow));  // drags no clock along
  auto renewal = test::sign_renewal_record(kCluster, kAny, kAcmeOnly, kNow + 48h, kNow + 24h);
  EXPECT_EQ(store.merge(renewal, kNow), Verdict::kAccepted);
}

TEST(Store, ARenewalSaysWhatTheRootSigned) {
  Store store = make_store();
  auto good = test::sign_renewal_record(kCluster, kAny, kAcmeOnly, kNow + 48h, kNow);
  auto changed = [&](auto change) {
    auto value = std::get<RenewalRecord>(good->record.value);
    change(value);
    return store.merge(
        kAny.sign(make_shared_record(kAny, value, "", HybridClock::from_wall(value.signed_at))),
        kNow);
  };
  using R = RenewalRecord;
  EXPECT_EQ(changed([](R& r) { r.valid_until += 1ms; }), Verdict::kNotPermitted);
  EXPECT_EQ(changed([](R& r) { r.signed_at += 1ms; }), Verdict::kNotPermitted);
  EXPECT_EQ(changed([](R& r) { r.host = kAny.id; }), Verdict::kNotPermitted);
  EXPECT_EQ(changed([](R& r) { r.certificate[0] ^= 1; }), Verdict::kNotPermitted);
  EXPECT_EQ(changed([](R& r) { r.statement[9] ^= 1; }), Verdict::kBadSignature);
  EXPECT_EQ(
      changed([](R& r) {
        r.statement = sign_renewal({r.host, r.certificate, r.valid_until, r.signed_at}, kAny.key);
      }),
      Verdict::kBadSignature);
  EXPECT_EQ(store.merge(good, kNow), Verdict::kAccepted);
  // An older statement loses, whoever carries it.
  auto older = test::sign_renewal_record(kCluster, kAcmeOnly, kAcmeOnly, kNow + 1h, kNow - 1h);
  EXPECT_EQ(store.merge(older, kNow), Verdict::kDuplicate);
}

TEST(Store, LimitsHoldAndUpdatesStillPass) {
  Store store = make_store({kAny, kAcmeOnly}, {.records = 5, .records_per_writer = 3});
  auto write = [&](const EnrolledHost& host, const std::string& name, std::uint64_t major) {
    return store.merge(host.sign(make_shared_record(host, app(name), "acme", major)), kNow);
  };
  EXPECT_EQ(write(kAny, "a", 1), Verdict::kAccepted);
  EXPECT_EQ(write(kAny, "b", 1), Verdict::kAccepted);
  EXPECT_EQ(write(kAny, "c", 1), Verdict::kFull);  // the writer's share
  EXPECT_EQ(write(kAcmeOnly, "d", 1), Verdict::kAccepted);
  EXPECT_EQ(write(kAcmeOnly, "e", 1), Verdict::kFull);  // the whole
  EXPECT_EQ(write(kAny, "a", 2), Verdict::kAccepted);
}

TEST(Store, WhatWasDeletedTakesNoRoomFromWhatLives) {
  Store store =
      make_store({kAny}, {.records = 100, .records_per_writer = 3, .tombstones_per_writer = 4});
  auto write = [&](const std::string& name) {
    return store.merge(kAny.sign(make_shared_record(kAny, app(name), "acme", 1)), kNow);
  };
  auto erase = [&](const std::string& name) {
    Record record = make_shared_record(kAny, app(name), "acme", 1);
    return store.merge(kAny.sign(make_tombstone(record, HybridClock::from_wall(kNow), kNow)), kNow);
  };
  EXPECT_EQ(write("stays"), Verdict::kAccepted);  // beside the host's own record
  for (const char* name : {"a", "b", "c", "d"}) {
    EXPECT_EQ(write(name), Verdict::kAccepted) << name;
    EXPECT_EQ(write("too-much"), Verdict::kFull) << name;
    EXPECT_EQ(erase(name), Verdict::kAccepted) << name;
  }
  EXPECT_EQ(write("e"), Verdict::kAccepted) << "the last of three and four";
  EXPECT_EQ(erase("e"), Verdict::kAccepted);
  EXPECT_EQ(write("f"), Verdict::kFull);
  EXPECT_EQ(erase("f"), Verdict::kFull) << "nor of what was never here";
  EXPECT_TRUE(store.check_invariants());
  store.collect(kNow + kTombstoneHorizon + 1h);
  EXPECT_EQ(write("f"), Verdict::kAccepted);
}

TEST(Store, WhatIsOnTheDiskIsTakenWhateverTheLimits) {
  Store store = make_store({kAny}, {.records = 100, .records_per_writer = 1});
  auto record = kAny.sign(make_shared_record(kAny, app("a"), "acme", 1));
  EXPECT_EQ(store.merge(record, kNow), Verdict::kFull);
  EXPECT_EQ(store.merge(record, kNow, Origin::kDisk), Verdict::kAccepted);
}

TEST(Store, TheRootsWordCountsForNobody) {
  Store store = make_store({kAny}, {.records = 100, .records_per_writer = 2});
  auto renewal = test::sign_renewal_record(kCluster, kAny, kAny, kNow + 48h, kNow);
  EXPECT_EQ(store.merge(renewal, kNow), Verdict::kAccepted);
  EXPECT_EQ(store.merge(kAny.sign(make_shared_record(kAny, app("a"), "acme", 1)), kNow),
            Verdict::kAccepted);
  EXPECT_TRUE(store.check_invariants());
}

TEST(Store, EqualStampsAreDecidedTheSameEverywhere) {
  auto one = kAny.sign(make_shared_record(kAny, app("web"), "acme", 1));
  AppRecord changed = app("web");
  changed.primary_region = "iad";
  auto other = kAny.sign(make_shared_record(kAny, changed, "acme", 1));
  Store a = make_store();
  Store b = make_store();
  for (const auto& record : {one, other}) a.merge(record, kNow);
  for (const auto& record : {other, one}) b.merge(record, kNow);
  EXPECT_EQ(content(a), content(b));
}

TEST(Store, OnlyTouchedNetworksAreReported) {
  Store store = make_store();
  NetworkId other{0xbeef00};
  store.merge(kAny.sign(make_owned_record(kAny, make_machine(kAny, 1), 1, 1)), kNow);
  store.merge(kAny.sign(make_owned_record(kAny, make_machine(kAny, 2, other), 1, 1)), kNow);
  store.take_changes();
  auto moved = make_machine(kAny, 2, other);
  moved.state = MachineState::kStopped;
  store.merge(kAny.sign(make_owned_record(kAny, moved, 1, 2)), kNow);
  auto changes = store.take_changes();
  EXPECT_TRUE(changes.networks.empty());  // of `other`, nothing but this machine changed
  const std::map<NetworkId, std::set<MachineId>> machine{{other, {moved.id}}};
  EXPECT_EQ(changes.machines, machine);
  EXPECT_EQ(changes.slots.size(), 1U);
  EXPECT_TRUE(store.take_changes().empty());
}

}  // namespace
}  // namespace sixpn::registry
