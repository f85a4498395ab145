#include "flycast/core/routing_wish.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "flycast/core/region_group.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

constexpr std::uint64_t kFirst = 0x10000000000000;

Candidate candidate(std::uint64_t number, const std::string& region) {
  return {MachineId{kFirst + number}, host(1), region, false, std::nullopt};
}

std::string name(std::uint64_t number) {
  return to_string(MachineId{kFirst + number});
}

const std::vector<Candidate> kAll = {candidate(1, "iad"), candidate(2, "ord"), candidate(3, "ams"),
                                     candidate(4, "iad"), candidate(5, "xyz")};

using Tiers = std::map<std::size_t, std::vector<std::uint64_t>>;

Tiers tiers_of(const RoutingWish& wish) {
  Tiers tiers;
  for (const Candidate& each : kAll)
    if (auto tier = tier_of(wish, each.machine, each.region))
      tiers[*tier].push_back(each.machine.value - kFirst);
  return tiers;
}

// "1 2 | 3": the numbers of each tier.
std::string shown(const Tiers& tiers) {
  std::string text;
  for (const auto& [number, tier] : tiers) {
    if (!text.empty()) text += " |";
    for (std::uint64_t each : tier) text += (text.empty() ? "" : " ") + std::to_string(each);
  }
  return text;
}

TEST(RegionGroups, HoldWhatLiesInThem) {
  for (const char* wish : {"iad", "us", "usa", "na", "any"})
    EXPECT_TRUE(region_matches(wish, "iad")) << wish;
  for (const char* wish : {"ord", "eu", "sa", "apac", ""})
    EXPECT_FALSE(region_matches(wish, "iad")) << wish;
  EXPECT_TRUE(region_matches("na", "yyz"));
  EXPECT_FALSE(region_matches("us", "yyz"));
  EXPECT_TRUE(region_matches("eu", "ams"));
  EXPECT_TRUE(region_matches("sa", "gru"));
  EXPECT_TRUE(region_matches("apac", "syd"));
  EXPECT_TRUE(region_matches("any", "xyz"));
  EXPECT_FALSE(region_matches("eu", "xyz"));
}

TEST(RegionGroups, AreKnownByName) {
  for (const char* good : {"iad", "xyz", "apac", "eu", "na", "sa", "us", "usa", "any"})
    EXPECT_TRUE(is_region_wish(good)) << good;
  for (const char* bad : {"", "IAD", "iad ", "europe", "e", "1ad"})
    EXPECT_FALSE(is_region_wish(bad)) << bad;
}

TEST(ReadWish, OfTheClientsHeaders) {
  EXPECT_TRUE(read_wish({{"host", "a"}}).is_plain());
  auto wish = read_wish({{"fly-prefer-region", "IAD, ord,,us"}});
  EXPECT_EQ(wish.regions, (std::vector<std::string>{"iad", "ord", "us"}));
  EXPECT_FALSE(wish.only_regions);
  wish = read_wish({{"Fly-Force-Region", "ams"}, {"fly-prefer-region", "iad"}});
  EXPECT_EQ(wish.regions, (std::vector<std::string>{"ams"}));
  EXPECT_TRUE(wish.only_regions);
  wish = read_wish({{"fly-prefer-instance-id", name(1)}});
  EXPECT_EQ(wish.machine, name(1));
  EXPECT_FALSE(wish.only_machine);
  wish = read_wish({{"fly-prefer-instance-id", name(1)}, {"fly-force-instance-id", name(2)}});
  EXPECT_EQ(wish.machine, name(2));
  EXPECT_TRUE(wish.only_machine);
  EXPECT_TRUE(read_wish({{"fly-force-region", " "}, {"fly-force-instance-id", ""}}).is_plain());
}

TEST(ReadWish, IsBounded) {
  std::string many = "iad";
  for (int i = 0; i < 1000; ++i) many += ",iad";
  auto wish =
      read_wish({{"fly-force-region", many}, {"fly-prefer-instance-id", std::string(100000, 'a')}});
  EXPECT_EQ(wish.regions.size(), kMaxWishedRegions);
  EXPECT_EQ(wish.machine.size(), kMaxMachineText);
}

TEST(Tiers, OfEachWish) {
  struct Case {
    HeaderList headers;
    const char* expected;
  };
  const Case cases[] = {
      {{}, "1 2 3 4 5"},
      {{{"fly-prefer-region", "iad"}}, "1 4 | 2 3 5"},
      {{{"fly-prefer-region", "ams,us"}}, "3 | 1 2 4 | 5"},
      {{{"fly-prefer-region", "fra"}}, "1 2 3 4 5"},
      {{{"fly-prefer-region", "iad,us,iad"}}, "1 4 | 2 | 3 5"},
      {{{"fly-force-region", "ord,iad"}}, "2 | 1 4"},
      {{{"fly-force-region", "fra"}}, ""},
      {{{"fly-force-region", "not a region"}}, ""},
      {{{"fly-force-region", "fra,any"}}, "1 2 3 4 5"},
      {{{"fly-prefer-instance-id", name(3)}}, "3 | 1 2 4 5"},
      {{{"fly-prefer-instance-id", "gone"}}, "1 2 3 4 5"},
      {{{"fly-force-instance-id", name(3)}}, "3"},
      {{{"fly-force-instance-id", name(9)}}, ""},
      {{{"fly-force-instance-id", "00bb33ff"}}, ""},
      {{{"fly-prefer-instance-id", name(3)}, {"fly-force-region", "iad"}}, "3 | 1 4"},
      {{{"fly-force-instance-id", name(3)}, {"fly-force-region", "iad"}}, ""},
      {{{"fly-force-instance-id", name(3)}, {"fly-prefer-region", "iad"}}, "3"},
  };
  for (const Case& test : cases)
    EXPECT_EQ(shown(tiers_of(read_wish(test.headers))), test.expected)
        << (test.headers.empty() ? "" : test.headers[0].value);
}

