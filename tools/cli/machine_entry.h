// Runs a command inside a machine's namespaces, as `sixpn machine exec` does. Blocking: until the
// command ends, whose terminal and signals are the caller's; this changes the caller's own signals.
// A child enters, the calling process stays where it is. Needs root. Single-threaded programs only
// (fork).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace sixpn::cli {

// Runs `command` beside a machine's process: in its network, mount, host name, IPC and process id
// namespaces, with its environment and working directory, on the caller's terminal. `netns_path`,
// where given, must be the network namespace of the process: a process id that was reused since is
// refused. Gives the command's exit code, as shells do 128 + signal when a signal ended it.
Result<int> run_beside_process(pid_t pid, const std::string& netns_path,
                               const std::vector<std::string>& command);

// The same in the network namespace at a path alone: an attached machine, whose files are not ours.
Result<int> run_in_namespace(const std::string& netns_path,
                             const std::vector<std::string>& command);

// The strings of /proc/PID/environ. Pure.
std::vector<std::string> split_environment(const std::string& bytes);

}  // namespace sixpn::cli
