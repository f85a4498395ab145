#include "registry/core/snapshot_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "registry/core/address.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using sim::EnrolledHost;
using test::kTestNetwork;
using test::make_machine;
using test::make_owned_record;
using test::make_shared_record;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);
constexpr NetworkId kOther{0xbeef00};

class SnapshotBuilderTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto* host : {&any_, &acme_, &globex_}) merge(host->signed_host());
    membership_.start({});
    for (const auto* host : {&any_, &acme_, &globex_}) membership_.add({}, host->id);
    shared(any_, NetworkRecord{kTestNetwork, "acme", "default"}, "acme", 10);
    shared(any_, NetworkRecord{kOther, "globex", "default"}, "globex", 10);
    shared(any_, AppRecord{"web", "acme", kTestNetwork, "", {}}, "acme", 11);
  }
  void merge(const SignedRecordPtr& record) {
    EXPECT_EQ(store_.merge(record, kNow), Verdict::kAccepted);
  }
  void shared(const EnrolledHost& host, RecordValue value, const std::string& org,
              std::uint64_t major) {
    merge(host.sign(make_shared_record(host, std::move(value), org, major)));
  }
  void machine(const EnrolledHost& host, const MachineRecord& value, std::uint64_t version = 1) {
    merge(host.sign(make_owned_record(host, value, 1, version)));
  }
  SnapshotPtr build() {
    builder_.touch(store_.take_changes());
    return builder_.build(store_, membership_, true, kNow);
  }

  EnrolledHost any_ = kCluster.enrol(1);
  EnrolledHost acme_ = kCluster.enrol(2, {"acme"});
  EnrolledHost globex_ = kCluster.enrol(3, {"globex"});
  Store store_{kCluster.root().public_key()};
  Rng rng_{1};
  Membership membership_{sim::host_id(1), 1, rng_};
  SnapshotBuilder builder_{sim::host_id(1)};
};

TEST_F(SnapshotBuilderTest, OneChangeRebuildsOneNetwork) {
  auto before = build();
  ASSERT_EQ(before->networks.size(), 2U);
  machine(acme_, make_machine(acme_, 1));
  auto after = build();
  EXPECT_GT(after->generation, before->generation);
  EXPECT_EQ(after->networks.at(kOther), before->networks.at(kOther));  // the very same object
  EXPECT_NE(after->networks.at(kTestNetwork), before->networks.at(kTestNetwork));
  EXPECT_EQ(after->networks.at(kTestNetwork)->generation, after->generation);
  EXPECT_EQ(before->networks.at(kTestNetwork)->machines.size(), 0U);  // the old one stays as it was
  // Nothing changed inside networks: all shared.
  auto same = build();
  EXPECT_EQ(same->networks, after->networks);
}

TEST_F(SnapshotBuilderTest, AMachineIsFoundByIdByAddressAndInItsApp) {
  machine(acme_, make_machine(acme_, 1));
  auto orphan = make_machine(acme_, 2);
  orphan.app = "gone";
  machine(acme_, orphan);
  auto snapshot = build();
  const NetworkView& view = *snapshot->find_network("acme", "default");
  EXPECT_EQ(view.machines.size(), 2U);
  EXPECT_EQ(view.machines_by_address.at(orphan.address)->id, orphan.id);
  ASSERT_EQ(view.apps.at("web")->machines.size(), 1U);
  EXPECT_EQ(*view.apps.at("web")->machines[0], make_machine(acme_, 1));
}

TEST_F(SnapshotBuilderTest, AHostOfAnotherOrgPutsNothingIntoANetwork) {
  machine(globex_, make_machine(globex_, 1));
  shared(globex_, AppRecord{"evil", "globex", kTestNetwork, "", {}}, "globex", 12);
  shared(globex_,
         PeerRecord{"spy", kTestNetwork, globex_.id, {}, peer_address(kTestNetwork, globex_.id, 1)},
         "globex", 12);
  // A later claim to the network itself.
  shared(globex_, NetworkRecord{kTestNetwork, "globex", "stolen"}, "globex", 99);
  auto snapshot = build();
  const NetworkView& view = *snapshot->find_network(kTestNetwork);
  EXPECT_EQ(view.network.org, "acme");
  EXPECT_TRUE(view.machines.empty());
  EXPECT_TRUE(view.peers.empty());
  EXPECT_FALSE(view.apps.contains("evil"));
}

