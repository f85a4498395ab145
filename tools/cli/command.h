// What every command of `sixpn` gets and gives back. A command is a plain function of a context and
// its options; the parser (parser.cc) fills the options, main turns the result into an exit code.
#pragma once

#include <ostream>
#include <string>

#include "base/result.h"

namespace sixpn::cli {

enum class ExitCode { kOk = 0, kFailure = 1, kUsage = 2, kUnreachable = 3 };

// Error::code of this program's own errors, outside errno's range; every other code is a plain
// failure.
inline constexpr int kUsageError = 1'000'002;        // exit 2
inline constexpr int kUnreachableError = 1'000'003;  // exit 3: no agent answers

ExitCode exit_code_of(const Error& error);

struct CommandContext {
  std::string socket_path;
  bool json = false;
  std::ostream& out;  // what was asked for
  std::ostream& err;  // what a person may want to know beside it
};

// The command's exit code where it is more than done or failed (`ping` without a reply).
using CommandResult = Result<ExitCode>;

}  // namespace sixpn::cli
