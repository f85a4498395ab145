// Commands about machines. They can be listed from every host, and commanded on their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/cli/app_commands.h"
#include "tools/cli/command.h"

namespace sixpn::cli {

struct PlacementOptions {
  AppOptions app;
  std::string group;                  // "" = app
  std::vector<std::string> metadata;  // "key=value"
  bool skip_dns = false;              // it gets no names
};

struct RunMachineOptions {
  PlacementOptions placement;
  std::vector<std::string> env;  // "KEY=value"
  std::vector<std::string> command;
};
CommandResult run_machine(CommandContext& context, const RunMachineOptions& options);

struct AttachMachineOptions {
  PlacementOptions placement;
  std::string netns;  // path
};
CommandResult attach_machine(CommandContext& context, const AttachMachineOptions& options);

// `app.app` may be empty: the machines of all apps.
CommandResult list_machines(CommandContext& context, const AppOptions& app);
// As list_machines: their checks.
CommandResult list_checks(CommandContext& context, const AppOptions& app);
CommandResult show_machine(CommandContext& context, const std::string& id);

struct StopMachineOptions {
  std::string id;
  std::string signal;                     // "" = the machine's own
  std::optional<std::int64_t> timeout_s;  // before it is killed
};
CommandResult stop_machine(CommandContext& context, const StopMachineOptions& options);
// `action`: start, suspend, cordon or uncordon.
CommandResult tell_machine(CommandContext& context, const std::string& id,
                           const std::string& action);
CommandResult destroy_machine(CommandContext& context, const std::string& id, bool force);

// Runs a command inside a machine of this host. Gives that command's exit code, whatever it is.
CommandResult exec_in_machine(CommandContext& context, const std::string& id,
                              const std::vector<std::string>& command);

struct LogOptions {
  std::string id;
  std::int64_t lines = -1;  // the last so many; negative: all
  bool follow = false;
};
CommandResult show_log(CommandContext& context, const LogOptions& options);

}  // namespace sixpn::cli
