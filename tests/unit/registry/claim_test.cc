#include "registry/core/claim.h"

#include <gtest/gtest.h>

#include "tests/sim/enrolled_host.h"

namespace sixpn::registry {
namespace {

const SigningKey kKey(sim::labelled_secret("claims"));
const Claim kClaim{HostStatus::kSuspected, HostId{0x20001}, 0x1234567890ULL, HostId{0x20002}};

TEST(Claim, HoldsForExactlyWhatWasSigned) {
  auto signature = sign_claim(kClaim, kKey);
  EXPECT_TRUE(verify_claim(kClaim, signature, kKey.public_key()));
  for (int part = 0; part < 4; ++part) {
    Claim other = kClaim;
    if (part == 0) other.what = HostStatus::kLeft;
    if (part == 1) other.host.value ^= 1;
    if (part == 2) other.incarnation ^= std::uint64_t{1} << 40;
    if (part == 3) other.by.value ^= 1U << 31;
    EXPECT_FALSE(verify_claim(other, signature, kKey.public_key())) << part;
  }
  EXPECT_FALSE(
      verify_claim(kClaim, signature, SigningKey(sim::labelled_secret("other")).public_key()));
  EXPECT_FALSE(verify_claim(kClaim, Signature{}, kKey.public_key()));
}

// A signature under the same 17 bytes of another kind of statement is no claim.
TEST(Claim, IsSignedInItsOwnDomain) {
  auto signature = sign_claim(kClaim, kKey);
  std::string body("\x02\x00\x02\x00\x01\x00\x00\x00\x12\x34\x56\x78\x90\x00\x02\x00\x02", 17);
  EXPECT_TRUE(verify(kKey.public_key(), std::string("sixpn claim v1") + '\0' + body, signature));
  EXPECT_FALSE(verify_claim(kClaim, kKey.sign(body), kKey.public_key()));
  EXPECT_FALSE(verify_claim(kClaim, kKey.sign(std::string("sixpn record v1") + '\0' + body),
                            kKey.public_key()));
}

}  // namespace
}  // namespace sixpn::registry
