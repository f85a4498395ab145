#include "registry/core/gossip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/claim.h"
#include "registry/core/local_write.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using sim::EnrolledHost;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const sim::TestCluster kCluster;

// Host 0's Gossip; the other hosts are played by the test.
class GossipTest : public testing::Test {
 protected:
  explicit GossipTest(Dissemination dissemination = Dissemination::kTrees)
      : gossip_({.self = host_.id,
                 .root_key = kCluster.root().public_key(),
                 .incarnation = 1,
                 .expects_peers = true,
                 .limits = {},
                 .dissemination = dissemination,
                 .signing_key = host_.key},
                rng_) {}
  void SetUp() override { own_write(host_.record); }

  Gossip::Output own_write(RecordValue value, const std::string& org = "") {
    LocalWrite write{std::move(value), false, {}, org};
    return gossip_.on_local_write(now_, {*writer_.sign(write, gossip_.clock(), now_.wall)});
  }
  void admit_others(unsigned count) {
    for (unsigned i = 1; i <= count; ++i) gossip_.admit(now_, kCluster.enrol(i).signed_host());
    gossip_.start(now_);
    pass(50ms);
    gossip_.on_timer(now_);
    pass(50ms);
  }
  // The same, until nothing of it has to be repeated any more.
  void admit_answering(unsigned count) {
    for (unsigned i = 1; i <= count; ++i)
      acknowledge(gossip_.admit(now_, kCluster.enrol(i).signed_host()));
    acknowledge(gossip_.start(now_));
    for (int i = 0; i < 10; ++i) {
      pass(10ms);
      acknowledge(gossip_.on_timer(now_));
    }
  }
  // Every host answers what it was pushed.
  void acknowledge(const Gossip::Output& out) {
    for (const auto& sent : out.datagrams) {
      auto datagram = in_step();
      if (auto push = decoded(sent).push) datagram.acks = {push->sequence};
      if (!datagram.acks.empty()) gossip_.on_datagram(now_, sent.to, encode_datagram(datagram));
    }
  }
  void pass(Duration time) {
    now_.mono += time;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(time);
  }
  Gossip::Output receive(unsigned from, const GossipDatagram& datagram) {
    auto out = gossip_.on_datagram(now_, sim::host_id(from), encode_datagram(datagram));
    EXPECT_TRUE(gossip_.check_invariants());
    EXPECT_TRUE(gossip_.store().check_invariants());
    for (const auto& sent : out.datagrams) EXPECT_LE(sent.bytes.size(), kMaxDatagramBytes);
    return out;
  }
  // What host `by` says about host `about`, signed.
  static MemberUpdate claim(unsigned by, HostStatus what, unsigned about,
                            std::uint64_t incarnation) {
    MemberUpdate update{sim::host_id(about), what, incarnation, sim::host_id(by)};
    update.signature =
        sign_claim({what, update.host, incarnation, update.accuser}, kCluster.enrol(by).key);
    return update;
  }
  [[nodiscard]] GossipDatagram in_step() const {
    GossipDatagram datagram;
    datagram.incarnation = 1;
    datagram.root_hash = gossip_.store().root_hash();
    return datagram;
  }
  static GossipDatagram decoded(const Gossip::Datagram& datagram) {
    return *decode_datagram(datagram.bytes);
  }

