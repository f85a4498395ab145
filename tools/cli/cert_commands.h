// The commands `sixpn certs ...`: TLS on Flycast by a private authority of the org (docs/tls.md).
// What needs the root key is signed here, where the root key is; the agent only passes it on.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "tools/cli/api_client.h"
#include "tools/cli/command.h"
#include "tools/cli/host_commands.h"

namespace sixpn::cli {

CommandResult list_certs(CommandContext& context);

struct CertsCaOptions {
  std::string org;  // "": the only one there is
};
CommandResult print_ca(CommandContext& context, const CertsCaOptions& options);

struct CertsCreateOptions {
  std::string org;
  Duration valid = std::chrono::hours(24 * 3650);
  RootKeyOptions root;
};
CommandResult create_ca(CommandContext& context, const CertsCreateOptions& options);

struct CertsIssueOptions {
  std::string org;  // "": every one that has an authority
  Duration valid = std::chrono::hours(24 * 365);
  RootKeyOptions root;
};
CommandResult issue_certs(CommandContext& context, const CertsIssueOptions& options);

// Part of `sixpn host renew`: new certificates for hosts that were renewed until then, in every org
// that has an authority. What went wrong is told on `context.err`: the renewal stands.
void renew_certs(CommandContext& context, ApiClient& agent, const SigningKey& root,
                 const std::set<HostId>& hosts, WallTime until);

}  // namespace sixpn::cli
