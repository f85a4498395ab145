// How Gossip spreads news: trees, siblings, repetition, repair.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/gossip.h"
#include "tests/unit/registry/gossip_fixture.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(GossipTest, ALocalWriteGoesToEveryHostOfASmallClusterAtOnce) {
  admit_answering(9);
  auto out = own_write(OrgRecord{"acme"}, "acme");
  EXPECT_FALSE(out.refused);
  EXPECT_TRUE(out.snapshot_dirty);
  std::set<HostId> told;
  for (const auto& sent : out.datagrams) {
    told.insert(sent.to);
    EXPECT_THAT(decoded(sent).records, SizeIs(1));
  }
  EXPECT_EQ(told.size(), 9U);
  EXPECT_EQ(out.datagrams.size(), 9U);
}

// Three regions of about ten: the siblings of either other region, and the inner hosts of this one
// in both trees.
TEST_F(GossipTest, InALargeClusterTheHeadsOfTwoTreesAreTold) {
  admit_answering(30);
  auto out = own_write(OrgRecord{"acme"}, "acme");
  std::map<RelayLevel, std::size_t> told;
  for (const auto& sent : out.datagrams) {
    auto datagram = decoded(sent);
    ASSERT_TRUE(datagram.push);
    EXPECT_THAT(datagram.records, SizeIs(1));
    ++told[datagram.push->level];
  }
  EXPECT_EQ(told[RelayLevel::kSibling], 2 * kSiblings);
  EXPECT_EQ(told[RelayLevel::kEntry], 0U);
  EXPECT_LE(told[RelayLevel::kInner], 6U);
  EXPECT_GE(told[RelayLevel::kInner], 5U);
  EXPECT_EQ(told[RelayLevel::kLeaf], 0U);
}

TEST_F(GossipTest, WhatIsNotAcknowledgedIsRepeatedABoundedNumberOfTimes) {
  admit_answering(4);
  auto out = own_write(OrgRecord{"acme"}, "acme");
  EXPECT_THAT(out.datagrams, SizeIs(4));
  auto wires = decoded(out.datagrams[0]).records;
  std::map<HostId, std::size_t> repeated;
  for (Instant end = now_.mono + 20s; out.wake <= end;) {
    now_.mono = out.wake;
    out = gossip_.on_timer(now_);
    for (const auto& sent : out.datagrams) {
      auto push = decoded(sent).push;
      if (!push || decoded(sent).records != wires || ++repeated[sent.to] > 1 ||
          sent.to != sim::host_id(2))
        continue;
      auto answer = in_step();
      answer.acks = {push->sequence};
      out.wake = gossip_.on_datagram(now_, sent.to, encode_datagram(answer)).wake;
    }
  }
  EXPECT_EQ(repeated[sim::host_id(1)], kDirectRepeats);
  EXPECT_EQ(repeated[sim::host_id(2)], 1U);
}

TEST_F(GossipTest, APushIsAcknowledgedAndItsNewsPassedOnOnce) {
  admit_answering(30);
  auto other = kCluster.enrol(3);
  auto record = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1));
  auto datagram = in_step();
  datagram.records = {record->wire()};
  datagram.push = PushHeader{RelayLevel::kEntry, 2, 77, {}};
  auto first = receive(3, datagram);
  std::size_t inner = 0;
  for (const auto& sent : first.datagrams) {
    auto passed = decoded(sent);
    if (!passed.push || passed.push->level != RelayLevel::kInner) continue;
    ++inner;
    EXPECT_THAT(passed.records, ElementsAre(record->wire()));
    EXPECT_THAT(passed.push->inner, testing::Contains(sent.to));
  }
  EXPECT_GE(inner, 2U);
  // Again: known before it is decoded, and nobody else hears of it.
  EXPECT_THAT(receive(3, datagram).datagrams, IsEmpty());
  // By the other tree: its duty is another, and done once too.
  pass(kUrgentWindow);
  datagram.push = PushHeader{RelayLevel::kInner, 3, 78, {host_.id}};
  auto second = receive(4, datagram);
  EXPECT_GE(second.datagrams.size(), 5U);
  for (const auto& sent : second.datagrams)
    if (auto push = decoded(sent).push) {
      EXPECT_EQ(push->level, RelayLevel::kLeaf);
    }
  pass(kUrgentWindow);
  EXPECT_THAT(receive(4, datagram).datagrams, IsEmpty());
  EXPECT_EQ(gossip_.counters().copies_received, 4U);
  EXPECT_EQ(gossip_.counters().copies_duplicate, 3U);
  pass(kAckDelay);
  std::map<HostId, std::vector<std::uint32_t>> acknowledged;
  for (const auto& out : {first, second, gossip_.on_timer(now_)})
    for (const auto& sent : out.datagrams)
      for (std::uint32_t sequence : decoded(sent).acks) acknowledged[sent.to].push_back(sequence);
  EXPECT_THAT(acknowledged[sim::host_id(3)], testing::Contains(77));
  EXPECT_THAT(acknowledged[sim::host_id(4)], testing::Contains(78));
}