  EnrolledHost host_ = kCluster.enrol(0);
  Rng rng_{1};
  Now now_{Instant(100s), from_unix_ms(1'800'000'000'000)};
  Gossip gossip_;
  RecordWriter writer_{host_.id, host_.key, 1};
};

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
  datagram.records = {record->wire};
  datagram.push = PushHeader{RelayLevel::kEntry, 2, 77, {}};
  auto first = receive(3, datagram);
  std::size_t inner = 0;
  for (const auto& sent : first.datagrams) {
    auto passed = decoded(sent);
    if (!passed.push || passed.push->level != RelayLevel::kInner) continue;
    ++inner;
    EXPECT_THAT(passed.records, ElementsAre(record->wire));
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

TEST_F(GossipTest, WhatIsRefusedIsNotPassedOn) {
  admit_answering(30);
  auto other = kCluster.enrol(3);
  auto forged = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1))->wire;
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
  EXPECT_THAT(decoded(answer.datagrams[0]).records, ElementsAre(own->wire));
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
  datagram.records = {record->wire};
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
  answer.records = {stranger.signed_host()->wire};
  answer.push = PushHeader{RelayLevel::kLeaf, 0, 78, {}};
  std::size_t passed_on = 0;
  auto out = receive(3, answer);
  for (int i = 0; i < 2; ++i, pass(kUrgentWindow), out = gossip_.on_timer(now_))
    for (const auto& sent : out.datagrams) {
      auto passed = decoded(sent);
      if (passed.push && passed.push->level == RelayLevel::kInner &&
          std::count(passed.records.begin(), passed.records.end(), record->wire) > 0)
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
  EXPECT_THAT(decoded(answer.datagrams[0]).records, ElementsAre(host->wire));
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
  std::size_t repeated = 0;
  for (Instant end = now_.mono + 10s; out.wake <= end;) {
    now_.mono = out.wake;
    out = gossip_.on_timer(now_);
    for (const auto& sent : out.datagrams) repeated += decoded(sent).records.empty() ? 0 : 1;
  }
  EXPECT_GE(repeated, kFanout);
  EXPECT_LE(repeated, 200U);  // bounded: each record a fixed number of times
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

TEST_F(GossipTest, ARecordTooLargeForADatagramStartsASync) {
  admit_answering(3);
  auto machine = test::make_machine(host_, 1);
  machine.metadata["note"] = std::string(1000, 'x');
  machine.metadata["more"] = std::string(1000, 'x');
  auto out = own_write(machine);
  EXPECT_THAT(out.datagrams, IsEmpty());
  EXPECT_THAT(out.syncs, SizeIs(kMaxSyncs));
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

TEST_F(GossipTest, NewsIsPassedOnOnceAndNoOpsAreNot) {
  admit_others(3);
  auto other = kCluster.enrol(1);
  auto record = other.sign(test::make_shared_record(other, OrgRecord{"acme"}, "acme", 1));
  auto datagram = in_step();
  datagram.records = {record->wire};
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
      stranger.sign(test::make_shared_record(stranger, OrgRecord{"acme"}, "acme", 1))->wire};
  EXPECT_TRUE(receive(1, datagram).changes.empty());
  datagram.records = {stranger.signed_host()->wire};
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
            ->wire};
    receive(1, datagram);
  }
  EXPECT_EQ(gossip_.counters().dropped_queue_full, 20U);
}

TEST_F(GossipTest, StrangersGarbageAndRevokedHostsAreIgnored) {
  admit_others(2);
  EXPECT_THAT(receive(9, in_step()).datagrams, IsEmpty());
  EXPECT_EQ(gossip_.counters().dropped_stranger, 1U);
  Rng noise(5);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(noise.below(100), '\0');
    for (char& c : bytes) c = static_cast<char>(noise());
    gossip_.on_datagram(now_, sim::host_id(1), bytes);
  }
  auto counters = gossip_.counters();  // read at first, then dropped unread
  EXPECT_GE(counters.dropped_malformed, 150U);
  EXPECT_GT(counters.dropped_malformed + counters.dropped_flood, 1000U);
  EXPECT_TRUE(gossip_.check_invariants());

  RevocationRecord revocation{sim::host_id(1),
                              sign_revocation(sim::host_id(1), now_.wall, kCluster.root())};
  ASSERT_FALSE(own_write(revocation).refused);
  EXPECT_FALSE(gossip_.membership().status(sim::host_id(1)));
  auto ping = in_step();
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  EXPECT_THAT(receive(1, ping).datagrams, IsEmpty());
  EXPECT_THAT(receive(2, ping).datagrams, SizeIs(1));
}

