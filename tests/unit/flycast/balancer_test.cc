#include "flycast/core/balancer.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/unit/flycast/allocations.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kSoft = 20;
constexpr std::uint32_t kHard = 25;
constexpr std::uint16_t kPort = 8080;
constexpr Instant kStart{seconds(1000)};
constexpr HostId kSelf{0x10000};

// Machine n is on a host of its own, or here.
Candidate candidate(std::uint64_t n, std::string region, std::optional<Duration> round_trip) {
  Candidate made;
  made.machine = MachineId{n};
  made.here = round_trip == Duration::zero();
  made.host = made.here ? kSelf : HostId{static_cast<std::uint32_t>(0x10001 + n)};
  made.region = std::move(region);
  made.round_trip = round_trip;
  made.soft_limit = kSoft;
  made.hard_limit = kHard;
  return made;
}

// A pool seen from region iad, and what happens to it.
class Stage {
 public:
  void assign(std::vector<Candidate> candidates, Instant now = kStart) {
    pool_.assign(std::move(candidates), {kSelf, "iad"}, kPort, loads_, now);
  }
  LoadView::Entry load(std::uint64_t machine) {
    return loads_.entry({MachineId{machine}, kPort}, kStart);
  }
  void set_load(std::uint64_t machine, std::uint32_t load) {
    self_load(machine) ? this->load(machine)->set_exact(load)
                       : this->load(machine)->on_report({load, 0, ++sequence_}, kStart);
  }
  void eject(std::uint64_t machine) {
    for (int i = 0; i < Ejection::kConnectFailures; ++i)
      load(machine)->on_connect_failure(kStart, rng_);
  }
  // How often each machine is chosen.
  std::map<std::uint64_t, int> tally(const Bars& bars = {}, int draws = 2000,
                                     Instant now = kStart) {
    std::map<std::uint64_t, int> counts;
    for (int i = 0; i < draws; ++i)
      ++counts[std::get<Pick>(choose(pool_, bars, now, rng_)).member->candidate.machine.value];
    return counts;
  }
  std::set<std::uint64_t> chosen(const Bars& bars = {}) {
    std::set<std::uint64_t> machines;
    for (const auto& [machine, count] : tally(bars)) machines.insert(machine);
    return machines;
  }
  Choice choose_once(const Bars& bars = {}) { return choose(pool_, bars, kStart, rng_); }
  ServicePool& pool() { return pool_; }
  LoadView& loads() { return loads_; }
  Rng& rng() { return rng_; }

 private:
  bool self_load(std::uint64_t machine) const {
    for (const auto& member : pool_.members())
      if (member.candidate.machine.value == machine) return member.candidate.here;
    return false;
  }
  LoadView loads_;
  ServicePool pool_;
  Rng rng_{42};
  std::uint64_t sequence_ = 0;
};

Bars bar_machines(std::set<std::uint64_t> machines, Bar why) {
  return [machines = std::move(machines), why](const Candidate& candidate, bool) {
    return machines.contains(candidate.machine.value) ? why : Bar::kNone;
  };
}

using Machines = std::set<std::uint64_t>;
const Duration kHere = Duration::zero();
const Duration kNear = milliseconds(1);
const Duration kFar = milliseconds(80);
const Duration kFarther = milliseconds(200);

TEST(Balancer, Distance) {
  struct Case {
    const char* name;
    std::vector<Candidate> candidates;
    Machines expected;  // all that may be chosen
  };
  const std::vector<Case> cases = {
      {"this host first", {candidate(0, "iad", kNear), candidate(1, "iad", kHere)}, {1}},
      {"the own region before others",
       {candidate(0, "fra", kFar), candidate(1, "iad", kNear)},
       {1}},
      {"also when unmeasured", {candidate(0, "fra", kNear), candidate(1, "iad", {})}, {1}},
      {"equals share", {candidate(0, "iad", kNear), candidate(1, "iad", milliseconds(2))}, {0, 1}},
      {"others by round trip", {candidate(0, "nrt", kFarther), candidate(1, "fra", kFar)}, {1}},
      {"a region is as near as its nearest machine",
       {candidate(0, "nrt", kFarther), candidate(1, "fra", kFar), candidate(2, "nrt", kNear)},
       {2}},
      {"unmeasured last", {candidate(0, "nrt", {}), candidate(1, "fra", kFarther)}, {1}},
  };
  for (const Case& test : cases) {
    Stage stage;
    stage.assign(test.candidates);
    EXPECT_EQ(stage.chosen(), test.expected) << test.name;
  }
}

TEST(Balancer, TheSoftLimitOnlyOrdersInsideARegion) {
  Stage stage;
  stage.assign({candidate(0, "iad", kHere), candidate(1, "iad", kNear), candidate(2, "fra", kFar)});
  stage.set_load(0, kSoft - 1);
  stage.set_load(1, 1);
  EXPECT_EQ(stage.chosen(), Machines{0}) << "under soft, this host is nearest";
  stage.set_load(0, kSoft);
  EXPECT_EQ(stage.chosen(), Machines{1}) << "over it, the neighbour is cheaper";
  stage.set_load(1, kHard - 1);
  EXPECT_EQ(stage.chosen(), Machines{0})
      << "both over it: the cheaper, and nobody leaves the region";
}

