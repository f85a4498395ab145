// What a host that does not hold all machines says beside an answer that would look whole.
#pragma once

#include <string>

#include "tools/cli/command.h"

namespace sixpn::cli {

// Asks the agent, and writes to context.err which networks' machines are missing here; nothing when
// all are held. False when no agent answers.
bool note_unheld(CommandContext& context);

}  // namespace sixpn::cli
