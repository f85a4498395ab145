#include "mesh/core/device_counters.h"

#include <gtest/gtest.h>

namespace sixpn::mesh {
namespace {

// Linux 6.18.
constexpr const char* kText =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
    "fifo colls carrier compressed\n"
    "    lo: 1000      10    0    0    0     0          0         0     1000      10    0    0    0 "
    "    0       0          0\n"
    "sx22ab5156a1:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";

TEST(DeviceCounters, AreReadByDevice) {
  CountersByDevice wanted;
  wanted["lo"] = {{1000, 10, 0, 0}, {1000, 10, 0, 0}};
  wanted["sx22ab5156a1"] = {{18446744073709551615ULL, 2, 3, 4}, {9, 10, 11, 12}};
  EXPECT_EQ(parse_device_counters(kText), wanted);
}

TEST(DeviceCounters, OtherLinesArePassedOver) {
  for (const char* text :
       {"", "\n", ":", "eth0:", "eth0: 1 2 3", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 x\n",
        "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99999999999999999999\n", "no device at all",
        ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"})
    EXPECT_TRUE(parse_device_counters(text).empty()) << text;
  EXPECT_EQ(parse_device_counters("eth0: 1 2\nlo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1").size(), 1u);
}

}  // namespace
}  // namespace sixpn::mesh
