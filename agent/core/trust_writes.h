// What the agent writes when the holder of the root key revokes or renews hosts: the statement as
// it came, checked against the snapshot, as a record. Pure. The signature is checked here so that
// the command line hears the reason; every receiver checks it again.
//
// Errors are sentences for a person, with the codes of writes.h.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "registry/core/certificate.h"
#include "registry/core/keys.h"
#include "registry/core/local_write.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

inline constexpr std::size_t kMaxRenewals = 4096;  // in one request
inline constexpr std::size_t kMaxTlsGrants = 4096;

// Errors: not signed by this cluster's root, revoked already. A host that is not known here may be
// revoked: its token may be out, unused.
Result<registry::LocalWrite> plan_revocation(const Snapshot& snapshot, const PublicKey& root_key,
                                             const std::string& statement);

// All or none. Errors: none or too many, not signed by this cluster's root, of a revoked or unknown
// host, of another certificate than the one that stands.
Result<std::vector<registry::LocalWrite>> plan_renewals(const Snapshot& snapshot,
                                                        const PublicKey& root_key,
                                                        const std::vector<std::string>& statements);

// Certificates for TLS (registry/core/tls_grant.h). All or none. Errors: none or too many, not
// signed by this cluster's root, of an org that does not exist or that `self` may not write.
Result<std::vector<registry::LocalWrite>> plan_tls_grants(
    const Snapshot& snapshot, const HostCertificate& self, const PublicKey& root_key,
    const std::vector<std::string>& statements);

// Takes this host's machines out of names and balancing before it leaves; they go on running. The
// machine room publishes them as they are when the agent starts again.
std::vector<registry::LocalWrite> plan_withdrawal(const Snapshot& snapshot);

}  // namespace sixpn::agent
