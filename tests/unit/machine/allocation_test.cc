#include "machine/core/allocation.h"

#include <gtest/gtest.h>

#include <set>

#include "registry/core/address.h"
#include "registry/core/machine_id.h"

namespace sixpn::machine {
namespace {

TEST(MachineIdOf, Is56BitsOfItsOwnForEveryAddress) {
  std::set<MachineId> seen;
  std::uint64_t bits = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    auto id = machine_id_of(machine_address(NetworkId(9), HostId(0x20001), kFirstMachineField + i));
    EXPECT_NE(id.value, 0u);
    EXPECT_EQ(to_string(id).size(), 14u);
    EXPECT_TRUE(seen.insert(id).second);
    bits |= id.value;
  }
  EXPECT_EQ(bits, (std::uint64_t{1} << 56) - 1);
}

TEST(AllocateMachineField, StaysAboveTheReservedRowsAndIsUnique) {
  Rng rng(7);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 5000; ++i) {
    auto field = allocate_machine_field(
        rng, [&](std::uint32_t candidate) { return seen.contains(candidate); });
    EXPECT_GE(field, kFirstMachineField);
    EXPECT_TRUE(seen.insert(field).second);
    EXPECT_EQ(classify(machine_address(NetworkId(9), HostId(0x20001), field)),
              AddressKind::kMachine);
  }
  EXPECT_GT(*seen.rbegin(), 0xf0000000u);
}

TEST(MakeUlid, EncodesTheTimeInTheFirstTenDigits) {
  Rng rng(3);
  // The specification's own example: 1469918176385 ms is 01ARYZ6S41.
  EXPECT_EQ(make_ulid(from_unix_ms(1469918176385), rng).substr(0, 10), "01ARYZ6S41");
  EXPECT_EQ(make_ulid(from_unix_ms(0), rng).size(), 26u);
  EXPECT_NE(make_ulid(from_unix_ms(0), rng), make_ulid(from_unix_ms(0), rng));
}

}  // namespace
}  // namespace sixpn::machine
