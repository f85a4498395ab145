#include "mesh/core/knocker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "mesh/core/knock_gate.h"
#include "tests/unit/mesh/knock_fixture.h"

namespace sixpn::mesh {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Cluster;
using test::EnrolledHost;
using test::kNow;
using test::knowing;
using test::later;
using ::testing::HasSubstr;

IpEndpoint at(int host, int port = 51821) {
  return *parse_endpoint("192.0.2." + std::to_string(host) + ":" + std::to_string(port));
}

struct Sent {
  Now when;
  IpEndpoint to;
  Knock knock;
};

class KnockerTest : public testing::Test {
 protected:
  void TearDown() override { knocker_.check_invariants(); }

  // Lives through `span` as the service does: on_timer at each wake-up.
  std::vector<Sent> run(milliseconds span) {
    std::vector<Sent> sent;
    const Now end = later(now_, span);
    while (knocker_.next_wake() <= end.mono) {
      if (knocker_.next_wake() > now_.mono)
        now_ = later(now_, std::chrono::ceil<milliseconds>(knocker_.next_wake() - now_.mono));
      auto output = knocker_.on_timer(now_, b_.signed_record.get());
      EXPECT_GT(output.next_wake, now_.mono) << "the timer would spin";
      if (output.problem) problems_.push_back(*output.problem);
      if (output.send)
        sent.push_back(
            {now_, output.send->to,
             std::get<Knock>(decode_knock_datagram(output.send->bytes, cluster_.cluster_key))});
      knocker_.check_invariants();
    }
    now_ = end;
    return sent;
  }
  KnockReply acceptance(const Knock& knock) {
    return {.cluster = knock.cluster,
            .nonce = knock.nonce,
            .accepted = true,
            .reason = "",
            .record = a_.signed_record->wire(),
            .observed = at(7, 40000)};
  }

  Cluster cluster_;
  EnrolledHost a_ = cluster_.host("a", 0x10001);
  EnrolledHost b_ = cluster_.host("b", 0x20003);
  Rng rng_{1};
  Knocker knocker_{{cluster_.root.public_key(), cluster_.cluster_key, b_.record.id}, rng_};
  Now now_ = kNow;
  std::vector<std::string> problems_;
};

std::vector<KnockTarget> three_targets() {
  return {
      {HostId(0x10001), {at(1), at(11)}}, {HostId(0x10002), {at(2)}}, {HostId(0x10003), {at(3)}}};
}

TEST_F(KnockerTest, TriesEveryEndpointInARoundBestAddressesFirst) {
  knocker_.set_targets(three_targets());
  auto sent = run(milliseconds(800));
  ASSERT_EQ(sent.size(), 4U);
  std::set<IpEndpoint> first_three = {sent[0].to, sent[1].to, sent[2].to};
  EXPECT_EQ(first_three, (std::set<IpEndpoint>{at(1), at(2), at(3)}));
  EXPECT_EQ(sent[3].to, at(11));
  EXPECT_EQ(sent[0].when.mono, kNow.mono);
  EXPECT_EQ(sent[3].when.mono - sent[0].when.mono, 3 * kKnockInterval);
  EXPECT_EQ(sent[0].knock.record, b_.signed_record->wire());
  EXPECT_EQ(sent[0].knock.sent, sent[0].when.wall);
}

TEST_F(KnockerTest, EveryKnockHasItsOwnNonce) {
  knocker_.set_targets(three_targets());
  std::set<std::uint64_t> nonces;
  auto sent = run(minutes(5));
  for (const auto& one : sent) nonces.insert(one.knock.nonce);
  EXPECT_EQ(nonces.size(), sent.size());
}

TEST_F(KnockerTest, RoundsGetRarerButNeverStop) {
  knocker_.set_targets({{HostId(0x10001), {at(1)}}});
  auto first_minute = run(minutes(1)).size();
  run(minutes(10));
  auto late = run(minutes(10)).size();
  EXPECT_GE(first_minute, 5U);
  // The pause is uniform in (0, 30 s]: 40 rounds in ten minutes on average.
  EXPECT_GE(late, 20U);
  EXPECT_LE(late, 80U);
}

TEST_F(KnockerTest, WithoutTargetsOrRecordItWaitsForThem) {
  EXPECT_TRUE(run(seconds(5)).empty());
  knocker_.set_targets(three_targets());
  EXPECT_FALSE(run(kFirstRoundPause).empty());

  Knocker without_record{{cluster_.root.public_key(), cluster_.cluster_key, b_.record.id}, rng_};
  without_record.set_targets(three_targets());
  auto output = without_record.on_timer(kNow, nullptr);
  EXPECT_FALSE(output.send);
  EXPECT_EQ(output.next_wake, kNow.mono + kFirstRoundPause);
}

TEST_F(KnockerTest, ContactStopsItAndLosingContactStartsItAtOnce) {
  knocker_.set_targets(three_targets());
  EXPECT_FALSE(run(seconds(1)).empty());
  knocker_.set_connected(now_, true);
  EXPECT_TRUE(run(minutes(10)).empty());
  EXPECT_EQ(knocker_.next_wake(), kNever);
  knocker_.set_connected(now_, false);
  auto lost_at = now_;
  auto sent = run(seconds(1));
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].when.mono, lost_at.mono);
}

