// RecordChecks: the costly pure functions between bytes and a record or claim that may be
// believed, as a seam. The default is the real ones, and the daemon uses no other; the simulator
// puts a memory of answers in front of them, since a thousand hosts in one process ask the same
// questions (tests/sim/shared_checks.h). Values only; called on the loop of whoever holds it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "registry/core/certificate.h"
#include "registry/core/claim.h"
#include "registry/core/signed_record.h"

namespace sixpn::registry {

struct RecordChecks {
  std::function<Result<SignedRecordPtr>(std::string)> decode = decode_record;
  std::function<bool(const SignedRecord&, const PublicKey&)> verify = verify_record;
  std::function<Result<HostCertificate>(std::string_view, const PublicKey&)> certificate =
      verify_certificate;
  std::function<bool(const Claim&, const Signature&, const PublicKey&)> claim = verify_claim;
};

}  // namespace sixpn::registry
