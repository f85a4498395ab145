// sixpn: the command line. Parses, runs one command, and turns its outcome into an exit code: 0
// done, 1 failed, 2 usage, 3 no agent answers. Everything else is in tools/cli.
#include <iostream>

#include "tools/cli/parser.h"

namespace {

using sixpn::cli::CommandContext;
using sixpn::cli::ExitCode;
using sixpn::cli::Invocation;

ExitCode run(const Invocation& invocation) {
  CommandContext context{invocation.socket_path, invocation.json, std::cout, std::cerr};
  sixpn::cli::CommandResult result = invocation.command(context);
  std::cout.flush();
  if (!result) {
    std::cerr << "sixpn: " << result.error().message << "\n";
    return sixpn::cli::exit_code_of(result.error());
  }
  if (!std::cout.good()) {
    std::cerr << "sixpn: the output could not be written\n";
    return ExitCode::kFailure;
  }
  return *result;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  auto parsed = sixpn::cli::parse_command_line(arguments, std::cout, std::cerr);
  if (const auto* exit_code = std::get_if<ExitCode>(&parsed)) return static_cast<int>(*exit_code);
  return static_cast<int>(run(std::get<Invocation>(parsed)));
}
