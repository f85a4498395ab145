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
  std::string as;         // a machine or a peer; "": the host itself
  bool reverse = false;   // -x: `name` is an address
  bool brief = false;     // --short
  bool explain = false;   // what is behind the answer
  bool own_only = false;  // of a foreign name only that it is one: nobody is asked
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
