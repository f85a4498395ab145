// Commands about the registry itself. `registry sql` reads the agent's database and needs no agent.
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

}  // namespace sixpn::cli
