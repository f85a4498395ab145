// Enters a machine's namespaces and runs a command there, as `sixpn machine exec` does. Called
// last: on success the program becomes the command. Needs root. Single-threaded programs only
// (setns of a mount namespace).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace sixpn::cli {

// The network, mount and host name namespaces of a machine's process, with its environment and
// working directory. `netns_path`, where given, must be the network namespace of the process: a
// process id that was reused since is refused. Returns only on errors.
Error enter_process(pid_t pid, const std::string& netns_path,
                    const std::vector<std::string>& command);

// The network namespace at a path alone: an attached machine, whose files are not ours. Returns
// only on errors.
Error enter_namespace(const std::string& netns_path, const std::vector<std::string>& command);

// The strings of /proc/PID/environ. Pure.
std::vector<std::string> split_environment(const std::string& bytes);

}  // namespace sixpn::cli