TEST_F(GossipTest, ARevokedHostIsToldBeforeItIsAMemberNoMore) {
  admit_others(30);
  RevocationRecord revocation{sim::host_id(7),
                              sign_revocation(sim::host_id(7), now_.wall, kCluster.root())};
  auto out = own_write(revocation);
  ASSERT_FALSE(out.refused);
  EXPECT_FALSE(gossip_.membership().status(sim::host_id(7)));
  std::size_t told = 0;
  for (const auto& sent : out.datagrams)
    told += sent.to == sim::host_id(7) ? decoded(sent).records.size() : 0;
  EXPECT_EQ(told, 1U);
}

TEST_F(GossipTest, AHostPastItsGraceIsNoMemberUntilItIsRenewed) {
  admit_others(3);
  WallTime end = now_.wall + 1h;
  auto host = kCluster.enrol(9, {"*"}, 0, end);
  gossip_.admit(now_, host.signed_host());
  ASSERT_TRUE(gossip_.membership().status(host.id));
  pass(1h + kCertificateGrace - 1ms);
  gossip_.on_timer(now_);
  EXPECT_TRUE(gossip_.membership().status(host.id));
  pass(1ms);
  auto out = gossip_.on_timer(now_);
  EXPECT_FALSE(gossip_.membership().status(host.id));
  EXPECT_TRUE(out.snapshot_dirty);
  EXPECT_TRUE(gossip_.check_invariants());
  Renewal renewal{host.id, certificate_digest(host.record.certificate), now_.wall + 1h, now_.wall};
  own_write(RenewalRecord{renewal.host, renewal.certificate, renewal.valid_until, renewal.signed_at,
                          sign_renewal(renewal, kCluster.root())});
  EXPECT_TRUE(gossip_.membership().status(host.id));
}

TEST_F(GossipTest, ASecondEnrolmentIsRememberedWhicheverCameFirst) {
  admit_others(2);
  auto first = kCluster.enrol(7, {"*"}, 0);
  auto second = kCluster.enrol(7, {"*"}, 60);
  gossip_.admit(now_, second.signed_host());
  EXPECT_TRUE(gossip_.conflicts().all().empty());
  gossip_.admit(now_, first.signed_host());  // displaces it
  ASSERT_EQ(gossip_.conflicts().all().size(), 1U);
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).standing, first.certificate);
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).lost, second.certificate);
  pass(1h);
  gossip_.admit(now_, second.signed_host());  // refused
  const auto& conflict = gossip_.conflicts().all().at(first.id);
  EXPECT_EQ(conflict.standing, first.certificate);
  EXPECT_EQ(conflict.lost, second.certificate);
  EXPECT_EQ(conflict.seen, now_.wall);
  gossip_.note_second_enrolment(now_, first.certificate);  // the one that stands: no news
  EXPECT_EQ(gossip_.conflicts().all().at(first.id).lost, second.certificate);
}

TEST_F(GossipTest, WhoLeftIsBackWhenItSignsARecordInALaterLife) {
  admit_others(3);
  auto host = kCluster.enrol(2);
  const HostId id = host.id;
  auto goodbye = in_step();
  goodbye.incarnation = (1 << kLifeBits) + 5;
  goodbye.updates = {claim(2, HostStatus::kLeft, 2, goodbye.incarnation)};
  receive(2, goodbye);
  ASSERT_EQ(gossip_.membership().status(id), HostStatus::kLeft);
  // A record of the life that left, however new, is an echo.
  gossip_.admit(now_, host.signed_host(1, 9));
  EXPECT_EQ(gossip_.membership().status(id), HostStatus::kLeft);
  gossip_.admit(now_, host.signed_host(2, 1));
  EXPECT_EQ(gossip_.membership().status(id), HostStatus::kAlive);
}

TEST_F(GossipTest, TheClocksOfOthersAreMeasuredByTheirProbes) {
  admit_others(2);
  auto ping = in_step();
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  EXPECT_FALSE(gossip_.clock_ahead(sim::host_id(1)));
  for (auto delay : {0ms, 40ms, 3000ms}) {  // late datagrams make a clock look behind
    ping.wall = now_.wall + 90s - delay;
    auto out = receive(1, ping);
    ASSERT_THAT(out.datagrams, SizeIs(1));
    EXPECT_EQ(decoded(out.datagrams[0]).wall, now_.wall);  // the answer carries ours
  }
  EXPECT_EQ(gossip_.clock_ahead(sim::host_id(1)), 90s);
  EXPECT_FALSE(gossip_.clock_ahead(sim::host_id(2)));
  auto out = own_write(OrgRecord{"acme"}, "acme");
  ASSERT_FALSE(out.datagrams.empty());
  EXPECT_FALSE(decoded(out.datagrams[0]).wall);  // only probes pay for it
}

