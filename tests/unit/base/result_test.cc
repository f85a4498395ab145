#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace sixpn {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error("odd number");
  return n / 2;
}

TEST(Result, CarriesValueOrError) {
  EXPECT_EQ(*half(4), 2);
  EXPECT_EQ(half(3).error().message, "odd number");
}

TEST(Result, ErrorsGainContext) {
  auto failed = half(3).within("halving 3");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "halving 3: odd number");
}

TEST(Result, KeepsErrno) {
  auto error = Error::from_errno("opening x", ENOENT);
  EXPECT_EQ(error.message, "opening x: No such file or directory");
  EXPECT_EQ(error.code, ENOENT);
}

TEST(Result, MovesOnlyTypesThrough) {
  Result<std::unique_ptr<int>> made(std::make_unique<int>(7));
  auto owned = std::move(made).value();
  EXPECT_EQ(*owned, 7);
}

}  // namespace
}  // namespace sixpn