TEST_F(GossipTest, AReminderIsAcknowledgedByWhoHasItAndAnsweredByWhoLacksIt) {
  admit_answering(30);
  auto other = kCluster.enrol(3);
  auto record = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1));
  auto datagram = in_step();
  datagram.push = PushHeader{RelayLevel::kLeaf, 2, 77, {}};
  datagram.push->heads = {record_head(record->digest)};
  auto lacking = receive(3, datagram);
  ASSERT_THAT(lacking.datagrams, SizeIs(1));
  EXPECT_EQ(lacking.datagrams[0].to, sim::host_id(3));
  EXPECT_THAT(decoded(lacking.datagrams[0]).again, ElementsAre(77U));
  EXPECT_THAT(decoded(lacking.datagrams[0]).acks, IsEmpty());
  // The packet, and another reminder: its acknowledgement was lost. No duty of a leaf.
  auto whole = datagram;
  whole.push->heads.clear();
  whole.records = {record->wire()};
  receive(3, whole);
  pass(kAckDelay);
  gossip_.on_timer(now_);
  auto known = receive(3, datagram);
  EXPECT_THAT(known.datagrams, IsEmpty());
  pass(kAckDelay);
  auto acknowledged = gossip_.on_timer(now_);
  ASSERT_THAT(acknowledged.datagrams, SizeIs(1));
  EXPECT_THAT(decoded(acknowledged.datagrams[0]).acks, ElementsAre(77U));
  // A reminder of an inner host's duty is enough to do it.
  datagram.push = PushHeader{RelayLevel::kInner, 3, 78, {host_.id}};
  datagram.push->heads = {record_head(record->digest)};
  pass(kUrgentWindow);
  EXPECT_GE(receive(4, datagram).datagrams.size(), 5U);
}

// Of a record that no datagram holds.
SignedRecordPtr large_record(const EnrolledHost& writer) {
  auto machine = test::make_machine(writer, 1);
  for (char i = 'a'; i < 'd'; ++i)
    machine.metadata.try_emplace(std::string("note") + i, std::string(1000, 'x'));
  return writer.sign(test::make_owned_record(writer, machine, 1, 1));
}

TEST_F(GossipTest, ALargeRecordComesInFragmentsAndGoesOnInFragmentsOnceItIsWhole) {
  admit_answering(30);
  const auto record = large_record(kCluster.enrol(3));
  const std::size_t count = fragments_of(record->wire_size);
  ASSERT_EQ(count, 4U);
  auto datagram = in_step();
  Gossip::Output out;
  for (std::size_t i = 0; i < count; ++i) {
    datagram.push =
        PushHeader{RelayLevel::kInner, 2, static_cast<std::uint32_t>(70 + i), {host_.id}};
    datagram.fragment = fragment_of(*record, i);
    out = receive(3, datagram);
    EXPECT_EQ(gossip_.store().find(slot_of(record->record)) != nullptr, i + 1 == count);
    EXPECT_EQ(out.datagrams.empty(), i + 1 < count);
  }
  std::map<HostId, std::set<std::uint32_t>> passed;
  std::set<std::uint32_t> sequences;
  for (const auto& each : out.datagrams) {
    auto part = decoded(each).fragment;
    ASSERT_TRUE(part);
    EXPECT_EQ(*part, fragment_of(*record, part->index));
    EXPECT_EQ(decoded(each).push->level, RelayLevel::kLeaf);
    EXPECT_NE(each.to, sim::host_id(3));
    passed[each.to].insert(part->index);
    sequences.insert(decoded(each).push->sequence);
  }
  EXPECT_EQ(sequences.size(), count) << "acknowledged one by one";
  EXPECT_GE(passed.size(), 5U);
  for (const auto& [host, parts] : passed) EXPECT_EQ(parts.size(), count);
  // The other tree brings it too: what it asks of this host is done, once.
  datagram.push = PushHeader{RelayLevel::kInner, 3, 90, {host_.id}};
  pass(kNormalWindow);
  acknowledge(out);
  out = receive(4, datagram);
  EXPECT_GE(out.datagrams.size(), 5U * count);
  acknowledge(out);
  datagram.push->sequence = 91;
  pass(kNormalWindow);
  for (const auto& each : receive(4, datagram).datagrams)
    EXPECT_FALSE(decoded(each).fragment) << "only acknowledged";
}

