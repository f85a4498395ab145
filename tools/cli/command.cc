#include "tools/cli/command.h"

namespace sixpn::cli {

ExitCode exit_code_of(const Error& error) {
  if (error.code == kUsageError) return ExitCode::kUsage;
  if (error.code == kUnreachableError) return ExitCode::kUnreachable;
  return ExitCode::kFailure;
}

}  // namespace sixpn::cli
