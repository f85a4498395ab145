#include "base/duration_text.h"

#include <gtest/gtest.h>

namespace sixpn {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(DurationText, ThatAreValid) {
  const std::pair<const char*, Duration> cases[] = {
      {"5s", seconds(5)},
      {"0s", Duration(0)},
      {"250ms", milliseconds(250)},
      {"1m30s", seconds(90)},
      {"1.5h", minutes(90)},
      {"24h", hours(24)},
      {"7d", hours(168)},
      {"0.000001s", microseconds(1)},
      {"1.25ms", microseconds(1250)},
      {"1h0m0s", hours(1)},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_duration(text), expected) << text;
}

TEST(DurationText, ThatAreNot) {
  for (const char* text : {"", "5", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "1.s", ".5s", "1.2.3s",
                           "5x", "5sec", "99999999999999999999s", "300000000d", "1e3s", "5S"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(DurationText, PrintAsTheyAreRead) {
  for (const char* text : {"0s", "5s", "1m30s", "250ms", "1d2h3m4s5ms6us", "24us"})
    EXPECT_EQ(to_string(*parse_duration(text)), text);
  EXPECT_EQ(to_string(seconds(90 * 60)), "1h30m");
}

}  // namespace
}  // namespace sixpn
