#include "flycast/core/silent_hops.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

TEST(SilentHops, TheOldestOfTheSameHostGivesWay) {
  SilentHops silent(2);
  HostId noisy{1};
  HostId quiet{2};
  EXPECT_FALSE(silent.add(noisy, 1));
  EXPECT_FALSE(silent.add(quiet, 2));
  EXPECT_FALSE(silent.add(noisy, 3));
  EXPECT_EQ(silent.add(noisy, 4), 1u);
  EXPECT_EQ(silent.add(noisy, 5), 3u);
  EXPECT_EQ(silent.waiting(noisy), 2u);
  EXPECT_EQ(silent.waiting(quiet), 1u);
}

TEST(SilentHops, ThoseThatSpokeMakeRoom) {
  SilentHops silent(2);
  HostId host{1};
  silent.add(host, 1);
  silent.add(host, 2);
  silent.remove(host, 1);
  EXPECT_FALSE(silent.add(host, 3));
  silent.remove(host, 2);
  silent.remove(host, 3);
  silent.remove(host, 3);
  EXPECT_EQ(silent.waiting(host), 0u);
}

}  // namespace
}  // namespace sixpn::flycast
