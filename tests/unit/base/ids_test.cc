#include "base/ids.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

TEST(Ids, PrintWithFixedWidth) {
  EXPECT_EQ(to_string(HostId{0xa7b007d}), "0a7b007d");
  EXPECT_EQ(to_string(MachineId{0x148e21dad76789}), "148e21dad76789");
  EXPECT_EQ(to_string(MachineId{1}), "00000000000001");
}

TEST(Ids, ParseOnlyWhatIsPrinted) {
  EXPECT_EQ(parse_machine_id("148e21dad76789"), MachineId{0x148e21dad76789});
  EXPECT_EQ(parse_host_id("0A7B007D"), HostId{0x0a7b007d});
  for (const char* text :
       {"", "148e21dad7678", "148e21dad767890", "148e21dad7678g", "+48e21dad76789"})
    EXPECT_EQ(parse_machine_id(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sixpn
