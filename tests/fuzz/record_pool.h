// A fixed pool of signed records to draw from: several writers and orgs, enrolments of one host id
// against each other, tombstones of every age, revocations, records of kinds not known yet, and
// all that a store must refuse: forged, not permitted, from the future, of another cluster.
// Made once: signing is what costs.
#pragma once

#include <vector>

#include "registry/core/signed_record.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::fuzz {

inline constexpr WallTime kPoolTime = from_unix_ms(1'800'000'000'000);

const sim::TestCluster& pool_cluster();
const std::vector<SignedRecordPtr>& record_pool();
// Records that every store of this cluster takes in the end, whatever the order, at kPoolTime: no
// clock ahead, no tombstone past the horizon.
const std::vector<SignedRecordPtr>& lasting_pool();

}  // namespace sixpn::fuzz
