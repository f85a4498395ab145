// What Gossip takes, keeps waiting, writes, and when it compares. Spreading and members have files
// of their own.
#include "registry/core/gossip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/registry/gossip_fixture.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A machine of 16 KiB, nearly; each time another version.
MachineRecord large_machine(const EnrolledHost& host, unsigned number) {
  auto machine = test::make_machine(host, number);
  for (char i = 0; i < 15; ++i)
    machine.metadata.try_emplace(std::string("note") + static_cast<char>('a' + i),
                                 std::string(1000, 'x'));
  return machine;
}

TEST_F(GossipTest, ManyLargeRecordsAtOnceAreLeftToSyncs) {
  admit_answering(3);
  const auto whole = static_cast<unsigned>(kFragmentLimit.burst) / 16;
  for (unsigned i = 1; i <= whole; ++i)
    EXPECT_THAT(own_write(large_machine(host_, i)).syncs, IsEmpty()) << i;
  EXPECT_THAT(own_write(large_machine(host_, whole + 1)).syncs, SizeIs(kMaxSyncs));
  pass(kFragmentLimit.interval * 20);
  EXPECT_THAT(own_write(large_machine(host_, whole + 2)).syncs, IsEmpty());
}

TEST_F(GossipTest, ABatchIsWrittenWholeOrNotAtAll) {
  auto sign = [&](const LocalWrite& write) {
    return *writer_.sign(write, gossip_.clock(), now_.wall);
  };
  auto before = gossip_.store().root_hash();
  auto out = gossip_.on_local_write(
      now_, {sign({OrgRecord{"acme"}, false, {}, "acme"}),
             sign({{}, true, app_key(test::kTestNetwork, "ghost"), "acme"})});
  ASSERT_TRUE(out.refused);
  EXPECT_THAT(out.refused->message, HasSubstr("there is no record app/00acce55/ghost to erase"));
  EXPECT_EQ(gossip_.store().root_hash(), before);
}

class FullGossip : public GossipTest {
 protected:
  FullGossip() : GossipTest(Dissemination::kTrees, {100, 3, 0}) {}
  std::vector<SignedRecordPtr> machines(unsigned first, unsigned count) {
    std::vector<SignedRecordPtr> out;
    for (unsigned i = first; i < first + count; ++i)
      out.push_back(*writer_.sign(LocalWrite{test::make_machine(host_, i), false, {}, ""},
                                  gossip_.clock(), now_.wall));
    return out;
  }
};

TEST_F(FullGossip, ABatchThatDoesNotFitIsRefusedWhole) {
  auto out = gossip_.on_local_write(now_, machines(1, 3));  // beside the host's own record
  ASSERT_TRUE(out.refused);
  EXPECT_THAT(out.refused->message, HasSubstr("limit of records is reached"));
  EXPECT_EQ(gossip_.store().records().size(), 1U);
  EXPECT_FALSE(gossip_.on_local_write(now_, machines(1, 2)).refused);
  EXPECT_FALSE(gossip_.on_local_write(now_, machines(1, 2)).refused) << "known ones need no room";
  EXPECT_TRUE(gossip_.on_local_write(now_, machines(9, 1)).refused);
}

TEST_F(GossipTest, NewsIsPassedOnOnceAndNoOpsAreNot) {
  admit_others(3);
  auto other = kCluster.enrol(1);
  auto record = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1));
  auto datagram = in_step();
  datagram.records = {record->wire()};
  EXPECT_TRUE(receive(1, datagram).snapshot_dirty);
  auto again = receive(2, datagram);
  EXPECT_FALSE(again.snapshot_dirty);
  EXPECT_TRUE(again.changes.empty());
  EXPECT_EQ(gossip_.counters().records_duplicate, 1U);
}

TEST_F(GossipTest, ARecordWaitsForItsWritersHostRecord) {
  admit_others(1);
  auto stranger = kCluster.enrol(7);
  auto datagram = in_step();
  datagram.records = {
      stranger.sign(test::make_shared_record(stranger, OrgRecord{"acme"}, "acme", 1))->wire()};
  EXPECT_TRUE(receive(1, datagram).changes.empty());
  datagram.records = {stranger.signed_host()->wire()};
  receive(1, datagram);
  EXPECT_EQ(gossip_.store().records().size(), 4U);
  EXPECT_EQ(gossip_.membership().status(stranger.id), HostStatus::kAlive);
}