TEST_F(GossipTest, FragmentsThatAreNotWhatTheySayAreDroppedAndCharged) {
  admit_answering(30);
  const auto record = large_record(kCluster.enrol(3));
  auto datagram = in_step();
  datagram.push = PushHeader{RelayLevel::kLeaf, 2, 70, {}};
  for (std::size_t i = 0; i < fragments_of(record->wire_size); ++i) {
    datagram.fragment = fragment_of(*record, i);
    datagram.fragment->bytes[5] = '#';
    EXPECT_THAT(receive(3, datagram).datagrams, IsEmpty());
  }
  EXPECT_EQ(gossip_.store().find(slot_of(record->record)), nullptr);
  EXPECT_EQ(gossip_.counters().dropped_malformed, 1U);
  for (std::size_t i = 0; i < fragments_of(record->wire_size); ++i) {
    datagram.fragment = fragment_of(*record, i);
    receive(4, datagram);
  }
  EXPECT_NE(gossip_.store().find(slot_of(record->record)), nullptr);
}

TEST_F(GossipTest, WhoLacksALargeRecordThatChangedLatelyGetsItInFragments) {
  admit_answering(30);
  auto machine = test::make_machine(host_, 1);
  for (char i = 'a'; i < 'd'; ++i)
    machine.metadata.try_emplace(std::string("note") + i, std::string(1000, 'x'));
  acknowledge(own_write(machine));
  pass(kUrgentWindow);
  acknowledge(gossip_.on_timer(now_));
  const auto own = gossip_.store().find(slot_of(test::make_owned_record(host_, machine, 1, 1)));
  ASSERT_NE(own, nullptr);
  auto request = in_step();
  request.pull = {record_head(own->digest)};
  std::set<std::uint32_t> parts;
  for (const auto& sent : receive(5, request).datagrams) {
    EXPECT_EQ(sent.to, sim::host_id(5));
    if (auto part = decoded(sent).fragment) parts.insert(part->index);
  }
  EXPECT_EQ(parts.size(), fragments_of(own->wire_size));
}

TEST_F(GossipTest, WhatIsRefusedIsNotPassedOn) {
  admit_answering(30);
  auto other = kCluster.enrol(3);
  auto forged = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1))->wire();
  forged.back() = static_cast<char>(forged.back() ^ 1);
  auto datagram = in_step();
  datagram.records = {forged};
  datagram.push = PushHeader{RelayLevel::kEntry, 2, 77, {}};
  EXPECT_THAT(receive(3, datagram).datagrams, IsEmpty());
  EXPECT_EQ(gossip_.counters().dropped_bad_signature, 1U);
}

TEST_F(GossipTest, WhoLacksWhatChangedLatelyAsksForItAndGetsIt) {
  admit_others(30);
  acknowledge(own_write(OrgRecord{"acme"}, "acme"));
  auto own = gossip_.store().find({org_key("acme"), "acme"});
  ASSERT_TRUE(own);
  // They tell: this host asks for what it lacks, once.
  auto telling = in_step();
  telling.ihave = {record_head(own->digest), 12345};
  auto asking = receive(5, telling);
  ASSERT_THAT(asking.datagrams, SizeIs(1));
  EXPECT_THAT(decoded(asking.datagrams[0]).pull, ElementsAre(12345));
  EXPECT_THAT(receive(6, telling).datagrams, IsEmpty());
  // They ask: they get it.
  auto request = in_step();
  request.pull = {record_head(own->digest), 999};
  auto answer = receive(5, request);
  ASSERT_THAT(answer.datagrams, SizeIs(1));
  EXPECT_EQ(answer.datagrams[0].to, sim::host_id(5));
  EXPECT_THAT(decoded(answer.datagrams[0]).records, ElementsAre(own->wire()));
  // Somebody's hash has differed for long enough: this host tells.
  pass(300ms);
  auto differs = in_step();
  differs.root_hash += 1;
  differs.stable = 300ms;
  std::vector<std::uint64_t> told;
  for (const auto& sent : receive(7, differs).datagrams)
    if (sent.to == sim::host_id(7) && !decoded(sent).ihave.empty()) told = decoded(sent).ihave;
  EXPECT_THAT(told, testing::Contains(record_head(own->digest)));
}

