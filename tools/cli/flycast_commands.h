// `sixpn flycast`: what this host's proxy knows, and why a connection goes where it goes.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cli/command.h"

namespace sixpn::cli {

struct FlycastExplainOptions {
  std::string app;
  std::string org;
  std::string network;
  std::string as;          // a machine of this host
  std::uint16_t port = 0;  // external; 0: the app's first service
};

CommandResult show_flycast(CommandContext& context);
CommandResult explain_flycast(CommandContext& context, const FlycastExplainOptions& options);

}  // namespace sixpn::cli
