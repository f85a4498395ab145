#include "flycast/core/log_gate.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

TEST(LogGate, OneLinePerIntervalAndACountOfTheRest) {
  LogGate gate(seconds(5));
  EXPECT_EQ(gate.pass(kStart), 0u);
  EXPECT_FALSE(gate.pass(kStart + seconds(1)));
  EXPECT_FALSE(gate.pass(kStart + seconds(4)));
  EXPECT_EQ(gate.pass(kStart + seconds(5)), 2u);
  EXPECT_EQ(gate.pass(kStart + seconds(10)), 0u);
}

}  // namespace
}  // namespace sixpn::flycast
