// `sixpn dns install` and `uninstall`: the host's own resolver, pointed at sixpn for the names of
// the mesh and back. Root; each can be repeated. Every file is replaced in one step, so there is
// never a moment without it.
#pragma once

#include "tools/cli/command.h"

namespace sixpn::cli {

struct DnsInstallOptions {
  bool resolv_conf = false;  // write /etc/resolv.conf where systemd-resolved does not run
};
// Errors: the agent has no network to show to its host ([dns] host_network); nothing here can be
// told, and --resolv-conf was not given; a step failed, and what it was.
CommandResult install_dns(CommandContext& context, const DnsInstallOptions& options);
CommandResult uninstall_dns(CommandContext& context);

}  // namespace sixpn::cli