TEST(Balancer, TheHardLimitLeavesARegion) {
  Stage stage;
  stage.assign({candidate(0, "iad", kHere), candidate(1, "iad", kNear), candidate(2, "fra", kFar)});
  stage.set_load(0, kHard);
  EXPECT_EQ(stage.chosen(), Machines{1});
  stage.set_load(1, kHard);
  EXPECT_EQ(stage.chosen(), Machines{2});
  stage.set_load(2, kHard);
  auto pick = std::get<Pick>(stage.choose_once());
  EXPECT_TRUE(pick.known_full) << "asked all the same: the owner decides";
  EXPECT_EQ(pick.member->candidate.region, "iad");
}

TEST(Balancer, WhatWasTriedIsOut) {
  Stage stage;
  stage.assign({candidate(0, "iad", kHere), candidate(1, "fra", kFar)});
  EXPECT_EQ(stage.chosen(bar_machines({0}, Bar::kTried)), Machines{1});
  EXPECT_EQ(std::get<NoPick>(stage.choose_once(bar_machines({0, 1}, Bar::kTried))),
            NoPick::kAllExcluded);
  EXPECT_EQ(std::get<NoPick>(stage.choose_once(bar_machines({0, 1}, Bar::kUnwanted))),
            NoPick::kNoCandidate);
  stage.assign({});
  EXPECT_EQ(std::get<NoPick>(stage.choose_once()), NoPick::kNoCandidate);
}

TEST(Balancer, SaysWhetherAnotherCouldBeAsked) {
  Stage stage;
  stage.assign({candidate(0, "iad", kNear), candidate(1, "fra", kFar)});
  EXPECT_TRUE(std::get<Pick>(stage.choose_once()).has_other);
  EXPECT_FALSE(std::get<Pick>(stage.choose_once(bar_machines({0}, Bar::kTried))).has_other);
  stage.set_load(1, kHard);
  EXPECT_FALSE(std::get<Pick>(stage.choose_once()).has_other) << "the other is full";
}

TEST(Balancer, AnEjectedMachineIsOut) {
  Stage stage;
  stage.assign({candidate(0, "iad", kNear), candidate(1, "iad", kNear), candidate(2, "fra", kFar)});
  stage.eject(0);
  EXPECT_EQ(stage.chosen(), Machines{1});
  stage.eject(1);
  EXPECT_EQ(stage.chosen(), Machines{2}) << "all of a region are out: it is left";
  stage.eject(2);
  EXPECT_EQ(stage.chosen(), (Machines{0, 1})) << "all of them everywhere: as if none were";
}

TEST(Balancer, MoreThanHalfOfARegionIsNeverOut) {
  Stage stage;
  stage.assign({candidate(0, "iad", kNear), candidate(1, "iad", kNear), candidate(2, "iad", kNear),
                candidate(3, "iad", kNear), candidate(4, "fra", kFar)});
  stage.eject(0);
  stage.eject(1);
  EXPECT_EQ(stage.chosen(), (Machines{2, 3}));
  stage.eject(2);
  auto chosen = stage.chosen();
  EXPECT_TRUE(chosen.contains(0) && chosen.contains(3))
      << "three of four: ejection is not believed";
  EXPECT_FALSE(chosen.contains(4));
}

TEST(Balancer, MachinesOfASilentHostAreOut) {
  Stage stage;
  Candidate sibling = candidate(1, "iad", kNear);
  sibling.host = candidate(0, "iad", kNear).host;
  stage.assign({candidate(0, "iad", kNear), sibling, candidate(2, "iad", kNear),
                candidate(3, "iad", kNear)});
  stage.loads().on_host_failure(sibling.host, kStart, stage.rng());
  EXPECT_EQ(stage.chosen(), (Machines{2, 3}));
}

TEST(Balancer, EqualMachinesGetEqualShares) {
  Stage stage;
  std::vector<Candidate> candidates;
  for (std::uint64_t n = 0; n < 4; ++n) candidates.push_back(candidate(n, "iad", kNear));
  stage.assign(candidates);
  for (const auto& [machine, count] : stage.tally({}, 8000))
    EXPECT_NEAR(count, 2000, 200) << machine;
}

TEST(Balancer, LargerMachinesAreDrawnMoreOften) {
  Stage stage;
  std::vector<Candidate> candidates;
  for (std::uint64_t n = 0; n < 4; ++n) candidates.push_back(candidate(n, "iad", kNear));
  candidates[0].hard_limit = 5 * kHard;
  stage.assign(candidates);
  auto counts = stage.tally({}, 8000);
  // One draw in 8 * (1, 1, 1, 5): among equals the first of two wins, 5/8 of the time machine 0.
  EXPECT_NEAR(counts[0], 5000, 250);
  EXPECT_NEAR(counts[1], 1000, 150);
}

