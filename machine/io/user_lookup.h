// The user that a machine's command runs as, from the host's user database. Blocking (NSS).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace sixpn::machine {

struct UserIdentity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary; empty for root
  std::string home = "/root";
};

// "" (root), a user's name, "uid" or "uid:gid". A number need not be in the database: its home is
// then "/". Errors: no such user, not a number.
Result<UserIdentity> find_user(const std::string& user);

}  // namespace sixpn::machine
