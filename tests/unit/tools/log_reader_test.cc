#include "tools/cli/log_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace sixpn::cli {
namespace {

class LogReader : public testing::Test {
 protected:
  LogReader() {
    char pattern[] = "/tmp/sixpn-log-XXXXXX";
    folder_ = mkdtemp(pattern);
    path_ = folder_ + "/log";
  }
  ~LogReader() override { std::filesystem::remove_all(folder_); }

  std::string tail(const std::string& content, std::int64_t lines) {
    std::ofstream(path_, std::ios::binary) << content;
    std::ostringstream out;
    auto printed = print_log(path_, lines, out);
    EXPECT_TRUE(printed);
    return out.str();
  }

  std::string folder_;
  std::string path_;
};

TEST_F(LogReader, WholeFile) {
  EXPECT_EQ(tail("a\nb\nc", -1), "a\nb\nc");
  EXPECT_EQ(tail("", -1), "");
}

TEST_F(LogReader, LastLines) {
  EXPECT_EQ(tail("a\nb\nc\n", 1), "c\n");
  EXPECT_EQ(tail("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(tail("a\nb\nc\n", 3), "a\nb\nc\n");
  EXPECT_EQ(tail("a\nb\nc\n", 99), "a\nb\nc\n");
  EXPECT_EQ(tail("a\nb\nc", 1), "c");
  EXPECT_EQ(tail("a\nb\n\n", 1), "\n");
  EXPECT_EQ(tail("\n\n", 1), "\n");
  EXPECT_EQ(tail("a\n", 0), "");
  EXPECT_EQ(tail("", 3), "");
}

// Lines that begin and end on both sides of the blocks that are read.
TEST_F(LogReader, LastLinesAcrossBlocks) {
  for (std::size_t length : {65535u, 65536u, 65537u, 200000u}) {
    std::string last(length, 'x');
    EXPECT_EQ(tail("first\n" + last + "\n", 1), last + "\n") << length;
    EXPECT_EQ(tail("first\n" + last + "\n", 2), "first\n" + last + "\n") << length;
  }
}

TEST_F(LogReader, SaysWhyItCannotBeRead) {
  std::ostringstream out;
  EXPECT_EQ(print_log(path_, -1, out).error().message, path_ + ": No such file or directory");
}

}  // namespace
}  // namespace sixpn::cli
