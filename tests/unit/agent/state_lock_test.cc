#include "agent/state_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sixpn::agent {
namespace {

class StateLockTest : public ::testing::Test {
 protected:
  StateLockTest() {
    std::string pattern = ::testing::TempDir() + "sixpn-lock-XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~StateLockTest() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST_F(StateLockTest, ASecondHolderIsRefusedByName) {
  auto first = StateLock::take(dir_);
  ASSERT_TRUE(first);
  auto second = StateLock::take(dir_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message,
              ::testing::HasSubstr("in use by another agent (process " + std::to_string(getpid())));
}

TEST_F(StateLockTest, IsFreeAgainWhenItsHolderIsGone) {
  { ASSERT_TRUE(StateLock::take(dir_)); }
  EXPECT_TRUE(StateLock::take(dir_));
}

TEST_F(StateLockTest, AFolderThatCannotBeMadeIsNamed) {
  std::ofstream(dir_ + "/file") << "x";
  auto refused = StateLock::take(dir_ + "/file/state");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr(dir_ + "/file/state"));
}

}  // namespace
}  // namespace sixpn::agent