TEST(Tiers, ElsewhereIsNotHere) {
  RoutingWish wish;
  wish.not_these = {MachineId{kFirst + 1}};
  EXPECT_EQ(shown(tiers_of(wish)), "2 3 4 5");
  wish.machine = name(1);
  wish.only_machine = true;
  EXPECT_EQ(shown(tiers_of(wish)), "");
}

// A wish that forces nothing leaves nobody out.
TEST(Tiers, OfAWishThatForcesNothingHoldAll) {
  const std::vector<std::string> regions = {"iad", "us", "any", "eu", "xyz", "zzz"};
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Rng rng(seed);
    RoutingWish wish;
    for (std::uint64_t i = rng.below(4); i > 0; --i)
      wish.regions.push_back(regions[rng.below(regions.size())]);
    wish.only_regions = !wish.regions.empty() && rng.chance(0.5);
    if (rng.chance(0.5)) wish.machine = name(1 + rng.below(7));
    wish.only_machine = !wish.machine.empty() && rng.chance(0.5);
    std::size_t allowed = 0;
    for (const auto& [number, tier] : tiers_of(wish)) allowed += tier.size();
    bool forced = wish.only_regions || wish.only_machine;
    EXPECT_TRUE(forced || allowed == kAll.size()) << seed;
  }
}

// All of them in a pool seen from iad, and what happens to them.
struct Scene {
  LoadView loads;
  ServicePool pool;
  std::vector<std::uint64_t> tried;
  std::uint64_t sequence = 0;

  Scene() {
    auto all = kAll;
    for (Candidate& each : all) {
      each.soft_limit = 20;
      each.hard_limit = 25;
    }
    pool.assign(all, {host(9), "iad"}, 8080, loads, Instant{});
  }
  void fill(std::uint64_t number) {
    loads.entry({MachineId{kFirst + number}, 8080}, Instant{})
        ->on_report({25, 0, ++sequence}, Instant{});
  }
  Choice choose(const RoutingWish& wish, Rng& rng) {
    Bars bars = [&](const Candidate& candidate, bool) {
      auto number = candidate.machine.value - kFirst;
      bool was = std::find(tried.begin(), tried.end(), number) != tried.end();
      return was ? Bar::kTried : Bar::kNone;
    };
    return choose_wished(wish, pool, bars, Instant{}, rng);
  }
  // The number of the machine chosen, with a star when it is known to be full; or why there is
  // none.
  std::string chosen(const RoutingWish& wish) {
    Rng rng(1);
    Choice choice = choose(wish, rng);
    if (const auto* none = std::get_if<NoPick>(&choice)) return std::string(to_string(*none));
    const Pick& pick = std::get<Pick>(choice);
    return std::to_string(pick.member->candidate.machine.value - kFirst) +
           (pick.known_full ? "*" : "");
  }
};

TEST(ChooseWished, GoesFromTierToTier) {
  RoutingWish wish;
  wish.regions = {"ord", "ams"};
  Scene scene;
  EXPECT_EQ(scene.chosen(wish), "2");
  scene.fill(2);
  EXPECT_EQ(scene.chosen(wish), "3");
  scene.tried = {3};
  EXPECT_NE(scene.chosen(wish), "3");  // the rest
  wish.only_regions = true;
  EXPECT_EQ(scene.chosen(wish), "2*") << "waits there: it is all that is left";
  scene.tried = {2, 3};
  EXPECT_EQ(scene.chosen(wish), to_string(NoPick::kAllExcluded));
  wish.regions = {"fra"};
  EXPECT_EQ(scene.chosen(wish), to_string(NoPick::kNoCandidate));
}

TEST(ChooseWished, APreferredMachineIfItCan) {
  RoutingWish wish;
  wish.machine = name(5);
  Scene scene;
  EXPECT_EQ(scene.chosen(wish), "5");
  Rng rng(1);
  EXPECT_TRUE(std::get<Pick>(scene.choose(wish, rng)).has_other) << "in the next tier";
  scene.fill(5);
  EXPECT_NE(scene.chosen(wish), "5");
  wish.only_machine = true;
  EXPECT_EQ(scene.chosen(wish), "5*");
  EXPECT_FALSE(std::get<Pick>(scene.choose(wish, rng)).has_other);
}

TEST(ChooseWished, WithoutAWishIsTheBalancers) {
  Scene scene;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Rng a(seed), b(seed);
    EXPECT_EQ(std::get<Pick>(choose_wished({}, scene.pool, {}, Instant{}, a)).member,
              std::get<Pick>(choose(scene.pool, {}, Instant{}, b)).member);
  }
}

TEST(Missed, SaysWhoWasPreferredInVain) {
  RoutingWish wish;
  EXPECT_FALSE(missed(wish, MachineId{kFirst}));
  wish.machine = name(3);
  EXPECT_FALSE(missed(wish, MachineId{kFirst + 3}));
  EXPECT_EQ(missed(wish, MachineId{kFirst + 4}), name(3));
  wish.machine = "gone";
  EXPECT_EQ(missed(wish, MachineId{kFirst + 4}), "gone");
}

}  // namespace
}  // namespace sixpn::flycast
