// Order is behaviour: most clients use the first address only.
#include "dns/core/selection.h"

#include <gtest/gtest.h>

#include <set>

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
  EXPECT_EQ(order_of(*snapshot, "top4294967295.nearest.of.web.internal", 1), "a1 a2 a3 a4");
  for (const char* label : {"top", "top0", "top01", "top-1", "top1x", "top4294967296", "best1"})
    EXPECT_EQ(order_of(*snapshot, std::string(label) + ".nearest.of.web.internal", 1), "NXDOMAIN")
        << label;
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
