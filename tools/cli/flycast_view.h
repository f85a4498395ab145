// Flycast as a person reads it: the agent's JSON to tables. Pure.
#pragma once

#include <string>

#include "tools/cli/json_view.h"

namespace sixpn::cli {

std::string flycast_status_text(JsonView status);
std::string flycast_explain_text(JsonView explanation);

}  // namespace sixpn::cli
