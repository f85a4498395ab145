#include "agent/core/notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const WallTime kEnd = from_unix_ms(1'800'000'000'000);
constexpr std::chrono::hours kDay{24};
constexpr HostId kSelf{0x10000};
constexpr HostId kB{0x10001};

Snapshot with_end(WallTime end = kEnd) {
  Snapshot snapshot;
  snapshot.self = kSelf;
  snapshot.certificate_grace = 7 * kDay;
  snapshot.hosts[kSelf].record = {.id = kSelf, .name = "a"};
  snapshot.hosts[kB].record = {.id = kB, .name = "b"};
  snapshot.hosts[kB].valid_until = end;
  return snapshot;
}

TEST(Notices, AnEndIsToldThirtyDaysBeforeAndLouderEachTimeItIsNearer) {
  Snapshot snapshot = with_end();
  EXPECT_THAT(certificate_notices(snapshot, kEnd - 30 * kDay - 1ms), IsEmpty());
  NoticeMemory memory;
  int said = 0;
  int urgent = 0;
  for (auto left = 31 * kDay; left > -9 * kDay; left -= 1h)
    for (const auto& notice : memory.news(certificate_notices(snapshot, kEnd - left))) {
      ++said;
      urgent += notice.urgent ? 1 : 0;
    }
  EXPECT_EQ(said, 7);    // 30, 14, 7, 3, 1 days, expired, past its grace
  EXPECT_EQ(urgent, 4);  // from three days on
  auto told = certificate_notices(snapshot, kEnd - 3 * kDay);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].sentence,
            "the certificate of host b expires in 3 days, at 2027-01-15 08:00:00 UTC: run `sixpn "
            "host renew b` where the root key is");
}

TEST(Notices, AnExpiredHostIsToldWithTheDayItIsShutOut) {
  auto told = certificate_notices(with_end(), kEnd + 1h);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].sentence, HasSubstr("expired at 2027-01-15 08:00:00 UTC; the others shut it "
                                          "out at 2027-01-22 08:00:00 UTC"));
  Snapshot cut = with_end();
  cut.shut_out[kB] = {cut.hosts.at(kB).record, false, kEnd};
  cut.hosts.erase(kB);
  told = certificate_notices(cut, kEnd + 8 * kDay);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].sentence, HasSubstr("host b is shut out"));
  EXPECT_TRUE(told[0].urgent);
  cut.shut_out[kB].revoked = true;  // what was done on purpose needs no notice
  EXPECT_THAT(certificate_notices(cut, kEnd + 8 * kDay), IsEmpty());
}

TEST(Notices, WhoIsCutOffItselfIsTold) {
  Snapshot snapshot = with_end();
  snapshot.hosts[kSelf].valid_until = kEnd;
  snapshot.hosts[kB].valid_until.reset();
  auto told = certificate_notices(snapshot, kEnd + 8 * kDay);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].sentence, HasSubstr("certificate of this host expired"));
  snapshot.revocations[kSelf] = {kSelf, ""};
  EXPECT_THAT(certificate_notices(snapshot, kEnd + 8 * kDay), SizeIs(2));
}

TEST(Notices, ManyEndsMakeOneSentence) {
  Snapshot snapshot = with_end();
  for (unsigned i = 2; i < 1000; ++i) {
    HostId id{0x10000 + i};
    snapshot.hosts[id].record = {.id = id, .name = "h" + std::to_string(i)};
    snapshot.hosts[id].valid_until = kEnd + 1h * i;
  }
  auto told = certificate_notices(snapshot, kEnd - 1h);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].sentence, HasSubstr("host renew --all"));
  EXPECT_THAT(told[0].sentence, HasSubstr("host b expires in 1 hour"));
}

