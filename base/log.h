// Logs: one line per event on standard error, `LEVEL room: sentence`, with the time when a terminal
// or no journal reads it. A function logs an error or returns it, never both; cores do not log.
// Thread safe. set_level may be called at any time.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace sixpn::log {

enum class Level { kDebug, kInfo, kWarn, kError };

void set_level(Level level);
bool enabled(Level level);
// Adds `name` to every line; for several agents on one terminal. Call before threads start.
void set_process_name(std::string_view name);
void write(Level level, std::string_view room, std::string_view sentence);

template <class... Args>
void debug(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, room, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo))
    write(Level::kInfo, room, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarn))
    write(Level::kWarn, room, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, room, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sixpn::log