// With two draws out of four, the least loaded is drawn in half of the cases and wins each, the
// most loaded never wins: 1/2, 1/3, 1/6, 0.
TEST(Balancer, TwoChoicesPreferTheLessLoaded) {
  Stage stage;
  std::vector<Candidate> candidates;
  for (std::uint64_t n = 0; n < 4; ++n) candidates.push_back(candidate(n, "iad", kNear));
  stage.assign(candidates);
  for (std::uint32_t n = 0; n < 4; ++n) stage.set_load(n, n);
  auto counts = stage.tally({}, 6000);
  EXPECT_NEAR(counts[0], 3000, 250);
  EXPECT_NEAR(counts[1], 2000, 250);
  EXPECT_NEAR(counts[2], 1000, 250);
  EXPECT_EQ(counts[3], 0);
}

TEST(Balancer, AQuickMachineIsPreferredToASlowOne) {
  Stage stage;
  stage.assign({candidate(0, "iad", kNear), candidate(1, "iad", kNear)});
  stage.load(0)->on_success(milliseconds(150), kStart);
  stage.load(1)->on_success(milliseconds(50), kStart);
  EXPECT_EQ(stage.chosen(), Machines{1});
  stage.set_load(0, 4);
  stage.set_load(1, 16);
  EXPECT_EQ(stage.chosen(), Machines{0}) << "until its load costs more";
}

TEST(Balancer, NobodyIsShunnedForNotBeingMeasured) {
  Stage stage;
  stage.assign({candidate(0, "iad", kNear), candidate(1, "iad", kNear)});
  stage.load(0)->on_success(milliseconds(1), kStart);
  EXPECT_EQ(stage.chosen(), (Machines{0, 1}));
}

TEST(Balancer, AMachineThatJoinsStartsSlowly) {
  Stage stage;
  std::vector<Candidate> candidates = {candidate(0, "iad", kNear), candidate(1, "iad", kNear)};
  stage.assign(candidates);
  candidates.push_back(candidate(2, "iad", kNear));
  stage.assign(candidates);
  EXPECT_EQ(stage.chosen(), (Machines{0, 1})) << "two that stand idle are cheaper";
  stage.set_load(0, 12);
  stage.set_load(1, 12);
  EXPECT_TRUE(stage.chosen().contains(2)) << "but a tenth of their load is its share at once";
  EXPECT_DOUBLE_EQ(start_share(kStart, kStart), 0.1);
  EXPECT_DOUBLE_EQ(start_share(kStart, kStart + seconds(5)), 0.5);
  EXPECT_DOUBLE_EQ(start_share(kStart, kStart + kSlowStart), 1);
  EXPECT_DOUBLE_EQ(start_share(Instant::min(), kStart), 1) << "was there before this proxy";
}

TEST(Balancer, CostRisesSteeplyPastTheSoftLimit) {
  EXPECT_DOUBLE_EQ(cost(1, 0, kSoft, 1), 1);
  EXPECT_DOUBLE_EQ(cost(1, kSoft, kSoft, 1), 2 * (kSoft + 1));
  EXPECT_GT(cost(1, 2 * kSoft, kSoft, 1), 16 * 2 * kSoft);
  EXPECT_DOUBLE_EQ(cost(1, 5, 0, 1), 6);
  EXPECT_DOUBLE_EQ(cost(0.5, 5, 0, 0.1), 30);
}

TEST(Balancer, AChoiceAllocatesNothing) {
  Stage stage;
  std::vector<Candidate> candidates;
  for (std::uint64_t n = 0; n < 64; ++n) candidates.push_back(candidate(n, "iad", kNear));
  stage.assign(candidates);
  for (std::uint64_t n = 0; n < 64; ++n) stage.set_load(n, static_cast<std::uint32_t>(n % kHard));
  std::size_t before = allocations_made();
  auto one = std::make_unique<int>(1);
  ASSERT_EQ(allocations_made(), before + 1) << "they are counted";
  before = allocations_made();
  for (int i = 0; i < 100; ++i) (void)stage.choose_once();
  EXPECT_EQ(allocations_made(), before);
}

// What explain shows is what choosing compares.
TEST(Balancer, JudgingSaysWhatChoosingSees) {
  Stage stage;
  stage.assign({candidate(0, "fra", kFar), candidate(1, "iad", kNear), candidate(2, "iad", kNear)});
  stage.set_load(0, kHard);
  stage.eject(1);
  stage.set_load(2, 3);
  auto judged = judge(stage.pool(), kStart);
  ASSERT_EQ(judged.size(), 3u);
  EXPECT_EQ(judged[0].member->candidate.machine, MachineId{1}) << "the own region first";
  EXPECT_TRUE(judged[0].out);
  EXPECT_FALSE(judged[0].out_ignored);
  EXPECT_DOUBLE_EQ(judged[1].load, 3);
  EXPECT_DOUBLE_EQ(judged[1].cost, cost(judged[1].latency, 3, kSoft, 1));
  EXPECT_TRUE(judged[2].full);
}

}  // namespace
}  // namespace sixpn::flycast
