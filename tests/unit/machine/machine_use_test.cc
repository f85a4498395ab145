#include "machine/core/machine_use.h"

#include <gtest/gtest.h>

namespace sixpn::machine {
namespace {

using std::chrono::microseconds;

TEST(MachineUse, IsReadFromCpuStat) {
  EXPECT_EQ(parse_cpu_stat("usage_usec 30\nuser_usec 20\nsystem_usec 10\nnice_usec 0\n"),
            (CpuUse{microseconds(20), microseconds(10)}));
  EXPECT_EQ(parse_cpu_stat("system_usec 0\nuser_usec 9223372036854775807"),
            (CpuUse{microseconds(9223372036854775807), microseconds(0)}));
}

TEST(MachineUse, NothingFromOtherTexts) {
  for (const char* text : {"", "\n", "user_usec 1\n", "system_usec 1\n", "user_usec\nsystem_usec\n",
                           "user_usec x\nsystem_usec 1\n", "user_usec 1 2\nsystem_usec 1\n",
                           "user_usec -1\nsystem_usec 1\n", "user_usecs 1\nsystem_usec 1\n",
                           "user_usec 9223372036854775808\nsystem_usec 1\n"})
    EXPECT_FALSE(parse_cpu_stat(text)) << text;
}

}  // namespace
}  // namespace sixpn::machine