// Its leaves wait for the record, and anti-entropy would bring the writer's certificate much later.
TEST_F(GossipTest, AWriterNobodyToldOfIsAskedForAndTheRecordThenGoesOn) {
  admit_answering(30);
  auto stranger = kCluster.enrol(99);
  auto record = stranger.sign(test::make_shared_record(stranger, OrgRecord{"acme"}, "acme", 1));
  auto datagram = in_step();
  datagram.records = {record->wire()};
  datagram.push = PushHeader{RelayLevel::kEntry, 2, 77, {}};
  auto asking = receive(3, datagram);
  ASSERT_THAT(asking.datagrams, SizeIs(1));
  EXPECT_EQ(asking.datagrams[0].to, sim::host_id(3));
  EXPECT_THAT(decoded(asking.datagrams[0]).pull_hosts, ElementsAre(stranger.id));
  // Another push of it: asked once more, in case that was lost, and no more than that.
  EXPECT_THAT(receive(4, datagram).datagrams, SizeIs(1));
  EXPECT_THAT(receive(5, datagram).datagrams, IsEmpty());
  // The answer lets the record in, and it is passed on as it was asked to be.
  auto answer = in_step();
  answer.records = {stranger.signed_host()->wire()};
  answer.push = PushHeader{RelayLevel::kLeaf, 0, 78, {}};
  std::size_t passed_on = 0;
  auto out = receive(3, answer);
  for (int i = 0; i < 2; ++i, pass(kUrgentWindow), out = gossip_.on_timer(now_))
    for (const auto& sent : out.datagrams) {
      auto passed = decoded(sent);
      if (passed.push && passed.push->level == RelayLevel::kInner &&
          std::count(passed.records.begin(), passed.records.end(), record->wire()) > 0)
        ++passed_on;
    }
  EXPECT_NE(gossip_.store().find({org_key("acme"), "acme"}), nullptr);
  EXPECT_GE(passed_on, 2U);
}

TEST_F(GossipTest, WhoLacksAHostRecordGetsIt) {
  admit_answering(30);
  auto request = in_step();
  request.pull_hosts = {sim::host_id(7), sim::host_id(1234)};
  auto answer = receive(5, request);
  ASSERT_THAT(answer.datagrams, SizeIs(1));
  EXPECT_EQ(answer.datagrams[0].to, sim::host_id(5));
  auto host = gossip_.store().host_record(sim::host_id(7));
  EXPECT_THAT(decoded(answer.datagrams[0]).records, ElementsAre(host->wire()));
}

class RandomGossipTest : public GossipTest {
 protected:
  RandomGossipTest() : GossipTest(Dissemination::kRandom) {}
};

TEST_F(RandomGossipTest, RandomGossipTellsAFewOthersABoundedNumberOfTimes) {
  admit_others(30);
  auto out = own_write(OrgRecord{"acme"}, "acme");
  std::set<HostId> told;
  for (const auto& sent : out.datagrams) told.insert(sent.to);
  EXPECT_EQ(told.size(), kFanout);
  std::map<std::string, std::size_t> times;  // by record
  auto count = [&] {
    for (const auto& sent : out.datagrams)
      for (const auto& wire : decoded(sent).records) ++times[wire];
  };
  count();
  for (Instant end = now_.mono + 10s; out.wake <= end;) {
    now_.mono = out.wake;
    out = gossip_.on_timer(now_);
    count();
  }
  const std::size_t most = kSpreadMultiplier * kFanout * 2;  // 31 hosts are two decades
  for (const auto& [wire, sent] : times) EXPECT_LE(sent, most);
  const auto own = gossip_.store().find(Slot{org_key("acme"), "acme"});
  ASSERT_NE(own, nullptr);
  EXPECT_GT(times[own->wire()], kFanout);
}

TEST_F(GossipTest, ManyRecordsAreSplitOverDatagramsThatFit) {
  admit_others(2);
  std::vector<SignedRecordPtr> records;
  for (unsigned i = 0; i < 50; ++i) {
    LocalWrite write{test::make_machine(host_, i), false, {}, ""};
    records.push_back(*writer_.sign(write, gossip_.clock(), now_.wall));
  }
  auto out = gossip_.on_local_write(now_, records);
  std::size_t sent_records = 0;
  for (const auto& sent : out.datagrams) {
    EXPECT_LE(sent.bytes.size(), kMaxDatagramBytes);
    sent_records += decoded(sent).records.size();
  }
  EXPECT_EQ(sent_records, 100U);
}

}  // namespace
}  // namespace sixpn::registry
