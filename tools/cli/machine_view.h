// Machines as text. Pure: JSON of docs/api.md in, text out.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cli/json_view.h"

namespace sixpn::cli {

// `now_ms` is Unix time, for ages.
std::string machines_text(JsonView machines, std::int64_t now_ms);
std::string machine_text(JsonView machine, std::int64_t now_ms);

// The checks of machines, as `fly checks list` shows them: of this host with their output, of other
// hosts the worst.
std::string checks_text(JsonView machines, std::int64_t now_ms);

// "started", "stopped (exit 3)", "started (host down)".
std::string machine_state(JsonView machine);

}  // namespace sixpn::cli