TEST_F(KnockerTest, FlappingContactDoesNotMakeItFaster) {
  knocker_.set_targets(three_targets());
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    knocker_.set_connected(now_, true);
    knocker_.set_connected(now_, false);
    knocker_.restart(now_);
    sent += run(milliseconds(10)).size();
  }
  EXPECT_LE(sent, 6U);
}

TEST_F(KnockerTest, AnAcceptanceIsVerifiedAndGivesTheTunnelTime) {
  knocker_.set_targets(three_targets());
  auto sent = run(milliseconds(0));
  ASSERT_EQ(sent.size(), 1U);
  auto output = knocker_.on_reply(now_, acceptance(sent[0].knock));
  ASSERT_TRUE(output.accepted);
  EXPECT_EQ(output.accepted->by->host(), a_.record);
  EXPECT_EQ(output.accepted->observed_self, at(7, 40000));
  EXPECT_TRUE(run(kAcceptedPause - milliseconds(1)).empty());
  EXPECT_FALSE(run(seconds(1)).empty()) << "no contact followed: knock again";
}

TEST_F(KnockerTest, ARefusalIsReportedAndTheNextSeedIsTried) {
  knocker_.set_targets(three_targets());
  auto sent = run(milliseconds(0));
  KnockReply refusal = acceptance(sent[0].knock);
  refusal.accepted = false;
  refusal.reason = "host b was revoked";
  auto output = knocker_.on_reply(now_, refusal);
  EXPECT_EQ(output.refused, "host b was revoked");
  EXPECT_FALSE(output.accepted);
  auto next = run(kKnockInterval);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_NE(next[0].to, sent[0].to);
}

TEST_F(KnockerTest, RepliesToNothingOrTwiceAreIgnored) {
  knocker_.set_targets(three_targets());
  auto sent = run(milliseconds(0));
  KnockReply stray = acceptance(sent[0].knock);
  stray.nonce ^= 1;
  EXPECT_FALSE(knocker_.on_reply(now_, stray).accepted);
  EXPECT_TRUE(knocker_.on_reply(now_, acceptance(sent[0].knock)).accepted);
  auto twice = knocker_.on_reply(now_, acceptance(sent[0].knock));
  EXPECT_FALSE(twice.accepted || twice.refused || twice.problem);
  EXPECT_EQ(knocker_.counters().unexpected, 2U);
}

TEST_F(KnockerTest, AnswersLongAfterTheirKnockNoLongerCount) {
  knocker_.set_targets(three_targets());
  auto first = run(milliseconds(0))[0];
  std::size_t since = 0;
  while (since < kMaxPendingKnocks) since += run(minutes(1)).size();
  EXPECT_FALSE(knocker_.on_reply(now_, acceptance(first.knock)).accepted);
}

TEST_F(KnockerTest, AcceptancesThatDoNotVerifyAreNoAcceptances) {
  knocker_.set_targets(three_targets());
  auto answer = [&](const std::function<void(KnockReply&)>& spoil) {
    auto sent = run(seconds(40));
    KnockReply reply = acceptance(sent.back().knock);
    spoil(reply);
    return knocker_.on_reply(now_, reply);
  };
  auto other_cluster = answer([](KnockReply& r) { r.cluster = std::string(16, 'x'); });
  EXPECT_THAT(other_cluster.problem.value_or(""), HasSubstr("another cluster"));
  auto forged =
      answer([](KnockReply& r) { r.record.back() = static_cast<char>(r.record.back() ^ 1); });
  EXPECT_THAT(forged.problem.value_or(""), HasSubstr("cannot be used"));
  auto mirror = answer([&](KnockReply& r) { r.record = b_.signed_record->wire(); });
  EXPECT_THAT(mirror.problem.value_or(""), HasSubstr("own record"));
  EXPECT_FALSE(other_cluster.accepted || forged.accepted || mirror.accepted);
  EXPECT_EQ(knocker_.counters().invalid, 3U);

  auto without_record = answer([](KnockReply& r) { r.record.clear(); });
  ASSERT_TRUE(without_record.accepted);
  EXPECT_FALSE(without_record.accepted->by);
}

