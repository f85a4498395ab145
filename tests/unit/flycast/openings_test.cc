#include "flycast/io/openings.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

TEST(Openings, TheNextGoesWhereFewestAre) {
  Openings openings(3);
  EXPECT_EQ(openings.fewest(), 0u) << "the first among equals";
  openings.add(0, 1);
  EXPECT_EQ(openings.fewest(), 1u);
  openings.add(1, 2);
  openings.add(2, 1);
  EXPECT_EQ(openings.fewest(), 0u);
  openings.add(0, 5);
  EXPECT_EQ(openings.fewest(), 2u);
  EXPECT_EQ(openings.total(), 9u);
  openings.remove(0, 6);
  EXPECT_EQ(openings.fewest(), 0u);
  EXPECT_EQ(openings.total(), 3u);
}

}  // namespace
}  // namespace sixpn::flycast
