// The command line of `sixpn`: what is typed becomes a command with its options. The only files
// that include CLI11 are parser*.cc. Usage errors and help are printed here; nothing is run.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "tools/cli/command.h"

namespace sixpn::cli {

struct Invocation {
  std::string socket_path;
  bool json = false;
  std::function<CommandResult(CommandContext&)> command;
};

// What to run; or, when there is nothing to run, the exit code after help (kOk) or a usage error
// (kUsage) was printed. `arguments` without the program's name.
std::variant<Invocation, ExitCode> parse_command_line(const std::vector<std::string>& arguments,
                                                      std::ostream& out, std::ostream& err);

}  // namespace sixpn::cli
