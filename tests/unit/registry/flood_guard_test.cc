#include "registry/core/flood_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/gossip.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Instant kStart{1h};
constexpr HostId kFlooder{0x10001};
constexpr HostId kHonest{0x10002};

// How many of the events that `admit` is asked about, one every `interval` for `length`, pass.
template <class Admit>
int count_admitted(Duration interval, Duration length, Admit admit) {
  int admitted = 0;
  for (Duration at{}; at < length; at += interval) admitted += admit(kStart + at) ? 1 : 0;
  return admitted;
}

TEST(FloodGuard, AnHonestRelayAtItsBusiestPasses) {
  FloodGuard guard;
  // 200 changes a second, by two trees, each with its acknowledgement, and probes: 1,200 bytes
  // each.
  int sent = 0;
  int passed = count_admitted(1250us, 60s, [&](Instant now) {
    ++sent;
    return guard.admits_datagram(now, kHonest, 1200);
  });
  EXPECT_EQ(passed, sent);
  // One writer that makes all of the cluster's 200 changes a second.
  passed = count_admitted(5ms, 60s, [&](Instant now) {
    bool admitted = guard.admits_change(now, kHonest);
    guard.on_change(now, kHonest);
    return admitted;
  });
  EXPECT_EQ(passed, 12'000);
  EXPECT_THAT(guard.take_reports(kStart + 60s), IsEmpty());
}

TEST(FloodGuard, EveryRecordOfAWriterMayComeAtOnce) {
  FloodGuard guard;
  for (int i = 0; i < 4096; ++i) {
    EXPECT_TRUE(guard.admits_change(kStart, kHonest));
    guard.on_change(kStart, kHonest);
  }
  EXPECT_FALSE(guard.admits_change(kStart, kHonest));
}

TEST(FloodGuard, DatagramsBytesAndSyncsAreBoundedInTheLongRun) {
  FloodGuard small;
  int passed = count_admitted(
      100us, 20s, [&](Instant now) { return small.admits_datagram(now, kFlooder, 40); });
  EXPECT_NEAR(passed, 4000 + 20 * 2000, 50);
  FloodGuard large;
  passed = count_admitted(600us, 20s,
                          [&](Instant now) { return large.admits_datagram(now, kFlooder, 1200); });
  EXPECT_NEAR(passed * 1200.0 / (1 << 20), 4 + 20, 1.5);
  FloodGuard syncs;
  passed = count_admitted(1ms, 20s, [&](Instant now) { return syncs.admits_sync(now, kFlooder); });
  EXPECT_NEAR(passed, 40 + 20 * 4, 2);
}

TEST(FloodGuard, OneFlooderCostsNobodyElse) {
  FloodGuard guard;
  for (int i = 0; i < 100'000; ++i) guard.admits_datagram(kStart, kFlooder, 1200);
  EXPECT_FALSE(guard.admits_datagram(kStart, kFlooder, 40));
  EXPECT_TRUE(guard.admits_datagram(kStart, kHonest, 1200));
  EXPECT_THAT(guard.limited(kStart), ElementsAre(kFlooder));
  EXPECT_TRUE(guard.admits_datagram(kStart + 5s, kFlooder, 40));  // and is heard again after it
  EXPECT_THAT(guard.limited(kStart + 2min), IsEmpty());
}

TEST(FloodGuard, GarbageMutesItsSenderUntilItEnds) {
  FloodGuard guard;
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(guard.admits_datagram(kStart, kFlooder, 100));
    guard.on_garbage(kStart, kFlooder, 1);
  }
  EXPECT_FALSE(guard.admits_datagram(kStart, kFlooder, 100));
  EXPECT_FALSE(guard.admits_sync_records(kStart, kFlooder));
  EXPECT_FALSE(guard.admits_sync(kStart, kFlooder));
  EXPECT_TRUE(guard.admits_datagram(kStart + 300ms, kFlooder, 100));
  guard.on_garbage(kStart + 300ms, kFlooder, 1'000'000);  // one batch does not mute it for days
  EXPECT_TRUE(guard.admits_datagram(kStart + 300ms + 41s, kFlooder, 100));
}

TEST(FloodGuard, AFloodIsNamedAtOnceAndThenOnceAMinute) {
  FloodGuard guard;
  std::vector<FloodGuard::Report> reports;
  for (Duration at{}; at < 3min; at += 100us) {
    guard.admits_datagram(kStart + at, kFlooder, 40);
    for (auto& report : guard.take_reports(kStart + at)) reports.push_back(report);
  }
  ASSERT_EQ(reports.size(), 3U);
  for (const auto& report : reports) {
    EXPECT_EQ(report.host, kFlooder);
    EXPECT_EQ(report.kind, FloodKind::kDatagrams);
  }
  EXPECT_EQ(reports[0].dropped, 1U);
  EXPECT_NEAR(static_cast<double>(reports[1].dropped), 60 * 8000.0, 100);
}

TEST(FloodGuard, ItsTableIsBounded) {
  FloodGuard guard;
  for (std::uint32_t i = 0; i < 3 * kMaxFloodEntries; ++i) {
    guard.admits_datagram(kStart, HostId{0x10000 + i}, 100);
    ASSERT_TRUE(guard.check_invariants());
  }
}

// ---- inside Gossip

class FloodedGossip : public testing::Test {
 protected:
  FloodedGossip() {
    Gossip::Options options;
    options.self = host_id(0);
    options.root_key = cluster_.root().public_key();
    gossip_ = std::make_unique<Gossip>(options, rng_);
    gossip_->load(at(0us), {cluster_.enrol(0).signed_host(), flooder_.signed_host()});
    gossip_->start(at(0us));
  }
  static HostId host_id(unsigned index) { return sim::host_id(index); }
  static Now at(Duration since) {
    return {kStart + since, from_unix_ms(1'800'000'000'000) +
                                std::chrono::duration_cast<std::chrono::milliseconds>(since)};
  }

  sim::TestCluster cluster_;
  sim::EnrolledHost flooder_ = cluster_.enrol(1);
  Rng rng_{1};
  std::unique_ptr<Gossip> gossip_;
};

TEST_F(FloodedGossip, NoiseIsDroppedUndecodedAfterAWhile) {
  for (int i = 0; i < 10'000; ++i)
    gossip_->on_datagram(at(Duration(i)), flooder_.id, std::string(50, '\xff'));
  auto counters = gossip_->counters();
  EXPECT_LE(counters.dropped_malformed, 201U);
  EXPECT_EQ(counters.dropped_malformed + counters.dropped_flood, 10'000U);
  auto reports = gossip_->floods().take_reports(kStart);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].host, flooder_.id);
  EXPECT_THAT(std::string(to_string(reports[0].kind)), HasSubstr("malformed"));
}

// Records that claim another writer: the sender is limited, not whom it names.
TEST_F(FloodedGossip, FalseSignaturesAreChargedToWhoSentThem) {
  auto victim = cluster_.enrol(2);
  gossip_->admit(at(0us), victim.signed_host());
  std::vector<SignedRecordPtr> forged;
  for (unsigned i = 0; i < 2000; ++i) {
    auto record = test::make_owned_record(victim, test::make_machine(victim, i), 1, 1);
    forged.push_back(*sign_record(record, flooder_.key));
  }
  for (std::size_t i = 0; i < forged.size(); i += 10)
    gossip_->on_sync_records(
        at(1us), flooder_.id,
        {forged.begin() + static_cast<long>(i), forged.begin() + static_cast<long>(i) + 10});
  EXPECT_LE(gossip_->counters().dropped_bad_signature, 210U);
  EXPECT_GE(gossip_->counters().dropped_flood, 170U);
  EXPECT_THAT(gossip_->floods().limited(kStart), ElementsAre(flooder_.id));
  auto genuine = victim.sign(test::make_owned_record(victim, test::make_machine(victim, 1), 1, 1));
  gossip_->on_sync_records(at(2us), victim.id, {genuine});
  EXPECT_NE(gossip_->store().find(slot_of(genuine->record)), nullptr);
}

// A genuine word of the root, wrapped anew over and over in another host's name: nobody's signature
// is around it. Who passes it on is limited, and not whom it names.
TEST_F(FloodedGossip, WordsOfTheRootAreChargedToWhoSentThem) {
  auto victim = cluster_.enrol(2);
  gossip_->admit(at(0us), victim.signed_host());
  const HostId revoked = host_id(7);
  const RevocationRecord revocation{revoked,
                                    sign_revocation(revoked, at(0us).wall, cluster_.root())};
  auto deliver = [&](HostId from, std::vector<std::string> wires) {
    GossipDatagram datagram;
    datagram.records = std::move(wires);
    gossip_->on_datagram(at(1us), from, encode_datagram(datagram));
  };
  for (std::uint64_t i = 0; i < 6000; i += 4) {
    std::vector<std::string> wires;
    for (std::uint64_t n = i; n < i + 4; ++n) {
      Record record{revocation_key(revoked), victim.id, {1000 + n, victim.id.value}};
      record.value = revocation;
      wires.push_back((*sign_record(record, flooder_.key))->wire());
    }
    deliver(flooder_.id, std::move(wires));
  }
  auto accepted = gossip_->counters().records_accepted;
  EXPECT_GE(accepted, 4000U);
  EXPECT_LE(accepted, 4200U);
  EXPECT_THAT(gossip_->floods().limited(kStart), ElementsAre(flooder_.id));
  auto genuine = victim.sign(test::make_owned_record(victim, test::make_machine(victim, 1), 1, 1));
  deliver(victim.id, {genuine->wire()});
  EXPECT_NE(gossip_->store().find(slot_of(genuine->record)), nullptr);
}

}  // namespace
}  // namespace sixpn::registry
