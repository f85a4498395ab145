// What one stolen host may try: it holds the keys of an enrolled host with the rights of one org
// ("globex"), and writes whatever it likes. Each test is one attack; the rest of the cluster must
// not notice. What stays possible is listed in decisions/0026.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "registry/core/address.h"
#include "registry/core/machine_id.h"
#include "registry/core/network_id.h"
#include "registry/core/record_rules.h"
#include "registry/core/snapshot_builder.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using sim::EnrolledHost;
using test::make_machine;
using test::make_owned_record;
using test::make_shared_record;
using test::make_tombstone;

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);
const WallTime kIssued = kNow - 24h;  // of the thief's invitation

class StolenHost : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto* host : {&thief_, &victim_}) accepts(host->signed_host());
    membership_.start({});
    accepts(write(victim_, NetworkRecord{acme_net_, "acme", "default"}, "acme", kNow - 2h));
    accepts(write(victim_, AppRecord{"web", "acme", acme_net_, "", {}}, "acme", kNow - 2h));
    accepts(write(victim_, NetworkRecord{globex_net_, "globex", "default"}, "globex", kNow - 2h));
  }
  static SignedRecordPtr write(const EnrolledHost& host, RecordValue value, const std::string& org,
                               WallTime when) {
    return host.sign(make_shared_record(host, std::move(value), org, HybridClock::from_wall(when)));
  }
  static SignedRecordPtr own(const EnrolledHost& host, const MachineRecord& machine,
                             std::uint64_t incarnation = 1, std::uint64_t version = 1) {
    return host.sign(make_owned_record(host, machine, incarnation, version));
  }
  // As the machine room makes them: the id proves the address.
  static MachineRecord machine(const EnrolledHost& host, unsigned number, NetworkId network) {
    MachineRecord out = make_machine(host, number, network);
    out.id = machine_id_of(out.address);
    return out;
  }
  void accepts(const SignedRecordPtr& record) {
    EXPECT_EQ(store_.merge(record, kNow), Verdict::kAccepted) << to_string(record->record.key);
  }
  void refuses(const SignedRecordPtr& record, Verdict with) {
    EXPECT_EQ(store_.merge(record, kNow), with) << to_string(record->record.key);
  }
  SnapshotPtr build() {
    builder_.touch(store_.take_changes());
    return builder_.build(store_, membership_, true, kNow);
  }
  const NetworkView& acme() {
    last_ = build();
    return *last_->find_network(acme_net_);
  }

  // The thief's id is the smaller one, and its enrolment the earlier one: no tie goes to the
  // victim.
  EnrolledHost thief_ = kCluster.enrol(1, {"globex"}, 0, {}, kIssued);
  EnrolledHost victim_ = kCluster.enrol(2, {"*"}, 60);
  std::string cluster_ = cluster_id(kCluster.root().public_key());
  NetworkId acme_net_ = network_id(cluster_, "acme", "default", 0);
  NetworkId globex_net_ = network_id(cluster_, "globex", "default", 0);
  Store store_{kCluster.root().public_key()};
  Rng rng_{1};
  Membership membership_{victim_.id, 1, rng_};
  SnapshotBuilder builder_{victim_.id};
  SnapshotPtr last_;
};

TEST_F(StolenHost, WritesNothingInTheNameOfAnother) {
  Record forged = make_owned_record(victim_, machine(victim_, 1, acme_net_), 9, 9);
  refuses(thief_.sign(forged), Verdict::kBadSignature);
  Record host = make_owned_record(victim_, victim_.record, 9, 9);
  refuses(thief_.sign(host), Verdict::kBadSignature);
  // A host record of its own under another's certificate.
  EnrolledHost disguised = thief_;
  disguised.record.certificate = victim_.record.certificate;
  refuses(disguised.signed_host(2), Verdict::kNotPermitted);
  disguised = thief_;
  disguised.record.name = victim_.record.name;
  refuses(disguised.signed_host(2), Verdict::kNotPermitted);
  disguised = thief_;
  disguised.record.region = "nrt";
  refuses(disguised.signed_host(2), Verdict::kNotPermitted);
}

