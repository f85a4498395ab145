// Order is behaviour: most clients use the first address only.
#include "dns/core/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "dns/core/draw.h"
#include "dns/core/text_lists.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

std::string order_of(const Snapshot& snapshot, const std::string& name, std::uint64_t seed,
                     const Ip6& source = asker()) {
  return brief(ask(snapshot, name, kTypeAaaa, source, kAcme, seed));
}

TEST(Selection, LocalRegionThenByRoundTripShuffledWithinARegion) {
  auto snapshot = World().snapshot();
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 64; ++seed)
    seen.insert(order_of(*snapshot, "web.internal", seed));
  // fra counts by its nearest host (90 ms), so a4 on the unmeasured host of fra precedes nrt.
  EXPECT_EQ(seen, (std::set<std::string>{"a1 a2 a4 a3", "a1 a4 a2 a3"}));
}

// Two machines look alike turned and shuffled; of four there are 24 orders, and turned only four.
TEST(Selection, EveryOrderWithinARegionComes) {
  World world;
  for (std::uint64_t id = 0x51; id <= 0x54; ++id) world.add(kAcme, {id, "four", kHostA});
  auto snapshot = world.snapshot();
  for (const char* name : {"four.internal", "top9.nearest.of.four.internal"}) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) seen.insert(order_of(*snapshot, name, seed));
    EXPECT_EQ(seen.size(), 24U) << name;
  }
}

// What a machine that is gone leaves: of the answers that it stands first in, every other is second
// in as many. In one order, turned, it is one neighbour that gets them all.
TEST(Selection, AMachineThatIsGoneLeavesItsShareToAll) {
  World world;
  for (std::uint64_t id = 0x51; id <= 0x56; ++id) world.add(kAcme, {id, "six", kHostA});
  auto snapshot = world.snapshot();
  constexpr int kAnswers = 12000, kFair = kAnswers / 6 / 5;
  std::map<std::string, int> heirs;
  for (std::uint64_t seed = 0; seed < kAnswers; ++seed) {
    auto order = order_of(*snapshot, "six.internal", seed);
    if (order.starts_with("53 ")) ++heirs[order.substr(3, 2)];
  }
  EXPECT_EQ(heirs.size(), 5U);
  for (const auto& [heir, answers] : heirs) {
    EXPECT_GT(answers, kFair * 3 / 4) << heir;
    EXPECT_LT(answers, kFair * 5 / 4) << heir;
  }
}

TEST(Draw, TellsEachPlaceOnceFromAnyStart) {
  for (std::size_t places : {1, 2, 3, 63, 64, 65, 127, 128, 129, 600}) {
    std::set<std::size_t> first;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Rng rng(seed);
      Draw draw(places, rng);
      std::set<std::size_t> told{draw.next()};
      first.insert(*told.begin());
      while (told.size() < places) {
        std::size_t place = draw.next();
        ASSERT_LT(place, places);
        ASSERT_TRUE(told.insert(place).second) << places << ": " << place;
      }
    }
    EXPECT_GE(first.size(), std::min<std::size_t>(places * 2 / 3, 100)) << places;
    EXPECT_EQ(*first.begin() > places / 8, false) << places;
    EXPECT_GE(*first.rbegin() + 1, places - places / 8) << places;
  }
}

TEST(Selection, UnmeasuredRegionsComeLast) {
  World world;
  world.edit().hosts[kHostB].round_trip.reset();
  for (std::uint64_t seed = 0; seed < 16; ++seed)
    EXPECT_TRUE(order_of(*world.snapshot(), "web.internal", seed).starts_with("a1 a3 "));
}

TEST(Selection, NearestIsStrictlyByRoundTripOfTheHost) {
  World world;
  world.add(kAcme, {0xab, "web", kHostC});
  world.add(kAcme, {0xac, "web", kHostA});
  auto snapshot = world.snapshot();
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 64; ++seed)
    seen.insert(order_of(*snapshot, "top9.nearest.of.web.internal", seed));
  // The asker, its host, fra at 90 ms, nrt at 170 ms (two, shuffled), the unmeasured host.
  EXPECT_EQ(seen, (std::set<std::string>{"a1 ac a2 a3 ab a4", "a1 ac a2 ab a3 a4"}));
  EXPECT_EQ(order_of(*snapshot, "top1.nearest.of.web.internal", 1, address_of(kAcme, kHostA, 0xac)),
            "ac");
}

TEST(Selection, TopTakesAnyPositiveCount) {
  auto snapshot = World().snapshot();
  EXPECT_EQ(order_of(*snapshot, "top1.nearest.of.web.internal", 1), "a1");
  EXPECT_EQ(order_of(*snapshot, "top2.nearest.of.web.internal", 1), "a1 a2");
  EXPECT_EQ(order_of(*snapshot, "TOP3.nearest.of.web.internal", 1), "a1 a2 a3");
  for (const char* all : {"4294967295", "4294967296", "18446744073709551616",
                          "999999999999999999999999999999999999999999999999999999999999"})
    EXPECT_EQ(order_of(*snapshot, "top" + std::string(all) + ".nearest.of.web.internal", 1),
              "a1 a2 a3 a4")
        << all;
  for (const char* label :
       {"top", "top0", "top01", "top-1", "top1x", "best1", "top+1", "top00000000000000000000",
        "top4294967296x", "top99999999999999999999-"})
    EXPECT_EQ(order_of(*snapshot, std::string(label) + ".nearest.of.web.internal", 1), "NXDOMAIN")
        << label;
}

// fly.md: clients of `regions` read the first character-string and no other.
TEST(TextLists, RegionsAreOneString) {
  World world;
  auto region = [](std::uint64_t i) {
    return std::string{'r', static_cast<char>('a' + i / 26), static_cast<char>('a' + i % 26)};
  };
  auto regions_of = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      HostId host{0x00b00000 + static_cast<std::uint32_t>(i)};
      world.add_host(host, region(i), HostStatus::kAlive, std::nullopt);
      world.add(kAcme, {0x2000 + i, "far" + std::to_string(count), host});
    }
    return ask(*world.snapshot(), "regions.far" + std::to_string(count) + ".internal", kTypeTxt);
  };
  auto text_of = [](const Answer& answer) {
    return std::get<Text>(answer.answers.at(0).rdata).value;
  };
  auto whole = regions_of(64);  // three letters and a comma: 255 bytes
  EXPECT_EQ(text_of(whole).size(), 255U);
  EXPECT_FALSE(whole.list_cut);
  auto cut = regions_of(65);
  EXPECT_EQ(text_of(cut), text_of(whole));
  EXPECT_TRUE(cut.list_cut);
  EXPECT_TRUE(cut.extended_error);
}

TEST(TextLists, LoseWholeEntriesBeyondAMessage) {
  World world;
  for (std::uint64_t id = 0; id < 1000; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  auto answer = ask(*world.snapshot(), "_instances.internal", kTypeTxt);
  ASSERT_EQ(answer.answers.size(), 1U);
  const auto& text = std::get<Text>(answer.answers[0].rdata).value;
  EXPECT_LE(text.size(), kMaxTextBytes);
  EXPECT_GT(text.size(), kMaxTextBytes - 200);
  EXPECT_TRUE(text.ends_with(",region=iad"));
  EXPECT_TRUE(answer.list_cut);
  EXPECT_TRUE(answer.extended_error);
}

}  // namespace
}  // namespace sixpn::dns::testing
