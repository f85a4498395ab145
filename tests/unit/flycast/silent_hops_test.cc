#include "flycast/core/silent_hops.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using Sessions = std::vector<SessionId>;
constexpr std::size_t kMuch = 1000;
constexpr auto all_may_go = [](SessionId) { return true; };

TEST(SilentHops, TheOldestOfTheSameHostGivesWay) {
  SilentHops silent(2);
  HostId noisy{1};
  HostId quiet{2};
  EXPECT_EQ(silent.add(noisy, 1, kMuch, all_may_go), Sessions{});
  EXPECT_EQ(silent.add(quiet, 2, kMuch, all_may_go), Sessions{});
  EXPECT_EQ(silent.add(noisy, 3, kMuch, all_may_go), Sessions{});
  EXPECT_EQ(silent.add(noisy, 4, kMuch, all_may_go), Sessions{1});
  EXPECT_EQ(silent.add(noisy, 5, kMuch, all_may_go), Sessions{3});
  EXPECT_EQ(silent.waiting(noisy), 2u);
  EXPECT_EQ(silent.waiting(quiet), 1u);
}

TEST(SilentHops, ThoseThatSpokeMakeRoom) {
  SilentHops silent(2);
  HostId host{1};
  silent.add(host, 1, kMuch, all_may_go);
  silent.add(host, 2, kMuch, all_may_go);
  silent.remove(host, 1);
  EXPECT_EQ(silent.add(host, 3, kMuch, all_may_go), Sessions{});
  silent.remove(host, 2);
  silent.remove(host, 3);
  silent.remove(host, 3);
  EXPECT_EQ(silent.waiting(host), 0u);
}

// What idle links hold is given back as room gets scarce, and one may always ask.
TEST(SilentHops, TheyHoldAnEighthOfWhatIsLeft) {
  SilentHops silent(128);
  HostId host{1};
  for (SessionId id = 1; id <= 10; ++id)
    EXPECT_EQ(silent.add(host, id, kMuch, all_may_go), Sessions{});
  EXPECT_EQ(silent.add(host, 11, 9 * SilentHops::kPart, all_may_go), (Sessions{1, 2}));
  EXPECT_EQ(silent.add(host, 12, 3 * SilentHops::kPart + 1, all_may_go),
            (Sessions{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(silent.add(host, 13, 0, all_may_go), (Sessions{10, 11, 12}));
  EXPECT_EQ(silent.waiting(host), 1u);
}

// Their preamble is here and not read yet: refused, they would take this host for a broken one.
TEST(SilentHops, WhoHasSpokenIsSpared) {
  SilentHops silent(2);
  HostId host{1};
  auto not_even = [](SessionId id) { return id % 2 != 0; };
  EXPECT_EQ(silent.add(host, 2, kMuch, not_even), Sessions{});
  EXPECT_EQ(silent.add(host, 3, kMuch, not_even), Sessions{});
  EXPECT_EQ(silent.add(host, 4, kMuch, not_even), Sessions{});
  EXPECT_EQ(silent.add(host, 5, kMuch, not_even), Sessions{3});
  EXPECT_EQ(silent.waiting(host), 3u);
  EXPECT_EQ(silent.add(host, 6, kMuch, all_may_go), (Sessions{2, 4}));
}

}  // namespace
}  // namespace sixpn::flycast