TEST_F(KnockerTest, OneHostCanBeKnockedAtWhileConnected) {
  knocker_.set_targets(three_targets());
  knocker_.set_connected(now_, true);
  run(seconds(1));
  knocker_.knock_at(now_, {a_.record.id, {at(1), at(11)}});
  auto sent = run(minutes(1));
  std::map<IpEndpoint, int> tries;
  for (const auto& one : sent) ++tries[one.to];
  EXPECT_EQ(tries, (std::map<IpEndpoint, int>{{at(1), kDirectedTries}, {at(11), kDirectedTries}}));
}

TEST_F(KnockerTest, AnAnswerEndsTheKnockingAtThatHostOnly) {
  knocker_.set_connected(now_, true);
  knocker_.knock_at(now_, {a_.record.id, {at(1)}});
  knocker_.knock_at(now_, {HostId(0x10002), {at(2)}});
  auto sent = run(milliseconds(0));
  knocker_.on_reply(now_, acceptance(sent[0].knock));
  for (const auto& one : run(minutes(1))) EXPECT_EQ(one.to, at(2));
}

TEST_F(KnockerTest, SingleKnocksAreBoundedAndNeverAtItself) {
  knocker_.set_connected(now_, true);
  knocker_.knock_at(now_, {b_.record.id, {at(9)}});
  for (int i = 0; i < 1000; ++i) knocker_.knock_at(now_, {HostId(0x30000), {at(1), at(2)}});
  knocker_.check_invariants();
  auto sent = run(minutes(10));
  EXPECT_EQ(sent.size(), kMaxDirectedKnocks);
  for (const auto& one : sent) EXPECT_NE(one.to, at(9));
}

TEST_F(KnockerTest, ARecordThatDoesNotFitIsAProblemInWords) {
  SignedRecord large;
  large.record = b_.signed_record->record;
  large.bytes = std::make_unique<const std::string>(kMaxKnockRecordBytes + 1, 'x');
  knocker_.set_targets(three_targets());
  auto output = knocker_.on_timer(now_, &large);
  EXPECT_FALSE(output.send);
  EXPECT_THAT(output.problem.value_or(""), HasSubstr("advertise fewer endpoints"));
  EXPECT_GT(output.next_wake, now_.mono);
}

// The two cores against each other: everything a real join exchanges.
TEST_F(KnockerTest, TalksToAGate) {
  KnockGate gate({cluster_.root.public_key(), cluster_.cluster_key, a_.record.id});
  knocker_.set_targets({{a_.record.id, {at(1)}}});
  auto sent = run(milliseconds(0));
  auto output =
      gate.on_knock(now_, at(7, 40000), sent[0].knock, knowing({a_}), a_.signed_record.get());
  ASSERT_TRUE(output.admitted);
  auto reply = std::get<KnockReply>(decode_knock_datagram(output.reply, cluster_.cluster_key));
  auto accepted = knocker_.on_reply(now_, reply).accepted;
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->by->record->wire(), a_.signed_record->wire());
}

TEST(KnockTargets, SeedsAndKnownHostsAreJoinedWithoutSelfAndRevoked) {
  Cluster cluster;
  auto a = cluster.host("a", 0x10001);
  auto b = cluster.host("b", 0x20003);
  auto c = cluster.host("c", 0x30004);
  auto d = cluster.host("d", 0x40005);
  c.record.endpoints = {*parse_endpoint("[2001:db8::3]:51820"), *parse_endpoint("[fdaa::1]:51820"),
                        *parse_endpoint("[2001:db8::3]:7")};
  c.record.knock_port = 9000;
  d.record.knock_port = 0;
  auto revoked = cluster.host("r", 0x50006);
  Snapshot snapshot = knowing({a, b, c, d, revoked});
  snapshot.revocations[revoked.record.id] = {revoked.record.id, ""};
  std::vector<Seed> seeds = {{a.record.id, {}, {}, {at(50)}},
                             {b.record.id, {}, {}, {at(51)}},
                             {revoked.record.id, {}, {}, {at(52)}},
                             {HostId(0x60007), {}, {}, {at(53)}},
                             {HostId(0x70008), {}, {}, {*parse_endpoint("[fdaa::2]:1")}}};
  const std::vector<KnockTarget> expected = {
      {a.record.id, {at(50), at(7)}},
      {HostId(0x60007), {at(53)}},
      {c.record.id, {*parse_endpoint("[2001:db8::3]:9000")}},
  };
  EXPECT_EQ(knock_targets(&snapshot, seeds, b.record.id), expected);
  EXPECT_EQ(knock_targets(nullptr, seeds, b.record.id).size(), 3U);
}

