// HostTrust: whom this host shuts out at a given time: revoked hosts, and those whose certificate
// is past its grace. Read from the store by membership and snapshots, which must agree on it.
// Expiry fails static, twice: never this host itself (the others cut it off, and its own machines
// keep their names here), and nobody when more than half of all hosts are past their grace: that is
// a forgotten renewal, or a wrong clock here, and no reason to take a cluster apart.
// decisions/0024. Pure; control loop only.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "registry/core/store.h"
#include "registry/core/validity.h"

namespace sixpn::registry {

struct HostTrust {
  std::set<HostId> shut_out;
  std::map<HostId, WallTime> valid_until;  // of the hosts whose certificate ends at all
  bool withheld = false;                   // expiry shuts out nobody, because it would be most
  std::optional<WallTime> next_turn;       // when time alone will change what this says
};

HostTrust judge_hosts(const Store& store, HostId self, WallTime now,
                      std::chrono::milliseconds grace);

// The live renewals by host. The pointers live as long as the store's records do.
std::map<HostId, const SignedRecord*> renewals_in(const Store& store);

}  // namespace sixpn::registry
