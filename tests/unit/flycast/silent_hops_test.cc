#include "flycast/core/silent_hops.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using Sessions = std::vector<SessionId>;
constexpr std::size_t kMuch = 1000;

TEST(SilentHops, TheOldestOfTheSameHostGivesWay) {
  SilentHops silent(2);
  HostId noisy{1};
  HostId quiet{2};
  EXPECT_EQ(silent.add(noisy, 1, kMuch), Sessions{});
  EXPECT_EQ(silent.add(quiet, 2, kMuch), Sessions{});
  EXPECT_EQ(silent.add(noisy, 3, kMuch), Sessions{});
  EXPECT_EQ(silent.add(noisy, 4, kMuch), Sessions{1});
  EXPECT_EQ(silent.add(noisy, 5, kMuch), Sessions{3});
  EXPECT_EQ(silent.waiting(noisy), 2u);
  EXPECT_EQ(silent.waiting(quiet), 1u);
}

TEST(SilentHops, ThoseThatSpokeMakeRoom) {
  SilentHops silent(2);
  HostId host{1};
  silent.add(host, 1, kMuch);
  silent.add(host, 2, kMuch);
  silent.remove(host, 1);
  EXPECT_EQ(silent.add(host, 3, kMuch), Sessions{});
  silent.remove(host, 2);
  silent.remove(host, 3);
  silent.remove(host, 3);
  EXPECT_EQ(silent.waiting(host), 0u);
}

// What idle links hold is given back as room gets scarce, and one may always ask.
TEST(SilentHops, TheyHoldAnEighthOfWhatIsLeft) {
  SilentHops silent(128);
  HostId host{1};
  for (SessionId id = 1; id <= 10; ++id) EXPECT_EQ(silent.add(host, id, kMuch), Sessions{});
  EXPECT_EQ(silent.add(host, 11, 9 * SilentHops::kPart), (Sessions{1, 2}));
  EXPECT_EQ(silent.add(host, 12, 3 * SilentHops::kPart + 1), (Sessions{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(silent.add(host, 13, 0), (Sessions{10, 11, 12}));
  EXPECT_EQ(silent.waiting(host), 1u);
}

}  // namespace
}  // namespace sixpn::flycast
