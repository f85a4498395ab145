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

TEST(MachineUse, IsReadFromPressure) {
  EXPECT_EQ(parse_pressure("some avg10=0.00 avg60=1.50 avg300=0.00 total=5683132740\n"
                           "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"),
            microseconds(5683132740));
  for (const char* text :
       {"", "\n", "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00\n", "some total=", "some total=x", "some total=-1",
        "some total=1 2", "some total=9223372036854775808"})
    EXPECT_FALSE(parse_pressure(text)) << text;
}

TEST(MachineUse, IsReadFromStatm) {
  EXPECT_EQ(parse_statm("5000 1200 200 10 0 900 0\n"), 1000u);
  EXPECT_EQ(parse_statm("5000 200 300 10 0 900 0\n"), 0u) << "read while it changes";
  EXPECT_EQ(parse_statm("0 0 0 0 0 0 0\n"), 0u) << "a process that has ended";
  for (const char* text : {"", "\n", "1", "1 2", "1 2 3", "1 2 x 4", "-1 2 3 4", "1  2 3 4",
                           "1 99999999999999999999 3 4"})
    EXPECT_FALSE(parse_statm(text)) << text;
}

}  // namespace
}  // namespace sixpn::machine
