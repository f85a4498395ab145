#include "mesh/core/device_counters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace sixpn::mesh {
namespace {

// Eight columns of what came, eight of what went: bytes, packets, errors, dropped, and four more.
constexpr std::size_t kColumns = 16;
constexpr std::size_t kSent = 8;
using Columns = std::array<std::uint64_t, kColumns>;

bool read_columns(std::string_view text, Columns& columns) {
  for (std::uint64_t& column : columns) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), column);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  return true;
}

DeviceCount count_at(const Columns& columns, std::size_t first) {
  return {columns[first], columns[first + 1], columns[first + 2], columns[first + 3]};
}

}  // namespace

CountersByDevice parse_device_counters(std::string_view text) {
  CountersByDevice out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line.substr(0, colon);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    Columns columns{};
    if (name.empty() || !read_columns(line.substr(colon + 1), columns)) continue;
    out[std::string(name)] = {count_at(columns, 0), count_at(columns, kSent)};
  }
  return out;
}

}  // namespace sixpn::mesh