TEST_F(GossipTest, WaitingRecordsAreBounded) {
  admit_others(1);
  auto stranger = kCluster.enrol(7);
  for (unsigned i = 0; i < kMaxPending + 20; ++i) {
    auto datagram = in_step();
    datagram.records = {
        stranger.sign(test::make_owned_record(stranger, test::make_machine(stranger, i), 1, 1))
            ->wire()};
    receive(1, datagram);
  }
  EXPECT_EQ(gossip_.counters().dropped_queue_full, 20U);
}

TEST_F(GossipTest, DifferentHashesThatLastStartASync) {
  admit_others(3);
  receive(1, in_step());  // equal: this store is the truth
  ASSERT_TRUE(gossip_.synced());
  auto differs = in_step();
  differs.root_hash += 1;
  differs.stable = 10s;
  EXPECT_THAT(receive(2, differs).syncs, IsEmpty());  // our own store has just changed
  pass(600ms);
  differs.stable = 100ms;
  EXPECT_THAT(receive(2, differs).syncs, IsEmpty());  // and now theirs has
  differs.stable = 600ms;
  EXPECT_THAT(receive(2, differs).syncs, ElementsAre(sim::host_id(2)));
  EXPECT_THAT(receive(2, differs).syncs, IsEmpty());  // one at a time
  receive(3, differs);
  EXPECT_THAT(receive(1, differs).syncs, IsEmpty());  // kMaxSyncs are running
  gossip_.on_sync_finished(now_, sim::host_id(2), false);
  EXPECT_THAT(receive(2, differs).syncs, IsEmpty());  // not at once again
  pass(kSyncBackoffFirst);
  EXPECT_THAT(receive(2, differs).syncs, SizeIs(1));
}

// Two hosts compare what both hold.
TEST_F(GossipTest, AHostThatHoldsLessIsInStepByWhatItHolds) {
  admit_others(2);
  own_write(test::make_machine(host_, 1));
  own_write(test::make_machine(host_, 2, test::kOtherNetwork));
  auto other = kCluster.enrol(1);
  InterestRecord interest{other.id, false, {test::kTestNetwork}};
  auto said = in_step();
  said.records = {other.sign(test::make_owned_record(other, interest, 1, 1))->wire()};
  receive(1, said);

  const Store& store = gossip_.store();
  Selection shared{false, {test::kTestNetwork}};
  EXPECT_EQ(gossip_.shared_with(other.id), shared);
  EXPECT_EQ(gossip_.shared_with(sim::host_id(2)), Selection{});
  ASSERT_NE(store.root_hash(shared), store.root_hash());
  pass(10s);
  auto holds_less = in_step();
  holds_less.stable = 10s;
  holds_less.root_hash = store.root_hash(shared);
  holds_less.probe = ProbeMessage{ProbeMessage::Kind::kPing, other.id, 1, host_.id};
  auto out = receive(1, holds_less);
  EXPECT_THAT(out.syncs, IsEmpty());
  ASSERT_FALSE(out.datagrams.empty());
  EXPECT_EQ(decoded(out.datagrams[0]).root_hash, store.root_hash(shared));
  EXPECT_THAT(receive(2, holds_less).syncs, ElementsAre(sim::host_id(2)));
}

TEST_F(GossipTest, ABusyPeerIsAskedAgainWhenItSaid) {
  admit_others(2);
  auto differs = in_step();
  differs.root_hash += 1;
  differs.stable = 600ms;
  for (int times = 0; times < 6; ++times) {  // its backoff would have grown to half a minute
    EXPECT_THAT(receive(1, differs).syncs, ElementsAre(sim::host_id(1)));
    gossip_.on_sync_finished(now_, sim::host_id(1), false, 2s);
    pass(1900ms);
    EXPECT_THAT(receive(1, differs).syncs, IsEmpty());
    pass(100ms);
  }
}

TEST_F(GossipTest, ANewcomerSyncsAtOnceAndIsSyncedAfterwards) {
  admit_others(2);
  EXPECT_FALSE(gossip_.synced());
  auto differs = in_step();
  differs.root_hash += 1;
  EXPECT_THAT(receive(1, differs).syncs, ElementsAre(sim::host_id(1)));
  auto other = kCluster.enrol(1);
  gossip_.on_sync_records(
      now_, sim::host_id(1),
      {other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1))});
  EXPECT_FALSE(gossip_.synced());
  EXPECT_TRUE(gossip_.on_sync_finished(now_, sim::host_id(1), true).snapshot_dirty);
  EXPECT_TRUE(gossip_.synced());
}

