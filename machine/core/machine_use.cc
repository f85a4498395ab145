#include "machine/core/machine_use.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace sixpn::machine {
namespace {

// Of the line "KEY NUMBER", the number in microseconds.
std::optional<Duration> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    line.remove_prefix(key.size() + 1);
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size() || value < 0) return std::nullopt;
    return std::chrono::microseconds(value);
  }
  return std::nullopt;
}

}  // namespace

std::optional<CpuUse> parse_cpu_stat(std::string_view text) {
  auto user = value_of(text, "user_usec");
  auto system = value_of(text, "system_usec");
  if (!user || !system) return std::nullopt;
  return CpuUse{*user, *system};
}

}  // namespace sixpn::machine
