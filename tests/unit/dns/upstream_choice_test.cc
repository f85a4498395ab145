#include "dns/core/upstream_choice.h"

#include <gtest/gtest.h>

#include "dns/core/loop_probes.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::chrono_literals;
using Health = UpstreamChoice::Health;
using Order = std::vector<std::size_t>;

constexpr Instant kStart{1000s};
const Order kAll = {0, 1, 2};

TEST(UpstreamChoice, TheQuickestGoesFirst) {
  UpstreamChoice choice(3);
  EXPECT_EQ(choice.order(kAll), (Order{0, 1, 2}));
  choice.on_reply(0, 90ms, kStart);
  choice.on_reply(2, 10ms, kStart);
  EXPECT_EQ(choice.order(kAll), (Order{2, 1, 0}));
  choice.on_reply(1, 5ms, kStart);
  EXPECT_EQ(choice.order(kAll), (Order{1, 2, 0}));
  EXPECT_EQ(choice.order({0, 2}), (Order{2, 0}));
}

TEST(UpstreamChoice, PatienceFollowsTheRoundTrip) {
  UpstreamChoice choice(1);
  choice.on_reply(0, 40ms, kStart);
  EXPECT_EQ(choice.patience(0), 160ms);
  choice.on_reply(0, 120ms, kStart);
  EXPECT_EQ(choice.round_trip(0), 50ms);
  for (int i = 0; i < 10; ++i) choice.on_late(0);
  EXPECT_EQ(choice.patience(0), UpstreamChoice::kMostPatience);
  for (int i = 0; i < 100; ++i) choice.on_reply(0, 1ms, kStart);
  EXPECT_EQ(choice.patience(0), UpstreamChoice::kLeastPatience);
}

TEST(UpstreamChoice, SilenceThreeTimesInARowIsDown) {
  UpstreamChoice choice(2);
  choice.on_reply(0, 1ms, kStart);
  choice.on_reply(1, 50ms, kStart);
  EXPECT_FALSE(choice.on_silence(0, kStart));
  EXPECT_FALSE(choice.on_silence(0, kStart));
  choice.on_reply(0, 1ms, kStart);
  EXPECT_FALSE(choice.on_silence(0, kStart));
  EXPECT_FALSE(choice.on_silence(0, kStart));
  EXPECT_EQ(choice.health(0), Health::kUp);
  EXPECT_TRUE(choice.on_silence(0, kStart));
  EXPECT_FALSE(choice.on_silence(0, kStart));  // said once
  EXPECT_EQ(choice.health(0), Health::kDown);
  // Asked last, but asked: there may be nobody better.
  EXPECT_EQ(choice.order({0, 1}), (Order{1, 0}));
  choice.on_reply(0, 2ms, kStart);
  EXPECT_EQ(choice.health(0), Health::kUp);
  EXPECT_EQ(choice.round_trip(0), 2ms);  // what was before says nothing of it now
}

TEST(UpstreamChoice, ProbesOfTheDeadGrowRarer) {
  UpstreamChoice choice(1);
  EXPECT_TRUE(choice.probe_due(0, kStart));  // never measured
  for (int i = 0; i < 3; ++i) choice.on_silence(0, kStart);
  std::vector<Duration> times;
  for (Instant now = kStart; now < kStart + 100s; now += 100ms)
    if (choice.probe_due(0, now)) times.push_back(now - kStart);
  EXPECT_EQ(times, (std::vector<Duration>{1s, 3s, 7s, 15s, 31s, 61s, 91s}));
  choice.on_reply(0, 1ms, kStart + 100s);
  EXPECT_FALSE(choice.probe_due(0, kStart + 129s));
  EXPECT_TRUE(choice.probe_due(0, kStart + 130s));
}

TEST(UpstreamChoice, LoopingOnesAreNotAsked) {
  UpstreamChoice choice(2);
  choice.set_looping(0, true);
  EXPECT_EQ(choice.health(0), Health::kLooping);
  EXPECT_EQ(choice.order({0, 1}), Order{1});
  EXPECT_EQ(choice.order({0}), Order{});
  choice.set_looping(0, false);
  EXPECT_EQ(choice.order({0}), Order{0});
}

TEST(LoopProbes, AProbeIsKnownWhileItIsOut) {
  LoopProbes probes(2);
  auto first = probes.begin(0, 0x0123456789abcdef);
  auto second = probes.begin(1, 77);
  EXPECT_NE(first, second);
  EXPECT_FALSE(
      probes.came_back("\x07"
                       "example"));
  EXPECT_EQ(probes.came_back(second), 1U);
  EXPECT_FALSE(probes.end(0));
  EXPECT_TRUE(probes.end(1));
  EXPECT_FALSE(probes.came_back(first));
  EXPECT_FALSE(probes.came_back(second));
}

}  // namespace
}  // namespace sixpn::dns::testing