TEST(KnockTargets, WithContactUnknownSeedsAndHostsThatAreDownAreSought) {
  Cluster cluster;
  auto a = cluster.host("a", 0x10001);
  auto b = cluster.host("b", 0x20003);
  auto c = cluster.host("c", 0x30004);
  Snapshot snapshot = knowing({b, a, c});
  std::vector<Seed> seeds = {{a.record.id, {}, {}, {at(50)}}, {HostId(0x60007), {}, {}, {at(53)}}};
  Rng rng(1);
  const std::vector<KnockTarget> seed_only = {{HostId(0x60007), {at(53)}}};
  EXPECT_EQ(lost_targets(snapshot, seeds, rng), seed_only);
  snapshot.revocations[HostId(0x60007)] = {HostId(0x60007), ""};
  EXPECT_TRUE(lost_targets(snapshot, seeds, rng).empty());
  snapshot.hosts[a.record.id].status = snapshot.hosts[c.record.id].status = HostStatus::kDown;
  std::set<HostId> sought;
  for (int i = 0; i < 50; ++i)
    for (const auto& target : lost_targets(snapshot, {}, rng)) sought.insert(target.host);
  EXPECT_EQ(sought, (std::set<HostId>{a.record.id, c.record.id}));
  snapshot.hosts[a.record.id].status = snapshot.hosts[c.record.id].status = HostStatus::kLeft;
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(lost_targets(snapshot, {}, rng).empty());
}

// A thousand hosts that miss one: about one of them knocks.
TEST(KnockTargets, LargeClustersSeekNoMoreThanSmallOnes) {
  Snapshot snapshot;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    HostRecord host{.id = HostId(0x10000 + i), .endpoints = {at(1)}, .knock_port = 1};
    snapshot.hosts[host.id] = HostView{.record = host};
  }
  snapshot.hosts[HostId(0x10007)].status = HostStatus::kDown;
  Rng rng(1);
  std::size_t knocks = 0;
  for (int i = 0; i < 10'000; ++i) knocks += lost_targets(snapshot, {}, rng).size();
  EXPECT_GE(knocks, 2U);
  EXPECT_LE(knocks, 40U);
}

std::vector<HostId> hosts_of(const std::vector<Seed>& seeds) {
  std::vector<HostId> out;
  for (const auto& seed : seeds) out.push_back(seed.host);
  return out;
}

TEST(Contacts, StayWhileTheyLiveAndAreNeverAllForgotten) {
  Cluster cluster;
  std::vector<EnrolledHost> hosts;
  for (std::uint32_t i = 0; i < kMaxContacts + 3; ++i)
    hosts.push_back(cluster.host("h" + std::to_string(i), 0x10001 + i));
  Snapshot snapshot = knowing(hosts);  // as the first of them sees it
  const std::vector<Seed> of_token = {{hosts.back().record.id, {}, {}, {at(99)}},
                                      {HostId(0x60007), {}, {}, {at(53)}}};
  auto contacts = choose_contacts(snapshot, of_token);
  ASSERT_EQ(contacts.size(), kMaxContacts);
  EXPECT_EQ(contacts[0].host, hosts.back().record.id);
  EXPECT_EQ(contacts[0].knock, std::vector<IpEndpoint>{at(7)}) << "as its record says now";
  EXPECT_EQ(contacts[1].host, hosts[1].record.id) << "before a seed that nobody knows";
  EXPECT_EQ(choose_contacts(snapshot, contacts), contacts);

  snapshot.hosts[hosts[2].record.id].status = HostStatus::kDown;
  auto later_on = hosts_of(choose_contacts(snapshot, contacts));
  EXPECT_THAT(later_on, testing::Not(testing::Contains(hosts[2].record.id)));
  EXPECT_EQ(later_on.size(), kMaxContacts);

  Snapshot blank = knowing({hosts[0]});
  EXPECT_EQ(choose_contacts(blank, contacts), contacts);
  blank.revocations[hosts[1].record.id] = {hosts[1].record.id, ""};
  EXPECT_EQ(choose_contacts(blank, contacts).size(), kMaxContacts - 1);
}

TEST(KnockTargets, AreBounded) {
  Snapshot snapshot;
  for (std::uint32_t i = 0; i < 2 * kMaxKnockTargets; ++i) {
    HostRecord host{.id = HostId(0x10000 + i), .endpoints = {at(1)}, .knock_port = 1};
    for (int port = 1; port < 30; ++port)
      host.endpoints.push_back({*parse_ip("198.51.100." + std::to_string(port)), 1});
    snapshot.hosts[host.id] = HostView{.record = host};
  }
  auto targets = knock_targets(&snapshot, {}, HostId(1));
  EXPECT_EQ(targets.size(), kMaxKnockTargets);
  for (const auto& target : targets) EXPECT_EQ(target.endpoints.size(), kMaxTargetEndpoints);
}

}  // namespace
}  // namespace sixpn::mesh
