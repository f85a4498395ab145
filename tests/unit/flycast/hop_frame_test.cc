#include "flycast/core/hop_frame.h"

#include <gtest/gtest.h>

#include <vector>

namespace sixpn::flycast {
namespace {

std::string frame(const std::string& body) {
  return std::string{'F', 1, 0, static_cast<char>(body.size())} + body;
}

// What it reads of `bytes`, given in parts of `size`.
std::vector<std::string> read(std::string_view bytes, std::size_t size) {
  std::vector<std::string> bodies;
  HopFrame reader;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    std::string_view part = bytes.substr(0, size);
    while (!part.empty())
      if (auto body = reader.take(part)) {
        EXPECT_TRUE(*body);
        bodies.push_back(**body);
      }
  }
  EXPECT_TRUE(reader.untouched());
  return bodies;
}

TEST(HopFrame, ReadsOneAfterTheOtherHoweverTheyAreCut) {
  std::string bytes = frame("one") + frame("b") + frame(std::string(100, 'c'));
  std::vector<std::string> bodies{"one", "b", std::string(100, 'c')};
  for (std::size_t size = 1; size <= bytes.size(); ++size) EXPECT_EQ(read(bytes, size), bodies);
}

TEST(HopFrame, LeavesWhatIsBehind) {
  std::string bytes = frame("one") + "the request";
  std::string_view left = bytes;
  HopFrame reader;
  auto body = reader.take(left);
  ASSERT_TRUE(body && *body);
  EXPECT_EQ(**body, "one");
  EXPECT_EQ(left, "the request");
}

TEST(HopFrame, SaysHowMuchIsMissing) {
  HopFrame reader;
  EXPECT_TRUE(reader.untouched());
  EXPECT_EQ(reader.missing(), kFrameHeaderBytes);
  std::string bytes = frame("12345");
  std::string_view some = std::string_view(bytes).substr(0, 3);
  EXPECT_FALSE(reader.take(some));
  EXPECT_FALSE(reader.untouched());
  EXPECT_EQ(reader.missing(), 1u);
  some = std::string_view(bytes).substr(3, 2);
  EXPECT_FALSE(reader.take(some));
  EXPECT_EQ(reader.missing(), 4u);
}

TEST(HopFrame, RefusesWhatIsNone) {
  std::string noise = "GET / HTTP/1.1";
  std::string too_long{'F', 1, 2, 1};  // 513 bytes
  for (std::string_view bytes : {std::string_view(noise), std::string_view(too_long)}) {
    HopFrame reader;
    auto body = reader.take(bytes);
    ASSERT_TRUE(body);
    EXPECT_FALSE(*body);
    EXPECT_NE(body->error().message, "");
  }
}

}  // namespace
}  // namespace sixpn::flycast
