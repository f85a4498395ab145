// Prints a machine's log file, its end, and what is appended to it. Blocking; following waits for
// the kernel's notice (inotify), not for time, and goes on until the program is interrupted.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "base/result.h"

namespace sixpn::cli {

// `lines` negative: the whole file. A log that was cut (its file became shorter) is followed from
// its new beginning. Errors: no such file, unreadable.
Result<void> print_log(const std::string& path, std::int64_t lines, bool follow, std::ostream& out);

}  // namespace sixpn::cli
