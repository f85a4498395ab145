#include "machine/core/shim_spec.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace sixpn::machine {
namespace {

ShimSpec full() {
  return {.hostname = "148e21dad76789",
          .netns_path = "/run/netns/148e21dad76789",
          .folder = "/var/lib/sixpn/machines/148e21dad76789",
          .resolv_conf = "nameserver fdaa::3\n",
          .hosts = "",
          .log_path = "/var/lib/sixpn/machines/148e21dad76789/log",
          .cwd = "/srv",
          .uid = 4294967294,
          .gid = 33,
          .groups = {33, 44},
          .command = {"sh", "-c", "", "\xff\xfe"},
          .env = {"A=1", "B=\n"}};
}

TEST(ShimSpec, RoundTrips) {
  auto decoded = decode_shim_spec(encode(full()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, full());
}

TEST(ShimSpec, EveryPrefixIsRefusedOrWhole) {
  auto bytes = encode(full());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    auto decoded = decode_shim_spec(std::string_view(bytes).substr(0, length));
    if (decoded) {
      EXPECT_FALSE(decoded->command.empty());
      EXPECT_EQ(encode(*decoded).size(), length);
    }
  }
}

TEST(ShimSpec, SaysWhatIsWrong) {
  EXPECT_EQ(decode_shim_spec("").error().message, "not a machine for this version of sixpn-shim");
  std::string magic("sixpn-shim 1\0", 13);
  EXPECT_EQ(decode_shim_spec(magic).error().message, "the machine's description has no command");
  EXPECT_EQ(decode_shim_spec(magic + std::string("uid\0x\0", 6)).error().message,
            "the machine's description has a bad uid");
  EXPECT_EQ(decode_shim_spec(magic + std::string("new\0x\0", 6)).error().message,
            "the machine's description has a bad new");
  EXPECT_EQ(decode_shim_spec(magic + std::string("arg\0x", 5)).error().message,
            "the machine's description is cut short");
}

TEST(ShimSpec, NoiseNeverCrashes) {
  Rng rng(11);
  auto bytes = encode(full());
  for (int i = 0; i < 20000; ++i) {
    auto noisy = bytes;
    for (int flips = 0; flips < 3; ++flips)
      noisy[rng.below(noisy.size())] = static_cast<char>(rng.below(256));
    if (auto decoded = decode_shim_spec(noisy)) {
      EXPECT_FALSE(decoded->command.empty());
    }
  }
}

}  // namespace
}  // namespace sixpn::machine