TEST_F(StolenHost, EntersNoOtherOrg) {
  refuses(write(thief_, AppRecord{"evil", "acme", acme_net_, "", {}}, "acme", kNow),
          Verdict::kNotPermitted);
  auto app = write(victim_, AppRecord{"web", "acme", acme_net_, "", {}}, "acme", kNow - 2h);
  refuses(thief_.sign(make_tombstone(make_shared_record(thief_, app->record.value, "acme", 1),
                                     HybridClock::from_wall(kNow), kNow)),
          Verdict::kNotPermitted);
  // Under its own org's right, in the other's network: kept, and shown nowhere.
  accepts(write(thief_, AppRecord{"evil", "globex", acme_net_, "", {}}, "globex", kNow));
  accepts(own(thief_, machine(thief_, 1, acme_net_)));
  EXPECT_FALSE(acme().apps.contains("evil"));
  EXPECT_TRUE(acme().machines.empty());
}

TEST_F(StolenHost, TakesNoNetworkByABackdatedClaim) {
  accepts(write(thief_, NetworkRecord{acme_net_, "globex", "stolen"}, "globex", kNow - 1000h));
  EXPECT_EQ(acme().network.org, "acme");
  EXPECT_TRUE(acme().apps.contains("web"));
}

// Two ids of older versions, or by chance: no id proves its org, so the first by clock stands, and
// no clock reaches back behind the writer's own invitation.
TEST_F(StolenHost, BackdatesNoClaimBehindItsOwnInvitation) {
  NetworkId plain{0xacce55};
  accepts(write(victim_, NetworkRecord{plain, "acme", "old"}, "acme", kNow - 48h));
  accepts(write(thief_, NetworkRecord{plain, "globex", "stolen"}, "globex", kNow - 1000h));
  EXPECT_EQ(build()->find_network(plain)->network.org, "acme");
}

TEST_F(StolenHost, DisplacesNoMachineByTakingItsId) {
  auto genuine = machine(victim_, 7, globex_net_);
  accepts(own(victim_, genuine));
  MachineRecord squat = machine(thief_, 8, globex_net_);  // at home by its address
  squat.id = genuine.id;
  accepts(own(thief_, squat));
  last_ = build();
  EXPECT_EQ(last_->find_network(globex_net_)->machines.at(genuine.id)->host, victim_.id);
}

TEST_F(StolenHost, TakesNoAddressOfAMachine) {
  auto genuine = machine(victim_, 7, globex_net_);
  accepts(own(victim_, genuine));
  for (std::uint64_t id : {std::uint64_t{1}, std::uint64_t{0xffffffffffffff}}) {
    MachineRecord claim = machine(thief_, 8, globex_net_);
    claim.id = MachineId{id};
    claim.address = genuine.address;
    accepts(own(thief_, claim));
  }
  last_ = build();
  EXPECT_EQ(last_->find_network(globex_net_)->machines_by_address.at(genuine.address)->id,
            genuine.id);
}

TEST_F(StolenHost, StandsInNoOtherRegion) {
  auto moved = machine(thief_, 1, globex_net_);
  moved.region = "nrt";
  ASSERT_NE(thief_.record.region, "nrt");
  accepts(own(thief_, moved));
  last_ = build();
  EXPECT_TRUE(last_->find_network(globex_net_)->machines.empty());
}

TEST_F(StolenHost, TakesNoFlycastAddressThatAnotherOrgExposed) {
  NetworkId initech = network_id(cluster_, "initech", "default", 0);
  Ip6 address = flycast_address(acme_net_, 5);
  accepts(write(victim_, NetworkRecord{initech, "initech", "default"}, "initech", kNow - 2h));
  accepts(write(victim_, FlycastRecord{address, "api", initech, ""}, "initech", kNow - 1h));
  // "globex" comes before "initech" in every order of names; later, and backdated.
  accepts(write(thief_, FlycastRecord{address, "evil", globex_net_, ""}, "globex", kNow));
  EXPECT_EQ(acme().flycast.at(address).app, "api");
  accepts(write(thief_, FlycastRecord{address, "evil", globex_net_, "x"}, "globex", kNow + 1s));
  EXPECT_EQ(acme().flycast.at(address).app, "api");
}

