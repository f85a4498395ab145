// Prints a machine's log file, its end, and what is appended to it. Blocking; following waits for
// the kernel's notice (inotify), not for time.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "base/result.h"

namespace sixpn::cli {

// The last `lines` lines; negative: the whole file. Errors: no such file, unreadable.
Result<void> print_log(const std::string& path, std::int64_t lines, std::ostream& out);

// The same, and then everything that is appended: also to the file that takes its place, when the
// log is rotated, and from the new beginning when it is cut. Ends when its folder is renamed, with
// which the agent begins to remove a machine, or when `out` fails. Errors: as print_log, and no
// inotify.
Result<void> follow_log(const std::string& path, std::int64_t lines, std::ostream& out);

}  // namespace sixpn::cli
