#include "tools/cli/units.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <string_view>

namespace sixpn::cli {

std::string format_age(std::int64_t seconds) {
  constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  if (seconds < kMinute) return fmt::format("{}s", seconds < 0 ? 0 : seconds);
  if (seconds < kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < kDay) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}d", seconds / kDay);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would print as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_milliseconds(std::int64_t micros) {
  double value = static_cast<double>(micros) / 1000;
  if (micros < 10'000) return fmt::format("{:.3f} ms", value);
  if (micros < 100'000) return fmt::format("{:.1f} ms", value);
  return fmt::format("{:.0f} ms", value);
}

std::string format_utc(std::int64_t unix_milliseconds) {
  std::time_t seconds = unix_milliseconds / 1000;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "?";
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

}  // namespace sixpn::cli