TEST(ClockOffset, NeedsTwoSamplesAndForgetsOldOnes) {
  ClockOffset offset;
  offset.add(100s);
  EXPECT_FALSE(offset.ahead());
  offset.add(-7s);
  EXPECT_EQ(offset.ahead(), 100s);
  for (int i = 0; i < 4; ++i) offset.add(-6s);  // the clock was set
  EXPECT_EQ(offset.ahead(), -6s);
}

TEST_F(GossipTest, TheEndOfAGraceWakesTheTimer) {
  admit_others(1);
  auto host = kCluster.enrol(9, {"*"}, 0, now_.wall + 10s);
  auto host2 = kCluster.enrol(10);
  Rng rng(1);
  Gossip gossip(
      {.self = host_.id, .root_key = kCluster.root().public_key(), .certificate_grace = 5s}, rng);
  for (const auto& each : {host_, host, host2, kCluster.enrol(11)})
    gossip.admit(now_, each.signed_host());
  auto out = gossip.start(now_);
  while (gossip.membership().status(host.id)) {
    ASSERT_LE(out.wake, Instant(100s) + 20s);
    pass(out.wake - now_.mono);
    out = gossip.on_timer(now_);
  }
  EXPECT_GE(now_.mono, Instant(100s) + 15s);
  EXPECT_LE(now_.mono, Instant(100s) + 15s + 200ms);
}

TEST_F(GossipTest, WhoIsAccusedIsToldSoInTheAnswer) {
  admit_others(3);
  auto accusation = in_step();
  accusation.updates = {claim(1, HostStatus::kSuspected, 2, 0)};
  receive(1, accusation);
  ASSERT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
  auto ping = in_step();
  ping.incarnation = 0;
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  auto out = receive(2, ping);
  ASSERT_FALSE(out.datagrams.empty());
  EXPECT_THAT(decoded(out.datagrams[0]).updates, Contains(accusation.updates[0]));
}

TEST_F(GossipTest, OnlyClaimsThatVerifyChangeAnything) {
  admit_others(3);
  auto good = claim(1, HostStatus::kSuspected, 2, 0);
  std::vector<MemberUpdate> forged(6, good);
  forged[0].signature = {};                        // of a version that does not sign
  forged[1].signature[5] ^= 1;                     // damaged
  forged[2].accuser = sim::host_id(3);             // another's name under it
  forged[3].host = sim::host_id(3);                // another victim
  forged[4] = claim(1, HostStatus::kAlive, 2, 1);  // for another host
  forged[5] = claim(1, HostStatus::kLeft, 2, 0);
  for (const auto& each : forged) {
    auto datagram = in_step();
    datagram.updates = {each};
    receive(1, datagram);
  }
  EXPECT_EQ(gossip_.counters().dropped_unsigned_claim, 1U);
  EXPECT_EQ(gossip_.counters().dropped_bad_claim, forged.size() - 1);
  for (unsigned i : {2U, 3U})
    EXPECT_EQ(gossip_.membership().status(sim::host_id(i)), HostStatus::kAlive);
  auto datagram = in_step();
  datagram.updates = {good};
  receive(1, datagram);
  EXPECT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
  // What is known is not verified again.
  auto verified = gossip_.counters().claims_verified;
  receive(3, datagram);
  EXPECT_EQ(gossip_.counters().claims_verified, verified);
}