// One host may write thousands of claims to one id, and of addresses that depend on who has it.
// Looked for per address, and each claim weighed anew, this takes minutes.
TEST_F(SnapshotBuilderTest, ManyClaimsAreWeighedOnce) {
  constexpr NetworkId kClaimed{0xc1a100};
  constexpr unsigned kMany = 1000;
  for (unsigned i = 0; i < kMany; ++i) {
    const std::string org = "org" + std::to_string(i);
    shared(any_, NetworkRecord{kClaimed, org, "default"}, org, 100 + i);
    shared(any_,
           FlycastRecord{flycast_address(kTestNetwork, static_cast<std::uint16_t>(10 + i)), "web",
                         kClaimed, ""},
           "acme", 100);
  }
  auto snapshot = build();
  EXPECT_EQ(snapshot->find_network(kClaimed)->network.org, "org0");
  EXPECT_TRUE(snapshot->find_network(kTestNetwork)->flycast.empty());
}

TEST_F(SnapshotBuilderTest, AMachineIdIsItsBirthplacesUntilItLetsGo) {
  auto original = make_machine(any_, 1);
  machine(any_, original);
  auto claim = original;
  claim.host = acme_.id;  // same id and address, as after a move, or a theft
  claim.region = acme_.record.region;
  machine(acme_, claim);
  EXPECT_EQ(build()->find_network(kTestNetwork)->machines.at(original.id)->host, any_.id);
  merge(any_.sign(test::make_tombstone(make_owned_record(any_, original, 1, 1), 2, kNow)));
  EXPECT_EQ(build()->find_network(kTestNetwork)->machines.at(original.id)->host, acme_.id);
}

TEST_F(SnapshotBuilderTest, AFlycastAddressCountsUnderTheRightOfItsAppsOrg) {
  Ip6 address = flycast_address(kTestNetwork, 5);
  // globex exposes an app of its own to acme's network, and one that is not its own.
  shared(globex_, FlycastRecord{address, "api", kOther, ""}, "globex", 12);
  shared(globex_, FlycastRecord{flycast_address(kTestNetwork, 6), "web", kTestNetwork, ""},
         "globex", 12);
  auto snapshot = build();
  EXPECT_EQ(snapshot->find_network(kTestNetwork)->flycast.size(), 1U);
  EXPECT_EQ(snapshot->find_network(kTestNetwork)->flycast.at(address).app, "api");
  // acme's own use of the address goes first, in its own network.
  shared(acme_, FlycastRecord{address, "web", kTestNetwork, ""}, "acme", 13);
  EXPECT_EQ(build()->find_network(kTestNetwork)->flycast.at(address).app, "web");
}

TEST_F(SnapshotBuilderTest, ARevokedHostAndItsMachinesAreGone) {
  machine(acme_, make_machine(acme_, 1));
  ASSERT_EQ(build()->find_network(kTestNetwork)->machines.size(), 1U);
  RevocationRecord revocation{acme_.id, sign_revocation(acme_.id, kNow, kCluster.root())};
  shared(any_, revocation, "", 20);
  auto snapshot = build();
  EXPECT_EQ(snapshot->find_host(acme_.id), nullptr);
  EXPECT_TRUE(snapshot->find_network(kTestNetwork)->machines.empty());
  EXPECT_EQ(snapshot->revocations.at(acme_.id), revocation);
  EXPECT_TRUE(snapshot->shut_out.at(acme_.id).revoked);
  EXPECT_TRUE(snapshot->find_network(kTestNetwork)->apps.contains("web"));
}

TEST_F(SnapshotBuilderTest, AHostPastItsGraceIsGoneLikeARevokedOneAndComesBackRenewed) {
  WallTime end = kNow - kCertificateGrace;
  auto expired = kCluster.enrol(4, {"acme"}, 0, end);
  merge(expired.signed_host());
  machine(expired, make_machine(expired, 1));
  auto before = builder_.build(store_, membership_, true, kNow - std::chrono::milliseconds(1));
  builder_.touch(store_.take_changes());
  EXPECT_EQ(before->find_host(expired.id)->valid_until, end);
  auto at_end = build();
  EXPECT_EQ(at_end->find_host(expired.id), nullptr);
  EXPECT_EQ(at_end->shut_out.at(expired.id).record.name, "h4");
  EXPECT_FALSE(at_end->shut_out.at(expired.id).revoked);
  EXPECT_TRUE(at_end->find_network(kTestNetwork)->machines.empty());
  merge(test::sign_renewal_record(kCluster, any_, expired, kNow + std::chrono::hours(1), kNow));
  auto renewed = build();  // no record of the network changed, only its host's standing
  EXPECT_EQ(renewed->find_host(expired.id)->valid_until, kNow + std::chrono::hours(1));
  EXPECT_EQ(renewed->renewals.at(expired.id)->signed_at, kNow);
  EXPECT_EQ(renewed->find_network(kTestNetwork)->machines.size(), 1U);
  EXPECT_TRUE(renewed->shut_out.empty());
}

