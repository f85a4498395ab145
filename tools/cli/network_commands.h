// `sixpn dig` and `sixpn ping`: names and paths as machines see them, asked from this host.
#pragma once

#include <string>

#include "base/time.h"
#include "tools/cli/command.h"

namespace sixpn::cli {

struct DigOptions {
  std::string name;
  std::string type = "AAAA";
  std::string org;
  std::string network;
  bool brief = false;  // --short
};
CommandResult dig(CommandContext& context, const DigOptions& options);

struct PingCommandOptions {
  std::string target;  // a name, an address, or the name of a host
  unsigned count = 4;
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(2);
  std::string org;
  std::string network;
};
// kFailure when an address never answered.
CommandResult ping_target(CommandContext& context, const PingCommandOptions& options);

}  // namespace sixpn::cli
