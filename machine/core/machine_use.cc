#include "machine/core/machine_use.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace sixpn::machine {
namespace {

// The number that `text` begins with, and what stands behind it.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// Of the line "KEY NUMBER", the number in microseconds.
std::optional<Duration> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    line.remove_prefix(key.size() + 1);
    auto value = take_number(line);
    if (!value || !line.empty()) return std::nullopt;
    return std::chrono::microseconds(*value);
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

std::optional<Duration> parse_pressure(std::string_view text) {
  constexpr std::string_view kTotal = " total=";
  std::string_view line = text.substr(0, text.find('\n'));
  auto total = line.find(kTotal);
  if (!line.starts_with("some ") || total == std::string_view::npos) return std::nullopt;
  line.remove_prefix(total + kTotal.size());
  auto value = take_number(line);
  if (!value || !line.empty()) return std::nullopt;
  return std::chrono::microseconds(*value);
}

std::optional<std::uint64_t> parse_statm(std::string_view text) {
  std::array<std::int64_t, 3> numbers{};  // all, resident, shared
  for (std::int64_t& number : numbers) {
    auto value = take_number(text);
    if (!value || !text.starts_with(' ')) return std::nullopt;
    text.remove_prefix(1);
    number = *value;
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(numbers[1] - numbers[2], 0));
}

}  // namespace sixpn::machine