TEST_F(StolenHost, ABackdatedFlycastClaimComesAfterHonestOnes) {
  NetworkId initech = network_id(cluster_, "initech", "default", 0);
  Ip6 address = flycast_address(acme_net_, 5);
  accepts(write(victim_, NetworkRecord{initech, "initech", "default"}, "initech", kNow - 2h));
  accepts(write(thief_, FlycastRecord{address, "evil", globex_net_, ""}, "globex", kNow - 1000h));
  accepts(write(victim_, FlycastRecord{address, "api", initech, ""}, "initech", kNow - 1h));
  EXPECT_EQ(acme().flycast.at(address).app, "api");
}

TEST_F(StolenHost, LocksNobodyOutByGreatStamps) {
  // Far ahead: refused. As far as it may be: the next honest write is later all the same.
  auto app = [&](const EnrolledHost& by, std::uint64_t major, const std::string& region) {
    return by.sign(make_shared_record(by, AppRecord{"api", "globex", globex_net_, region, {}},
                                      "globex", major));
  };
  refuses(app(thief_, std::numeric_limits<std::uint64_t>::max(), ""), Verdict::kClockAhead);
  accepts(app(thief_, HybridClock::from_wall(kNow + kMaxClockAhead), "fra"));
  WallTime next = kNow + 1ms;
  EXPECT_EQ(store_.merge(app(victim_, store_.clock().tick(next), "iad"), next), Verdict::kAccepted);
  last_ = build();
  EXPECT_EQ(last_->find_network(globex_net_)->apps.at("api")->app.primary_region, "iad");
}

TEST_F(StolenHost, IncarnationsLeaveRoomAboveThem) {
  auto huge = make_owned_record(thief_, machine(thief_, 1, globex_net_),
                                std::numeric_limits<std::uint64_t>::max(), 1);
  EXPECT_FALSE(sign_record(huge, thief_.key));
  huge.stamp.major = kMaxRecordIncarnation;
  EXPECT_TRUE(sign_record(huge, thief_.key));
}

TEST_F(StolenHost, TombstonesAreAsOldAsTheirStamps) {
  auto value = AppRecord{"api", "globex", globex_net_, "", {}};
  accepts(write(victim_, value, "globex", kNow - 1h));
  auto erase = [&](WallTime stamped, WallTime deleted) {
    Record record = make_shared_record(thief_, value, "globex", 1);
    return thief_.sign(make_tombstone(record, HybridClock::from_wall(stamped), deleted));
  };
  // "Deleted" so long ago that everybody would forget it at once, and the record come back.
  refuses(erase(kNow, kNow - kTombstoneHorizon - 1h), Verdict::kExpired);
  refuses(erase(kNow, kNow - 1h), Verdict::kExpired);
  // Never to be forgotten.
  refuses(erase(kNow, kNow + 1000h), Verdict::kClockAhead);
  accepts(erase(kNow, kNow));  // within its right, and for as long as anybody's
}

TEST_F(StolenHost, ItsShareOfTheRegistryIsBounded) {
  auto big = machine(thief_, 1, globex_net_);
  for (int i = 0; i < 30; ++i)
    big.metadata.try_emplace("k" + std::to_string(i), std::string(1000, 'x'));
  EXPECT_FALSE(sign_record(make_owned_record(thief_, big, 1, 1), thief_.key));  // 16 KiB
  Store small(kCluster.root().public_key(), {.records = 1000, .records_per_writer = 3});
  EXPECT_EQ(small.merge(thief_.signed_host(), kNow), Verdict::kAccepted);
  int taken = 0;
  for (unsigned i = 0; i < 10; ++i)
    taken += small.merge(own(thief_, machine(thief_, i, globex_net_)), kNow) == Verdict::kAccepted;
  EXPECT_EQ(taken, 2);
}

}  // namespace
}  // namespace sixpn::registry
