#include "flycast/core/balancer.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <vector>

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kSoft = 20;

Contender contender(std::string region, std::optional<Duration> round_trip, double load = 0) {
  Contender made;
  made.candidate.region = std::move(region);
  made.candidate.here = round_trip == Duration::zero();
  made.candidate.round_trip = round_trip;
  made.load = load;
  return made;
}

// How often each contender is chosen in `draws`, from region iad.
std::map<std::size_t, int> tally(const std::vector<Contender>& contenders, int draws = 2000) {
  Rng rng(42);
  std::map<std::size_t, int> counts;
  for (int i = 0; i < draws; ++i)
    ++counts[std::get<std::size_t>(choose(contenders, "iad", kSoft, rng))];
  return counts;
}

std::vector<std::size_t> chosen(const std::vector<Contender>& contenders) {
  std::vector<std::size_t> indexes;
  for (const auto& [index, count] : tally(contenders)) indexes.push_back(index);
  return indexes;
}

using Indexes = std::vector<std::size_t>;

TEST(Balancer, Order) {
  struct Case {
    const char* name;
    std::vector<Contender> contenders;
    Indexes expected;  // all that may be chosen
  };
  auto with = [](Contender made, const std::function<void(Contender&)>& change) {
    change(made);
    return made;
  };
  auto full = [](Contender& c) { c.at_limit = true; };
  auto tried = [](Contender& c) { c.excluded = true; };
  auto failing = [](Contender& c) { c.failing = true; };
  const Duration here = Duration::zero();
  const Duration near = milliseconds(1);
  const Duration far = milliseconds(80);
  const Duration farther = milliseconds(200);
  const std::vector<Case> cases = {
      {"this host first", {contender("iad", near), contender("iad", here)}, {1}},
      {"the own region before others", {contender("fra", far), contender("iad", near)}, {1}},
      {"the own region even when unmeasured", {contender("fra", near), contender("iad", {})}, {1}},
      {"equals share", {contender("iad", near), contender("iad", milliseconds(2))}, {0, 1}},
      {"others by round trip", {contender("nrt", farther), contender("fra", far)}, {1}},
      {"a region is as near as its nearest machine",
       {contender("nrt", farther), contender("fra", far), contender("nrt", near)},
       {0, 2}},
      {"unmeasured last", {contender("nrt", {}), contender("fra", farther)}, {1}},
      {"over the soft limit: a neighbour",
       {contender("iad", here, kSoft), contender("iad", near)},
       {1}},
      {"all over the soft limit: this host again",
       {contender("iad", here, kSoft + 5), contender("iad", near, kSoft)},
       {0}},
      {"the soft limit moves nothing to another region",
       {contender("iad", near, kSoft + 100), contender("fra", far)},
       {0}},
      {"the hard limit does", {with(contender("iad", here), full), contender("fra", far)}, {1}},
      {"tried ones are out", {with(contender("iad", here), tried), contender("fra", far)}, {1}},
      {"failing ones go last", {with(contender("iad", here), failing), contender("fra", far)}, {1}},
      {"but not out",
       {with(contender("iad", here), failing), with(contender("fra", far), tried)},
       {0}},
  };
  for (const Case& test : cases) EXPECT_EQ(chosen(test.contenders), test.expected) << test.name;
}

TEST(Balancer, WhyNone) {
  Rng rng(1);
  auto reason = [&](const std::vector<Contender>& contenders) {
    return std::get<NoPick>(choose(contenders, "iad", kSoft, rng));
  };
  Contender full = contender("iad", Duration::zero());
  full.at_limit = true;
  Contender tried = full;
  tried.excluded = true;
  EXPECT_EQ(reason({}), NoPick::kNoCandidate);
  EXPECT_EQ(reason({full, full}), NoPick::kAllAtLimit);
  EXPECT_EQ(reason({full, tried}), NoPick::kAllExcluded);
}

TEST(Balancer, EqualMachinesGetEqualShares) {
  std::vector<Contender> contenders(4, contender("iad", milliseconds(1)));
  for (const auto& [index, count] : tally(contenders, 8000)) EXPECT_NEAR(count, 2000, 200) << index;
}

// With two draws out of four, the least loaded is drawn in half of the cases and wins each, the
// most loaded never wins: 1/2, 1/3, 1/6, 0.
TEST(Balancer, TwoChoicesPreferTheLessLoaded) {
  std::vector<Contender> contenders;
  for (double load : {0.0, 1.0, 2.0, 3.0})
    contenders.push_back(contender("iad", milliseconds(1), load));
  auto counts = tally(contenders, 6000);
  EXPECT_NEAR(counts[0], 3000, 250);
  EXPECT_NEAR(counts[1], 2000, 250);
  EXPECT_NEAR(counts[2], 1000, 250);
  EXPECT_EQ(counts[3], 0);
}

TEST(Balancer, ConnectionsSpreadEvenlyWhenLoadIsSeen) {
  std::vector<Contender> contenders(10, contender("iad", milliseconds(1)));
  Rng rng(7);
  for (int i = 0; i < 1000; ++i)
    ++contenders[std::get<std::size_t>(choose(contenders, "iad", 0, rng))].load;
  for (const Contender& loaded : contenders) EXPECT_NEAR(loaded.load, 100, 4);
}

TEST(Balancer, CostRisesSteeplyPastTheSoftLimit) {
  EXPECT_DOUBLE_EQ(cost(0, kSoft), 1);
  EXPECT_DOUBLE_EQ(cost(kSoft, kSoft), 2 * (kSoft + 1));
  EXPECT_GT(cost(2 * kSoft, kSoft), 16 * 2 * kSoft);
  EXPECT_DOUBLE_EQ(cost(5, 0), 6);
}

}  // namespace
}  // namespace sixpn::flycast
