// Commands about apps, their configuration and their Flycast addresses.
#pragma once

#include <string>

#include "tools/cli/command.h"

namespace sixpn::cli {

// How a command names an app: `org` may be empty where the name is unique in the cluster.
struct AppOptions {
  std::string app;
  std::string org;
};

struct CreateAppOptions {
  std::string name;
  std::string org;
  std::string network;  // "" = default
  std::string config;   // path of a fly.toml; "" = none
};
CommandResult create_app(CommandContext& context, const CreateAppOptions& options);
CommandResult list_apps(CommandContext& context);
CommandResult destroy_app(CommandContext& context, const AppOptions& options);

struct DeployOptions {
  AppOptions app;      // .app "" = the one that the file names
  std::string config;  // path of a fly.toml
};
CommandResult deploy(CommandContext& context, const DeployOptions& options);

struct AllocateAddressOptions {
  AppOptions app;
  std::string network;      // that may dial it; "" = the app's own
  bool is_private = false;  // --private: the only kind there is
};
CommandResult allocate_address(CommandContext& context, const AllocateAddressOptions& options);
CommandResult list_addresses(CommandContext& context, const AppOptions& options);
CommandResult release_address(CommandContext& context, const AppOptions& options,
                              const std::string& address);

}  // namespace sixpn::cli
