#include "flycast/core/admission_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/rng.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ServiceKey kKey{MachineId{1}, 8080};
constexpr Instant kStart{seconds(1000)};

TEST(AdmissionQueue, FirstComeFirstServed) {
  AdmissionQueue queue;
  for (AdmissionQueue::WaiterId id = 1; id <= 3; ++id)
    ASSERT_TRUE(queue.join(kKey, id, 25, kStart));
  EXPECT_EQ(queue.length(kKey), 3u);
  EXPECT_EQ(queue.front(kKey), 1u);
  EXPECT_EQ(queue.on_free(kKey, kStart).admitted, 1u);
  EXPECT_EQ(queue.on_free(kKey, kStart).admitted, 2u);
  EXPECT_EQ(queue.on_free(kKey, kStart).admitted, 3u);
  EXPECT_FALSE(queue.on_free(kKey, kStart).admitted);
  EXPECT_TRUE(queue.empty());
}

TEST(AdmissionQueue, IsAsLongAsTheLimitAndNeverLonger) {
  AdmissionQueue queue;
  EXPECT_TRUE(queue.join(kKey, 1, 2, kStart));
  EXPECT_TRUE(queue.join(kKey, 2, 2, kStart));
  EXPECT_FALSE(queue.join(kKey, 3, 2, kStart));
  ServiceKey wide{MachineId{2}, 8080};
  AdmissionQueue::WaiterId id = 10;
  while (queue.join(wide, id, 1000, kStart)) ++id;
  EXPECT_EQ(queue.length(wide), AdmissionQueue::kMostWaiting);
  EXPECT_EQ(queue.refused(), 2u);
}

// One host alone has all places; whoever comes with fewer gets one of them, up to as many.
TEST(AdmissionQueue, TheHostWithMostPlacesGivesWayWhenItIsFull) {
  AdmissionQueue queue;
  HostId greedy{1};
  HostId other{2};
  for (AdmissionQueue::WaiterId id = 1; id <= 6; ++id)
    ASSERT_TRUE(queue.join(kKey, id, 6, kStart, greedy));
  EXPECT_FALSE(queue.join(kKey, 7, 6, kStart, greedy));
  for (AdmissionQueue::WaiterId id = 11; id <= 13; ++id) {
    auto joined = queue.join(kKey, id, 6, kStart, other);
    EXPECT_TRUE(joined);
    EXPECT_EQ(joined.gave_way, 17 - id) << "the newest";
  }
  auto even = queue.join(kKey, 14, 6, kStart, other);
  EXPECT_FALSE(even);
  EXPECT_FALSE(even.gave_way);
  EXPECT_FALSE(queue.join(kKey, 8, 6, kStart, greedy)) << "nor back";
  EXPECT_EQ(queue.refused(), 6u);
  EXPECT_EQ(queue.length(kKey), 6u);
  for (AdmissionQueue::WaiterId id : {1, 2, 3, 11, 12, 13})
    EXPECT_EQ(queue.on_free(kKey, kStart).admitted, id);
}

TEST(AdmissionQueue, NobodyWaitsLongerThanASecond) {
  AdmissionQueue queue;
  ASSERT_TRUE(queue.join(kKey, 1, 25, kStart));
  ASSERT_TRUE(queue.join(kKey, 2, 25, kStart + milliseconds(300)));
  EXPECT_EQ(queue.next_expiry(), kStart + seconds(1));
  EXPECT_TRUE(queue.expire(kStart + milliseconds(999)).empty());
  EXPECT_EQ(queue.expire(kStart + seconds(1)), std::vector<AdmissionQueue::WaiterId>{1});
  EXPECT_EQ(queue.next_expiry(), kStart + milliseconds(1300));
  queue.leave(kKey, 2);
  EXPECT_EQ(queue.next_expiry(), kNever);
  queue.leave(kKey, 2);  // harmless
}

