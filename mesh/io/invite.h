// Inviting a host: the token that the operator carries to it (DESIGN section 3). Called by the
// command line, which holds the root key, and by the creation of a cluster. Makes the one-time
// enrolment key from the kernel's randomness; touches no file, no socket, no loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/core/certificate.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {

// A token is pasted by people: of the seeds given, the first few are enough.
inline constexpr std::size_t kInviteSeeds = 4;
inline constexpr std::size_t kInviteSeedEndpoints = 4;  // of each kind, per seed

struct InviteRequest {
  std::string name;    // a DNS label; that it is free is for the caller to check
  std::string region;  // three letters
  std::vector<std::string> orgs{std::string(kAnyOrg)};
  WallTime expires{};
  HostId host_id;           // see choose_host_id
  std::vector<Seed> seeds;  // best first
  Secret cluster_key;
  std::optional<WallTime> valid_until;  // of the certificate; nothing: for ever
  std::optional<WallTime> issued;       // now
};

// The token's text. Errors: a bad name, region, host id, org or expiry, in words for the operator.
Result<std::string> make_invite(const InviteRequest& request, const SigningKey& root);

// A random host id that is valid and not among `taken`.
HostId choose_host_id(const std::vector<HostId>& taken);

}  // namespace sixpn::mesh