TEST(Notices, WhoPublishesTheKeyOfAnotherIsNamed) {
  const sim::TestCluster cluster;
  const auto thief = cluster.enrol(1);
  const auto victim = cluster.enrol(2);
  Snapshot snapshot;
  snapshot.self = victim.id;
  snapshot.hosts[thief.id].record = thief.record;
  snapshot.hosts[victim.id].record = victim.record;
  EXPECT_THAT(key_notices(snapshot), IsEmpty());
  snapshot.hosts[thief.id].record.wireguard_key = victim.record.wireguard_key;
  auto told = key_notices(snapshot);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].about, "key/00010001");
  EXPECT_THAT(told[0].sentence, HasSubstr("host h1 publishes a WireGuard key that this host (h2) "
                                          "proves to be its own, so host h1 is not linked"));
  snapshot.hosts[victim.id].record.key_proofs = "";
  told = key_notices(snapshot);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].sentence, HasSubstr("this host (h2) and host h1 publish the same WireGuard "
                                          "key"));
}

TEST(Notices, BothEnrolmentsOfAnIdAreNamedWithWhatToDo) {
  const sim::TestCluster cluster;
  auto first = cluster.enrol(1);
  auto second = cluster.enrol(1, {"*"}, 60);
  std::map<HostId, registry::EnrolmentConflict> conflicts = {
      {first.id, {first.certificate, second.certificate, kEnd}}};
  auto digest = [](const sim::EnrolledHost& host) {
    return to_hex(as_bytes(certificate_digest(host.record.certificate))).substr(0, 16);
  };
  auto elsewhere = conflict_notices(conflicts, kSelf, kEnd);
  ASSERT_THAT(elsewhere, SizeIs(1));
  EXPECT_THAT(elsewhere[0].sentence,
              HasSubstr("host id 00010001 is enrolled twice: h1 in fra (enrolled 2023-11-14 "
                        "22:13:20 UTC, certificate " +
                        digest(first) +
                        ") stands, h1 in fra (enrolled 2023-11-14 22:14:20 UTC, "
                        "certificate " +
                        digest(second) + ") is refused"));
  EXPECT_THAT(elsewhere[0].sentence, HasSubstr("sixpn host revoke 00010001"));
  auto own = conflict_notices(conflicts, first.id, kEnd);
  ASSERT_THAT(own, SizeIs(1));
  EXPECT_THAT(own[0].sentence, HasSubstr("the id of this host, 00010001, is enrolled twice"));
  EXPECT_THAT(conflict_notices(conflicts, kSelf, kEnd + kConflictNotice + 1ms), IsEmpty());
}

TEST(Notices, AClockIsNamedFromFiveSecondsOnAndTheOddOneIsFound) {
  EXPECT_THAT(clock_notices({{"b", 5s}, {"c", -5s}}), IsEmpty());
  auto one = clock_notices({{"b", 12s}, {"c", 0s}, {"d", -90s}});
  ASSERT_THAT(one, SizeIs(2));
  EXPECT_THAT(one[0].sentence, HasSubstr("the clock of host b is 12 seconds ahead of this one's"));
  EXPECT_FALSE(one[0].urgent);
  EXPECT_THAT(one[1].sentence, HasSubstr("host d is 1 minute behind this one's"));
  EXPECT_TRUE(one[1].urgent);
  auto mine = clock_notices({{"b", 120s}, {"c", 121s}, {"d", 0s}, {"e", 119s}});
  ASSERT_THAT(mine, SizeIs(1));
  EXPECT_THAT(mine[0].sentence, HasSubstr("this host's clock is wrong"));
}

TEST(Notices, WhatIsOverMayBeSaidAgain) {
  NoticeMemory memory;
  Notice notice{"x", 1, false, "s"};
  EXPECT_THAT(memory.news({notice}), ElementsAre(notice));
  EXPECT_THAT(memory.news({notice}), IsEmpty());
  EXPECT_THAT(memory.news({}), IsEmpty());
  EXPECT_THAT(memory.news({notice}), ElementsAre(notice));
}

}  // namespace
}  // namespace sixpn::agent
