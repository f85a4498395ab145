#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace sixpn::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// The journal stamps lines itself (JOURNAL_STREAM is set by systemd), so ours carry no time there.
const char* pattern() {
  // Read once, before any thread starts.
  return std::getenv("JOURNAL_STREAM") != nullptr  // NOLINT(concurrency-mt-unsafe)
             ? "%l %n%v"
             : "%Y-%m-%dT%H:%M:%S.%eZ %l %n%v";
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto made = std::make_shared<spdlog::logger>("", sink);
    made->set_pattern(pattern(), spdlog::pattern_time_type::utc);
    return made;
  }();
  return instance;
}

}  // namespace

void set_level(Level level) {
  logger()->set_level(to_spdlog(level));
}

bool enabled(Level level) {
  return logger()->should_log(to_spdlog(level));
}

void set_process_name(std::string_view name) {
  auto renamed = logger()->clone(std::string(name) + " ");
  renamed->set_pattern(pattern(), spdlog::pattern_time_type::utc);
  logger() = renamed;
}

void write(Level level, std::string_view room, std::string_view sentence) {
  logger()->log(to_spdlog(level), "{}: {}", room, sentence);
}

}  // namespace sixpn::log
