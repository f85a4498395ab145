// Commands about the registry itself. `registry sql` reads the agent's database and needs no agent;
// `registry watch` asks it.
#pragma once

#include <string>

#include "base/time.h"
#include "tools/cli/command.h"

namespace sixpn::cli {

struct RegistrySqlOptions {
  std::string sql;  // "-" or "": read from standard input
  std::string state_dir;
  std::size_t limit = 0;  // rows
  Duration timeout{};
};
CommandResult query_registry(CommandContext& context, const RegistrySqlOptions& options);

struct RegistryWatchOptions {
  std::string network;  // by name or id; "": all
  std::string org;
  std::string from;  // the cursor of an earlier watch
};
// Prints changes until it is interrupted or the agent ends it; a line per change, or, with --json,
// the agent's own lines.
CommandResult watch_registry(CommandContext& context, const RegistryWatchOptions& options);

}  // namespace sixpn::cli
