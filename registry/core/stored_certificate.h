// A host certificate read back from this host's own disk. It was verified before it was written
// there, beside the digest of the record it is in, and the folder holds this host's keys too: its
// form is checked again, its two signatures are not (decisions/0013). They would be most of a cold
// start: 0.12 ms for each host. Only Store calls this, for records of Origin::kDisk.
#pragma once

#include <string_view>

#include "registry/core/certificate.h"

namespace sixpn {

// Errors: as verify_certificate, but for the signatures.
Result<HostCertificate> read_stored_certificate(std::string_view encoded,
                                                const PublicKey& root_key);

}  // namespace sixpn
