// Times as people read them in messages: "2026-09-21 14:13:20 UTC". Pure; std only.
#pragma once

#include <string>

#include "base/time.h"

namespace sixpn::mesh {

std::string format_utc(WallTime time);

// A length of time in its largest fitting unit, rounded down: "45 seconds", "13 minutes", "3 days".
std::string format_span(std::chrono::milliseconds span);

}  // namespace sixpn::mesh
