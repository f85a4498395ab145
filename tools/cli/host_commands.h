// Commands about hosts that are in the cluster. What needs the root key is
// signed here, where the root key is; the agent only passes them on.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/time.h"
#include "registry/core/keys.h"
#include "tools/cli/api_client.h"
#include "tools/cli/cluster_commands.h"
#include "tools/cli/command.h"

namespace sixpn::cli {

struct RootKeyOptions {
  std::string state_dir;  // where the root key lies unless root_key says
  std::string root_key;   // path
};

// Errors: no such file, or as IdentityStore; `what` needs it.
Result<SigningKey> load_root_key(const RootKeyOptions& options, std::string_view what);
// What the agent says of its cluster. Errors: another cluster than the root key's.
Result<boost::json::value> status_of_cluster(ApiClient& agent, const SigningKey& root);

struct HostRevokeOptions {
  std::string host;  // name or id
  bool yes = false;  // do not ask
  bool self = false;
  RootKeyOptions root;
};
CommandResult host_revoke(CommandContext& context, const HostRevokeOptions& options);

struct HostRenewOptions {
  std::string host;  // name or id, unless `all`
  bool all = false;
  Duration valid = kDefaultValidity;  // from now
  RootKeyOptions root;
};
CommandResult host_renew(CommandContext& context, const HostRenewOptions& options);

struct RotateKeyOptions {
  bool force = false;
};
// New WireGuard keys for this host; returns when every link uses them. Needs no root key.
CommandResult rotate_key(CommandContext& context, const RotateKeyOptions& options);
// Needs no root key: a host may leave by itself.
CommandResult host_leave(CommandContext& context);

}  // namespace sixpn::cli
