#include "mesh/core/utc.h"

#include <gtest/gtest.h>

namespace sixpn::mesh {
namespace {

TEST(Utc, FormatsTimes) {
  EXPECT_EQ(format_utc(from_unix_ms(0)), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(format_utc(from_unix_ms(1'790'000'000'999)), "2026-09-21 14:13:20 UTC");
  EXPECT_EQ(format_utc(from_unix_ms(-1)), "1969-12-31 23:59:59 UTC");
  EXPECT_EQ(format_utc(from_unix_ms(951'782'400'000)), "2000-02-29 00:00:00 UTC");
}

TEST(Utc, FormatsSpans) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_span(milliseconds(999)), "0 seconds");
  EXPECT_EQ(format_span(milliseconds(1000)), "1 second");
  EXPECT_EQ(format_span(std::chrono::seconds(119)), "1 minute");
  EXPECT_EQ(format_span(std::chrono::minutes(60)), "1 hour");
  EXPECT_EQ(format_span(std::chrono::hours(49)), "2 days");
}

}  // namespace
}  // namespace sixpn::mesh
