// What choosing, retrying and admitting do together, in virtual time, beside the rules of others.
// Each scene is played once and shared by the tests that look at it.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/sim/balance/balance_world.h"

namespace sixpn::sim {
namespace {

constexpr std::uint64_t kSeed = 1;

const BalanceFigures& figures(const Scene& scene, PolicyKind policy) {
  static std::map<std::pair<std::string, PolicyKind>, BalanceFigures> played;
  auto key = std::make_pair(std::string(scene.name), policy);
  auto found = played.find(key);
  if (found == played.end()) found = played.emplace(key, play(scene, policy, kSeed)).first;
  return found->second;
}

TEST(Balance, EvenAt85PercentEachRequestIsSentOnce) {
  const auto& ours = figures(even_scene(), PolicyKind::kOurs);
  EXPECT_GT(ours.requests, 30'000u);
  EXPECT_LE(ours.sends, 1.05);
  EXPECT_EQ(ours.failed, 0);
}

TEST(Balance, AHotRegionKeepsItsRequests) {
  const auto& ours = figures(hot_scene(), PolicyKind::kOurs);
  EXPECT_LE(ours.sends, 1.1);
  EXPECT_LE(ours.failed, 0.0005);
  EXPECT_LE(ours.spill, ours.least_spill + 0.03);
}

TEST(Balance, WhatMustSpillSpillsAndNoMore) {
  const auto& ours = figures(spill_scene(), PolicyKind::kOurs);
  EXPECT_LE(ours.sends, 1.25);
  EXPECT_LE(ours.failed, 0.001);
  EXPECT_GT(ours.least_spill, 0.2);
  EXPECT_LE(ours.spill, ours.least_spill + 0.03);
}

TEST(Balance, ASlowMachineIsAvoided) {
  const auto& ours = figures(slow_scene(), PolicyKind::kOurs);
  EXPECT_LE(ours.p99_ms, 0.8 * figures(slow_scene(), PolicyKind::kRandom).p99_ms);
  EXPECT_EQ(ours.failed, 0);
}

TEST(Balance, ADeadMachineCostsNobodyARequest) {
  for (const Scene& scene : {dead_scene(), silent_scene()}) {
    const auto& ours = figures(scene, PolicyKind::kOurs);
    EXPECT_EQ(ours.failed, 0) << scene.name;
    EXPECT_LE(ours.sends, 1.05) << scene.name;
    EXPECT_LE(ours.p99_ms, 300) << scene.name << ": a timeout hits one in a hundred at most";
  }
}

// Whatever the clients do, no machine ever has more than its limit.
TEST(Balance, TheHardLimitIsExact) {
  for (const Scene& scene : {even_scene(), spill_scene(), slow_scene()})
    for (PolicyKind policy : kEveryPolicy)
      EXPECT_LE(figures(scene, policy).most_open, kSceneHard) << scene.name;
}

TEST(Balance, BeatsEveryRivalInEveryScene) {
  for (const Scene& scene :
       {even_scene(), hot_scene(), spill_scene(), slow_scene(), dead_scene(), silent_scene()}) {
    const auto& ours = figures(scene, PolicyKind::kOurs);
    for (PolicyKind policy : kEveryPolicy) {
      if (policy == PolicyKind::kOurs) continue;
      const auto& rival = figures(scene, policy);
      EXPECT_LT(ours.sends, rival.sends) << scene.name << ", " << to_string(policy);
      EXPECT_LE(ours.failed, rival.failed) << scene.name << ", " << to_string(policy);
    }
  }
}

// Gossip late and rare is no worse: nothing of ours listens to it.
TEST(Balance, NeedsNoGossip) {
  Scene scene = even_scene();
  scene.gossip_every = std::chrono::seconds(1000);
  BalanceFigures ours = play(scene, PolicyKind::kOurs, kSeed);
  EXPECT_LE(ours.sends, 1.05);
  EXPECT_EQ(ours.failed, 0);
}

TEST(Balance, IsTheSameForTheSameSeed) {
  Scene brief = spill_scene();
  brief.measured = std::chrono::seconds(1);
  BalanceFigures one = play(brief, PolicyKind::kOurs, 3);
  BalanceFigures two = play(brief, PolicyKind::kOurs, 3);
  EXPECT_EQ(one.requests, two.requests);
  EXPECT_EQ(one.sends, two.sends);
  EXPECT_EQ(one.p99_ms, two.p99_ms);
}

}  // namespace
}  // namespace sixpn::sim
