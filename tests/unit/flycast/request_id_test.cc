#include "flycast/core/request_id.h"

#include <gtest/gtest.h>

#include <set>

namespace sixpn::flycast {
namespace {

// The time part of the ULID specification's own example.
TEST(RequestId, IsAUlidAndARegion) {
  Rng rng(1);
  std::string id = make_request_id(from_unix_ms(1469918176385), rng, "iad");
  ASSERT_EQ(id.size(), kUlidChars + 4);
  EXPECT_EQ(id.substr(0, 10), "01ARYZ6S41");
  EXPECT_EQ(id.substr(kUlidChars), "-iad");
  EXPECT_EQ(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), kUlidChars);
}

TEST(RequestId, OfLaterTimesAreGreater) {
  Rng rng(2);
  std::string before;
  for (std::int64_t ms : {0LL, 1LL, 31LL, 32LL, 1469918176385LL, 0xffffffffffffLL}) {
    std::string id = make_request_id(from_unix_ms(ms), rng, "iad");
    EXPECT_LT(before, id) << ms;
    before = id;
  }
}

TEST(RequestId, OfOneMomentDiffer) {
  Rng rng(3);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(make_request_id(from_unix_ms(5), rng, "fra"));
  EXPECT_EQ(seen.size(), 1000U);
}

}  // namespace
}  // namespace sixpn::flycast
