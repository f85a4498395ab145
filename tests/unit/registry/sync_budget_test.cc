#include "registry/core/sync_budget.h"

#include <gtest/gtest.h>

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;

TEST(SyncPace, KeepsTheRateInTheLongRun) {
  SyncPace pace;
  Instant now{1h};
  Instant start = now;
  std::size_t sent = 0;
  while (now - start < 10s) {
    if (auto wait = pace.wait(now); wait > Duration::zero()) {
      now += wait;
      continue;
    }
    pace.take(now, 8192, kSyncRatePerPeer);
    sent += 8192;
  }
  EXPECT_NEAR(static_cast<double>(sent), 10.1 * kSyncRatePerPeer, 20'000);
}

TEST(SyncPace, AnIdleTimeIsNotSavedUp) {
  SyncPace pace;
  Instant now{1h};
  pace.take(now, 1000, kSyncRatePerPeer);
  now += 1h;
  std::size_t burst = 0;
  while (pace.wait(now) == Duration::zero()) {
    pace.take(now, 1000, kSyncRatePerPeer);
    burst += 1000;
  }
  EXPECT_LE(burst, kSyncRatePerPeer / 10 + 1000);
}

TEST(SyncChunk, FollowsWhatMergingTakes) {
  SyncChunk chunk;
  for (int i = 0; i < 20; ++i) chunk.on_merged(20us * chunk.size());
  EXPECT_GE(20us * chunk.size(), SyncChunk::kGoal / 2);
  EXPECT_LE(20us * chunk.size(), SyncChunk::kGoal);
  for (int i = 0; i < 20; ++i) chunk.on_merged(200us * chunk.size());
  EXPECT_LE(200us * chunk.size(), SyncChunk::kGoal);
  for (int i = 0; i < 20; ++i) chunk.on_merged(10ms);
  EXPECT_EQ(chunk.size(), SyncChunk::kLeast);
}

}  // namespace
}  // namespace sixpn::registry
