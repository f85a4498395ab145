#include "mesh/core/utc.h"

#include <cstdio>

namespace sixpn::mesh {

std::string format_utc(WallTime time) {
  using std::chrono::floor;
  auto since = time.time_since_epoch();
  auto days = floor<std::chrono::days>(since);
  std::chrono::year_month_day date{std::chrono::sys_days(days)};
  std::chrono::hh_mm_ss clock(floor<std::chrono::seconds>(since - days));
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d UTC",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::string format_span(std::chrono::milliseconds span) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  std::int64_t seconds = span.count() / 1000;
  for (const Unit& unit : kUnits) {
    std::int64_t count = seconds / unit.seconds;
    if (count == 0 && unit.seconds > 1) continue;
    return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
  }
  return {};
}

}  // namespace sixpn::mesh