TEST_F(GossipTest, ALiarsGarbageIsVerifiedOnItsOwnBudget) {
  admit_others(3);
  auto datagram = in_step();
  auto garbage = claim(1, HostStatus::kSuspected, 2, 0);
  garbage.signature[0] ^= 1;
  datagram.updates.assign(10, garbage);
  for (int i = 0; i < 100; ++i) receive(1, datagram);
  EXPECT_LE(gossip_.counters().claims_verified, 20U);
  EXPECT_GT(gossip_.counters().dropped_claim_limit, 900U);
  // Others are heard.
  datagram.updates = {claim(3, HostStatus::kSuspected, 2, 0)};
  receive(3, datagram);
  EXPECT_EQ(gossip_.membership().status(sim::host_id(2)), HostStatus::kSuspected);
}

TEST_F(GossipTest, ARefutationIsSignedAndToldToEverybody) {
  admit_others(3);
  auto datagram = in_step();
  datagram.updates = {claim(1, HostStatus::kSuspected, 0, 1)};
  auto out = receive(1, datagram);
  MemberUpdate expected{host_.id, HostStatus::kAlive, 2, host_.id};
  expected.signature = sign_claim({HostStatus::kAlive, host_.id, 2, host_.id}, host_.key);
  std::set<HostId> told;
  for (const auto& sent : out.datagrams)
    for (const auto& update : decoded(sent).updates)
      if (update == expected) told.insert(sent.to);
  EXPECT_EQ(told.size(), 3U);
}

TEST_F(GossipTest, WhoAsksForItIsGivenOurOwnWord) {
  admit_others(3);
  auto ping = in_step();
  ping.wants_claim = true;
  ping.probe = ProbeMessage{ProbeMessage::Kind::kPing, host_.id, 1, host_.id};
  auto out = receive(1, ping);
  ASSERT_FALSE(out.datagrams.empty());
  auto answer = decoded(out.datagrams[0]);
  ASSERT_FALSE(answer.updates.empty());
  EXPECT_EQ(answer.updates[0].host, host_.id);
  EXPECT_TRUE(verify_claim({HostStatus::kAlive, host_.id, 1, host_.id}, answer.updates[0].signature,
                           host_.key.public_key()));
  EXPECT_TRUE(answer.wants_claim);  // nor is the asker's word here
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

TEST_F(GossipTest, ASecondEnrolmentIsReported) {
  admit_others(2);
  auto datagram = in_step();
  datagram.records = {kCluster.enrol(2, {"*"}, 60).signed_host(9, 9)->wire};
  EXPECT_THAT(receive(1, datagram).conflicts, ElementsAre(sim::host_id(2)));
  EXPECT_EQ(gossip_.counters().enrolment_conflicts, 1U);
}

TEST_F(GossipTest, AnOwnRecordOfALaterLifeIsNoticed) {
  admit_others(1);
  auto datagram = in_step();
  datagram.records = {host_.signed_host(42, 1)->wire};
  EXPECT_EQ(receive(1, datagram).own_incarnation_seen, 42U);
  writer_.raise_incarnation(43);
  auto again = own_write(host_.record);
  EXPECT_FALSE(again.refused);
}

TEST_F(GossipTest, LeavingIsToldToEverybodyTwice) {
  admit_others(4);
  auto out = gossip_.leave(now_);
  EXPECT_EQ(out.datagrams.size(), 8U);
  EXPECT_EQ(decoded(out.datagrams[0]).updates.at(0).status, HostStatus::kLeft);
  EXPECT_EQ(out.wake, kNever);
}

TEST(GossipCodec, DatagramsSurviveTheWireAndFitTheirEstimate) {
  GossipDatagram datagram;
  datagram.incarnation = ~std::uint64_t{0};
  datagram.root_hash = 2;
  datagram.stable = 3ms;
  datagram.probe = ProbeMessage{ProbeMessage::Kind::kNack, {}, ~std::uint64_t{0}, HostId{~0U}};
  EXPECT_LE(encode_datagram(datagram).size(), kHeaderBytes);
  std::size_t header = encode_datagram(datagram).size();
  Signature signature;
  signature.fill(0xff);
  datagram.wants_claim = true;
  EXPECT_LE(encode_datagram(datagram).size(), kHeaderBytes);
  header = encode_datagram(datagram).size();
  MemberUpdate update{HostId{~0U}, HostStatus::kLeft, ~std::uint64_t{0}, HostId{~0U}, signature};
  datagram.updates = {update};
  EXPECT_LE(encode_datagram(datagram).size() - header, update_bytes(update));
  update.accusers.assign(kMaxAccusers, {HostId{~0U}, signature});
  datagram.updates = {update};
  EXPECT_LE(encode_datagram(datagram).size() - header, update_bytes(update));
  datagram.updates[0].accusers.resize(4, {HostId{~0U}, signature});
  datagram.records = {std::string(500, 'r')};
  datagram.push = PushHeader{RelayLevel::kSibling, 1, ~0U, {HostId{7}, HostId{~0U}}};
  datagram.acks = {1, ~0U};
  datagram.ihave = {2, ~std::uint64_t{0}};
  datagram.pull = {3};
  datagram.pull_hosts = {HostId{4}};
  auto back = decode_datagram(encode_datagram(datagram));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, datagram);
  EXPECT_FALSE(decode_datagram(std::string(kMaxDatagramBytes + 1, '\0')));
}