// A wait that stands above the target for an interval costs the newest their place, more and more
// often; the oldest keep theirs.
TEST(AdmissionQueue, AStandingWaitRefusesTheNewestFirst) {
  AdmissionQueue queue;
  AdmissionQueue::WaiterId last = 0;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(queue.join(kKey, ++last, 64, kStart));
  AdmissionQueue::WaiterId next = 1;
  AdmissionQueue::WaiterId newest = last;
  std::vector<Instant> refusals;
  for (Instant now = kStart + milliseconds(10); queue.length(kKey) > 0; now += milliseconds(10)) {
    auto turn = queue.on_free(kKey, now);
    ASSERT_EQ(turn.admitted, next++);
    for (auto refused : turn.refused) {
      EXPECT_EQ(refused, newest--);
      refusals.push_back(now);
    }
  }
  ASSERT_GE(refusals.size(), 3u);
  EXPECT_EQ(refusals.front(), kStart + milliseconds(10) + AdmissionQueue::kInterval);
  for (std::size_t i = 2; i < refusals.size(); ++i)
    EXPECT_LE(refusals[i] - refusals[i - 1], refusals[i - 1] - refusals[i - 2] + milliseconds(10));
}

// One host floods, another has one that waits at a time: that one is served, each time.
TEST(AdmissionQueue, AQueueThatStandsIsSharedByTheHosts) {
  AdmissionQueue queue;
  HostId greedy{1};
  HostId modest{2};
  constexpr AdmissionQueue::WaiterId kModest = 1'000'000;  // and above: its waiters
  AdmissionQueue::WaiterId last = 0;
  AdmissionQueue::WaiterId waits = kModest;
  std::size_t served = 0;
  ASSERT_TRUE(queue.join(kKey, waits, 20, kStart, modest));
  for (Instant now = kStart; now < kStart + seconds(30); now += milliseconds(10)) {
    for (int i = 0; i < 20; ++i) queue.join(kKey, ++last, 20, now, greedy);
    auto turn = queue.on_free(kKey, now);
    EXPECT_EQ(std::count(turn.refused.begin(), turn.refused.end(), waits), 0);
    if (turn.admitted != waits) continue;
    ++served;
    ASSERT_TRUE(queue.join(kKey, ++waits, 20, now, modest));
  }
  EXPECT_GE(served, 100u);
}

TEST(AdmissionQueue, AShortWaitRefusesNobody) {
  AdmissionQueue queue;
  AdmissionQueue::WaiterId id = 0;
  for (Instant now = kStart; now < kStart + seconds(2); now += milliseconds(4)) {
    ASSERT_TRUE(queue.join(kKey, ++id, 25, now));
    auto turn = queue.on_free(kKey, now + milliseconds(4));
    ASSERT_EQ(turn.admitted, id);
    ASSERT_TRUE(turn.refused.empty());
  }
}

// Against any order of events: a place is never given twice, never lost while somebody waits, and
// everybody who joined is told once.
TEST(AdmissionQueue, CountsStayExact) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    constexpr std::uint32_t kLimit = 5;
    AdmissionQueue queue;
    std::uint32_t open = 0;
    std::set<AdmissionQueue::WaiterId> waiting;
    AdmissionQueue::WaiterId last = 0;
    Instant now = kStart;
    auto told = [&](AdmissionQueue::WaiterId id) { ASSERT_EQ(waiting.erase(id), 1u); };
    for (int step = 0; step < 3000; ++step) {
      now += milliseconds(rng.below(20));
      for (auto id : queue.expire(now)) told(id);
      if (rng.chance(0.6)) {
        ++last;
        if (open < kLimit && queue.length(kKey) == 0) {
          ++open;
        } else if (queue.join(kKey, last, kLimit, now)) {
          waiting.insert(last);
        }
      } else if (open > 0 && rng.chance(0.7)) {
        --open;
        auto turn = queue.on_free(kKey, now);
        for (auto id : turn.refused) told(id);
        if (turn.admitted) {
          told(*turn.admitted);
          ++open;
        }
      } else if (!waiting.empty()) {
        queue.leave(kKey, *waiting.begin());
        waiting.erase(waiting.begin());
      }
      ASSERT_LE(open, kLimit);
      ASSERT_EQ(queue.length(kKey), waiting.size());
      ASSERT_LE(waiting.size(), kLimit);
    }
  }
}

}  // namespace
}  // namespace sixpn::flycast