TEST_F(SnapshotBuilderTest, ANetworkThatIsErasedDisappears) {
  build();
  auto erased = make_shared_record(any_, NetworkRecord{kOther, "globex", "default"}, "globex", 10);
  merge(any_.sign(test::make_tombstone(erased, 20, kNow)));
  EXPECT_EQ(build()->find_network(kOther), nullptr);
}

TEST_F(SnapshotBuilderTest, HostsCarryStatusAndRoundTrip) {
  auto snapshot = build();
  EXPECT_EQ(snapshot->hosts.size(), 3U);
  EXPECT_EQ(snapshot->find_host(any_.id)->round_trip, Duration::zero());
  EXPECT_FALSE(snapshot->find_host(acme_.id)->round_trip);
  Membership::Output out;
  membership_.on_update(Instant(std::chrono::hours(1)), {acme_.id, HostStatus::kLeft, 1, acme_.id},
                        out);
  EXPECT_EQ(build()->find_host(acme_.id)->status, HostStatus::kLeft);
}

// ---- changed machines are put in their places

struct SeenMachines {
  std::map<MachineId, MachineRecord> by_id;
  std::map<Ip6, MachineId> by_address;
  std::map<std::string, std::vector<MachineId>> by_app;
  friend bool operator==(const SeenMachines&, const SeenMachines&) = default;
};

SeenMachines seen_in(const NetworkView& view) {
  SeenMachines out;
  for (const auto& [id, machine] : view.machines) out.by_id[id] = *machine;
  for (const auto& [address, machine] : view.machines_by_address)
    out.by_address[address] = machine->id;
  for (const auto& [name, app] : view.apps)
    for (const auto& machine : app->machines) out.by_app[name].push_back(machine->id);
  return out;
}

// Machines come, change, move between apps and networks, claim one another's ids and addresses, and
// go: the view kept up to date is always the one that all records give.
TEST_F(SnapshotBuilderTest, AViewKeptUpToDateIsTheOneBuiltAnew) {
  Rng rng(7);
  shared(any_, AppRecord{"api", "acme", kTestNetwork, "", {}}, "acme", 12);
  auto last = build();
  for (std::uint64_t round = 1; round <= 2000; ++round) {
    auto seen = seen_in(*last->find_network(kTestNetwork));
    for (std::uint64_t i = 0; i <= rng.below(3); ++i) {
      const EnrolledHost& host = rng.chance(0.5) ? any_ : acme_;
      // Some claim what another host's machine has.
      const EnrolledHost& born = rng.chance(0.1) ? any_ : host;
      auto value = make_machine(born, static_cast<unsigned>(rng.below(6)) + 6 * (&born == &any_),
                                rng.chance(0.1) ? kOther : kTestNetwork);
      value.host = host.id;
      value.region = host.record.region;
      value.app = std::array{"web", "api", "none"}.at(rng.below(3));
      if (rng.chance(0.1)) value.id = MachineId{0x1000 + rng.below(12)};
      auto record = make_owned_record(host, value, round, i + 1);
      if (rng.chance(0.2)) record = test::make_tombstone(record, round, kNow);
      merge(host.sign(record));
    }
    auto kept = build();
    SnapshotBuilder fresh{sim::host_id(1)};
    Changes all;
    for (NetworkId network : store_.networks()) all.networks.insert(network);
    fresh.touch(all);
    auto anew = fresh.build(store_, membership_, true, kNow);
    for (NetworkId network : {kTestNetwork, kOther})
      ASSERT_EQ(seen_in(*kept->find_network(network)), seen_in(*anew->find_network(network)))
          << "round " << round;
    // Who still reads the snapshot before sees what it saw.
    ASSERT_EQ(seen_in(*last->find_network(kTestNetwork)), seen) << "round " << round;
    last = kept;
  }
}

TEST_F(SnapshotBuilderTest, AnAppThatDidNotChangeIsTheSameObject) {
  shared(any_, AppRecord{"api", "acme", kTestNetwork, "", {}}, "acme", 12);
  machine(acme_, make_machine(acme_, 1));
  auto before = build();
  machine(acme_, make_machine(acme_, 2));  // of web
  auto after = build();
  const auto& old = before->find_network(kTestNetwork)->apps;
  const auto& now = after->find_network(kTestNetwork)->apps;
  EXPECT_EQ(old.at("api"), now.at("api"));
  EXPECT_NE(old.at("web"), now.at("web"));
  EXPECT_EQ(old.at("web")->machines.size() + 1, now.at("web")->machines.size());
}