TEST(GossipCodec, UnknownKindsAndTooManyPartsAreErrors) {
  GossipDatagram datagram;
  datagram.probe = ProbeMessage{static_cast<ProbeMessage::Kind>(9), {}, 1, {}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.probe.reset();
  datagram.updates = {{HostId{1}, static_cast<HostStatus>(0), 1, {}}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  MemberUpdate crowded{HostId{1}, HostStatus::kDown, 1, {}};
  crowded.accusers.resize(kMaxAccusers + 1);
  datagram.updates = {crowded};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.updates.clear();
  datagram.records.resize(kMaxRecordsPerDatagram + 1);
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.records.clear();
  datagram.pull_hosts.resize(kMaxHostsPulled + 1);
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.pull_hosts.clear();
  datagram.push = PushHeader{static_cast<RelayLevel>(5), 1, 1, {}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.push = PushHeader{RelayLevel::kSibling, 1, 1, {}};
  EXPECT_TRUE(decode_datagram(encode_datagram(datagram)));
}

TEST(SpreadQueue, LeastToldGoesFirstEachABoundedNumberOfTimes) {
  SpreadQueue<int, int> queue(3);
  auto take_one = [&queue] {
    int taken = -1;
    queue.offer(1, [&](int value) {
      taken = value;
      return true;
    });
    return taken;
  };
  queue.add(1, 10, 2);
  EXPECT_EQ(take_one(), 10);
  queue.add(2, 20, 1);
  EXPECT_EQ(take_one(), 20);  // told less often so far
  EXPECT_EQ(take_one(), 10);
  EXPECT_TRUE(queue.empty());

  for (int key : {1, 2, 3}) EXPECT_FALSE(queue.add(key, key, 5));
  EXPECT_FALSE(queue.add(2, 22, 5));  // replaces
  EXPECT_EQ(take_one(), 1);
  EXPECT_TRUE(queue.add(4, 4, 5));  // full: what was told most gives way
  EXPECT_EQ(queue.size(), 3U);
  std::vector<int> offered;
  queue.offer(9, [&](int value) {
    offered.push_back(value);
    return false;
  });
  EXPECT_THAT(offered, ElementsAre(3, 22, 4));
}

TEST(HybridClock, NeverGoesBackAndFollowsTheWall) {
  HybridClock clock;
  WallTime now = from_unix_ms(1000);
  auto first = clock.tick(now);
  auto second = clock.tick(now - 500ms);
  EXPECT_GT(second, first);
  EXPECT_EQ(clock.tick(now + 1s), HybridClock::from_wall(now + 1s));
  clock.observe(HybridClock::from_wall(now + 9s));
  EXPECT_GT(clock.tick(now), HybridClock::from_wall(now + 9s));
  EXPECT_FALSE(HybridClock::too_far_ahead(HybridClock::from_wall(now + kMaxClockAhead), now));
  EXPECT_TRUE(HybridClock::too_far_ahead(HybridClock::from_wall(now + kMaxClockAhead + 1ms), now));
}

}  // namespace
}  // namespace sixpn::registry
