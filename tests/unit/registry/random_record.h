// Random valid records for property tests: few ids and names, so that they collide often.
#pragma once

#include "base/rng.h"
#include "registry/core/record.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::test {

inline constexpr NetworkId kTestNetwork{0xacce55};

inline constexpr NetworkId kOtherNetwork{0xbeef00};

// Written by `host`; every kind but host, revocation and renewal, tombstones among them, some of
// them by a host that does not name the network. Machines are in two networks.
Record random_record(const sim::EnrolledHost& host, Rng& rng);
MachineRecord make_machine(const sim::EnrolledHost& host, unsigned number,
                           NetworkId network = kTestNetwork);
// A shared record stamped (major, writer).
Record make_shared_record(const sim::EnrolledHost& host, RecordValue value, const std::string& org,
                          std::uint64_t major);
// Of a machine: names its network.
Record make_tombstone(Record of, std::uint64_t major, WallTime deleted);
// An owned record stamped (incarnation, version).
Record make_owned_record(const sim::EnrolledHost& host, RecordValue value,
                         std::uint64_t incarnation, std::uint64_t version);

// Signed by the cluster's root at `signed_at`, passed on by `writer`, for the certificate that
// `host` has unless another is said.
SignedRecordPtr sign_renewal_record(const sim::TestCluster& cluster,
                                    const sim::EnrolledHost& writer, const sim::EnrolledHost& host,
                                    WallTime until, WallTime signed_at,
                                    std::optional<Hash> certificate = {});

}  // namespace sixpn::test
