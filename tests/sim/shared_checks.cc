#include "tests/sim/shared_checks.h"

namespace sixpn::sim {

registry::RecordChecks SharedChecks::checks() {
  registry::RecordChecks out;
  out.decode = [this](std::string wire) { return decode(std::move(wire)); };
  out.verify = [this](const SignedRecord& record, const PublicKey& key) {
    return verify(record, key);
  };
  out.certificate = [this](std::string_view encoded, const PublicKey& root) {
    return certificate(encoded, root);
  };
  out.claim = [this](const registry::Claim& claim, const Signature& signature,
                     const PublicKey& key) { return this->claim(claim, signature, key); };
  return out;
}

bool SharedChecks::claim(const registry::Claim& claim, const Signature& signature,
                         const PublicKey& key) {
  if (claims_.size() >= kMostClaims) claims_.clear();
  auto [place, added] = claims_.try_emplace({signature, key, claim}, false);
  if (added) place->second = registry::verify_claim(claim, signature, key);
  return place->second;
}

void SharedChecks::learn(const SignedRecordPtr& record) {
  if (decoded_.size() >= kMostDecoded) decoded_.clear();
  decoded_.emplace(record->wire(), record);
}

Result<SignedRecordPtr> SharedChecks::decode(std::string wire) {
  auto known = decoded_.find(wire);
  if (known != decoded_.end()) return known->second;
  auto record = decode_record(std::move(wire));
  if (record) learn(*record);
  return record;
}

bool SharedChecks::verify(const SignedRecord& record, const PublicKey& key) {
  auto [place, added] = verified_.try_emplace({record.digest, key}, false);
  if (added) place->second = verify_record(record, key);
  return place->second;
}

// One root per simulation, so the encoding alone tells certificates apart.
Result<HostCertificate> SharedChecks::certificate(std::string_view encoded, const PublicKey& root) {
  auto known = certificates_.find(std::string(encoded));
  if (known != certificates_.end()) return known->second;
  auto certificate = verify_certificate(encoded, root);
  if (certificate) certificates_.emplace(std::string(encoded), *certificate);
  return certificate;
}

}  // namespace sixpn::sim
