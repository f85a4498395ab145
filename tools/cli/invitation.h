// From what the agent tells (GET /v1/invite-material) and what the operator asks to an invitation:
// names checked against the cluster's hosts, keys and seeds decoded. Pure but for the random host
// id.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mesh/io/invite.h"
#include "registry/core/keys.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

struct InvitationOptions {
  std::string name;
  std::string region;
  std::vector<std::string> orgs;  // empty: any
  WallTime expires{};
};

// Errors: a name that a host has already, a root key of another cluster, material that cannot be
// read (an agent of another version).
Result<mesh::InviteRequest> make_invite_request(JsonView material, const InvitationOptions& options,
                                                const PublicKey& root_key);

}  // namespace sixpn::cli
