// Runs a program to its end: input given whole, output collected, within a time limit. For
// short-lived programs only (nft, and wireguard-go, which leaves a daemon behind). Blocks the
// calling loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sixpn::mesh {

struct ProgramOutput {
  int exit_code = 0;
  std::string out;
  std::string err;
};

inline constexpr std::size_t kMaxProgramOutput = 64 << 20;

// argv[0] is looked up in PATH. The child has no descriptors but its three standard ones, an empty
// signal mask, its own session and / as directory: a daemon that it leaves is not tied to us.
// Errors: not found (code ENOENT), killed by a signal, not done within `limit` (then it is killed).
Result<ProgramOutput> run_program(const std::vector<std::string>& argv, std::string_view input,
                                  Duration limit);

}  // namespace sixpn::mesh