// Hosts and all that is of no network are rebuilt when it changed, and shared otherwise: with a
// thousand hosts that is most of what a snapshot costs.
TEST_F(SnapshotBuilderTest, WhatIsOfNoNetworkIsSharedUntilItChanges) {
  auto before = build();
  machine(acme_, make_machine(acme_, 1));
  auto after = build();
  EXPECT_TRUE(after->hosts.is(before->hosts));
  EXPECT_TRUE(after->orgs.is(before->orgs));
  EXPECT_TRUE(after->renewals.is(before->renewals));

  Membership::Output out;
  membership_.on_update(Instant(std::chrono::hours(1)), {acme_.id, HostStatus::kLeft, 1, acme_.id},
                        out);
  auto left = build();
  EXPECT_EQ(left->find_host(acme_.id)->status, HostStatus::kLeft);
  EXPECT_EQ(after->find_host(acme_.id)->status, HostStatus::kAlive);
  EXPECT_TRUE(left->orgs.is(after->orgs));

  auto fourth = kCluster.enrol(4);
  merge(fourth.signed_host());
  EXPECT_NE(build()->find_host(fourth.id), nullptr);
  shared(any_, OrgRecord{"acme"}, "acme", 20);
  EXPECT_TRUE(build()->orgs.contains("acme"));
  membership_.remove(acme_.id);
  EXPECT_EQ(build()->find_host(acme_.id)->status, HostStatus::kAlive);  // of whom nothing is known
}

// Time alone changes whom to trust: nobody says anything, and yet a certificate ends.
TEST_F(SnapshotBuilderTest, ACertificateEndsWithoutAnyRecord) {
  auto ends = kNow + std::chrono::hours(1);
  auto fourth = kCluster.enrol(4, {"*"}, 0, ends);
  merge(fourth.signed_host());
  EXPECT_EQ(build()->find_host(fourth.id)->valid_until, ends);
  auto at = [&](WallTime now) {
    builder_.touch(store_.take_changes());
    return builder_.build(store_, membership_, true, now);
  };
  EXPECT_NE(at(ends + kCertificateGrace - std::chrono::minutes(1))->find_host(fourth.id), nullptr);
  EXPECT_EQ(at(ends + kCertificateGrace + std::chrono::minutes(1))->find_host(fourth.id), nullptr);
  EXPECT_NE(at(kNow)->find_host(fourth.id), nullptr);  // the clock was put back
}

TEST_F(SnapshotBuilderTest, AViewSaysWhichAppsAreOtherObjects) {
  shared(any_, AppRecord{"api", "acme", kTestNetwork, "", {}}, "acme", 12);
  auto before = build();
  const AppChanges& none = before->find_network(kTestNetwork)->changed_apps;
  EXPECT_EQ(none.since, before->generation);
  EXPECT_TRUE(none.changes.empty());
  machine(acme_, make_machine(acme_, 1));
  auto after = build();
  const AppChanges& one = after->find_network(kTestNetwork)->changed_apps;
  EXPECT_EQ(one.since, before->generation);
  ASSERT_EQ(one.changes.size(), 1U);
  EXPECT_EQ(one.changes.front().app, "web");
  EXPECT_EQ(one.changes.front().generation, after->generation);
}

TEST(AppChanges, ForgetsTheOldestAndSaysSo) {
  AppChanges log{7, {}};
  for (std::uint64_t i = 1; i <= 10 * AppChanges::kMost; ++i) {
    log.add(7 + i, std::to_string(i));
    ASSERT_LE(log.changes.size(), AppChanges::kMost);
    ASSERT_EQ(log.since + 1, log.changes.front().generation);
    ASSERT_EQ(log.changes.back().app, std::to_string(i));
  }
}

TEST_F(SnapshotBuilderTest, ManyChangedMachinesAreOneChangedNetwork) {
  build();
  for (unsigned i = 0; i <= kSingleMachines; ++i) machine(acme_, make_machine(acme_, i));
  Changes changes = store_.take_changes();
  EXPECT_TRUE(changes.machines.empty());
  EXPECT_EQ(changes.networks, std::set<NetworkId>{kTestNetwork});
  builder_.touch(changes);
  auto snapshot = builder_.build(store_, membership_, true, kNow);
  EXPECT_EQ(snapshot->find_network(kTestNetwork)->machines.size(), kSingleMachines + 1);
}

}  // namespace
}  // namespace sixpn::registry