// It uses one network, and its first sessions are of that and of what everybody holds.
TEST_F(GossipTest, ANewcomerThatWantsAllFillsFirstWhatItUses) {
  own_write(
      InterestRecord{host_.id, true, {test::kTestNetwork}, {NetworkId{}, test::kTestNetwork}});
  admit_others(2);
  const HostId peer = sim::host_id(1);
  const Selection used{false, {test::kTestNetwork}};
  EXPECT_TRUE(gossip_.is_filling());
  auto differs = in_step();
  differs.root_hash += 1;
  EXPECT_THAT(receive(1, differs).syncs, ElementsAre(peer));
  EXPECT_EQ(gossip_.to_compare(peer), used);
  EXPECT_EQ(gossip_.shared_with(peer), Selection{});  // the roots that both tell are of all
  auto other = kCluster.enrol(1);
  InterestRecord all{other.id, true, {}, {}};
  gossip_.on_sync_records(
      now_, peer,
      {other.sign(test::make_owned_record(other, all, 1, 2)),
       other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1)),
       other.sign(test::make_shared_record(
           other, NetworkRecord{test::kOtherNetwork, "acme", "other"}, "acme", 2))});
  // The peer's word on what it holds came with this session: it proves nothing yet.
  EXPECT_THAT(gossip_.on_sync_finished(now_, peer, true).syncs, ElementsAre(peer));
  EXPECT_TRUE(gossip_.synced());
  EXPECT_EQ(gossip_.to_compare(peer), used);
  EXPECT_EQ(gossip_.held(), (Selection{false, {}}));
  EXPECT_THAT(gossip_.on_sync_finished(now_, peer, true).syncs, ElementsAre(peer));
  EXPECT_EQ(gossip_.held(), used);
  EXPECT_TRUE(gossip_.is_filling());
  EXPECT_EQ(gossip_.to_compare(peer), Selection{});
  EXPECT_THAT(gossip_.on_sync_finished(now_, peer, true).syncs, IsEmpty());
  EXPECT_EQ(gossip_.held(), Selection{});
  EXPECT_FALSE(gossip_.is_filling());
}

// A crash came between the machine and the interest that would have named its network.
TEST_F(GossipTest, ANetworkWithAnOwnMachineIsNotDroppedFromTheDisk) {
  Gossip next({.self = host_.id, .root_key = kCluster.root().public_key()}, rng_);
  auto other = kCluster.enrol(1);
  InterestRecord nothing{host_.id, false, {}, {}};
  auto own = host_.sign(test::make_owned_record(host_, test::make_machine(host_, 1), 1, 3));
  auto theirs = other.sign(
      test::make_owned_record(other, test::make_machine(other, 1, test::kOtherNetwork), 1, 2));
  next.load(now_, {host_.signed_host(), other.signed_host(), own, theirs,
                   host_.sign(test::make_owned_record(host_, nothing, 1, 2))});
  EXPECT_NE(next.store().find(slot_of(own->record)), nullptr);
  EXPECT_EQ(next.store().find(slot_of(theirs->record)), nullptr);
  EXPECT_EQ(next.held(), (Selection{false, {}}));
  EXPECT_THAT(next.orphans(), ElementsAre(test::kTestNetwork));
  // Nor later: it is wanted again.
  now_.mono += 5min;
  next.on_timer(now_);
  EXPECT_NE(next.store().find(slot_of(own->record)), nullptr);
  EXPECT_THAT(next.orphans(), ElementsAre(test::kTestNetwork));
}

// Its first sync had not ended when it was killed.
TEST_F(GossipTest, APartOfTheRegistryFromTheDiskIsNotTakenForTheTruth) {
  for (bool whole : {false, true}) {
    Gossip next({.self = host_.id,
                 .root_key = kCluster.root().public_key(),
                 .expects_peers = true,
                 .loads_whole = whole},
                rng_);
    next.load(now_, {host_.signed_host(), kCluster.enrol(1).signed_host()});
    next.start(now_);
    EXPECT_EQ(next.synced(), whole);
    next.on_sync_finished(now_, sim::host_id(1), true);
    EXPECT_TRUE(next.synced());
  }
}

TEST_F(GossipTest, WhatAnEarlierLifeSaidThatItHoldsCountsFromTheStart) {
  Gossip next({.self = host_.id, .root_key = kCluster.root().public_key()}, rng_);
  InterestRecord some{host_.id, false, {test::kTestNetwork}, {}};
  next.load(now_, {host_.signed_host(), host_.sign(test::make_owned_record(host_, some, 1, 2))});
  EXPECT_EQ(next.held(), (Selection{false, {test::kTestNetwork}}));
}

}  // namespace
}  // namespace sixpn::registry
