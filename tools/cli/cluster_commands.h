// Commands about the cluster and its hosts. `cluster init` works without an agent; the rest ask it.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "tools/cli/command.h"

namespace sixpn::cli {

// How long a host's certificate is good unless said.
inline constexpr Duration kDefaultValidity = std::chrono::hours(365 * 24);

struct ClusterInitOptions {
  std::string name;
  std::string region;
  std::string state_dir;
  std::string root_key;               // path; "" = the identity store's default
  Duration valid = kDefaultValidity;  // of this host's certificate, from now
};
CommandResult cluster_init(CommandContext& context, const ClusterInitOptions& options);

struct HostInviteOptions {
  std::string name;
  std::string region;
  std::vector<std::string> orgs;      // empty: any
  Duration expires{};                 // from now
  Duration valid = kDefaultValidity;  // of its certificate, from now
  std::string state_dir;              // where the root key lies unless root_key says
  std::string root_key;               // path
};
// Prints the token alone on standard output.
CommandResult host_invite(CommandContext& context, const HostInviteOptions& options);

CommandResult show_status(CommandContext& context);
CommandResult list_hosts(CommandContext& context);
CommandResult list_orgs(CommandContext& context);
CommandResult show_mesh_plan(CommandContext& context);
CommandResult dump_registry(CommandContext& context);
CommandResult show_version(CommandContext& context);

}  // namespace sixpn::cli
