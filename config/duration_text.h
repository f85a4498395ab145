// Durations as people write them in configuration files and on the command line: see
// base/duration_text.h.
#pragma once

#include "base/duration_text.h"

namespace sixpn::config {

using sixpn::parse_duration;
using sixpn::to_string;

}  // namespace sixpn::config
