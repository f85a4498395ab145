// Durations as people write them in configuration files and on the command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace sixpn {

// One or more numbers with units, as Go prints them and fly.toml uses them: "5s", "1m30s", "250ms",
// "1.5h"; days too ("7d"). Units: us, ms, s, m, h, d. Nothing for anything else, a sign, or
// overflow.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest exact form that parse_duration reads back: "1m30s", "250ms", "0s".
std::string to_string(Duration duration);

}  // namespace sixpn
