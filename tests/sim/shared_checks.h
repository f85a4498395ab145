// SharedChecks: registry::RecordChecks that remember. All hosts of a simulation decode the same
// bytes and verify the same signatures; here each is done once, by the real functions, and the
// decoded record is shared. Answers are those of the real functions for exactly these bytes, so a
// forged record is refused as it would be. Lives as long as the hosts that use it.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#include "registry/core/record_checks.h"

namespace sixpn::sim {

class SharedChecks {
 public:
  registry::RecordChecks checks();
  [[nodiscard]] bool verify(const SignedRecord& record, const PublicKey& key);
  // What was signed here: known without asking.
  void learn(const SignedRecordPtr& record);

 private:
  static constexpr std::size_t kMostDecoded = 400'000;  // forgotten all at once beyond this
  static constexpr std::size_t kMostClaims = 1'000'000;
  Result<SignedRecordPtr> decode(std::string wire);
  Result<HostCertificate> certificate(std::string_view encoded, const PublicKey& root);
  bool claim(const registry::Claim& claim, const Signature& signature, const PublicKey& key);

  std::unordered_map<std::string, SignedRecordPtr> decoded_;  // looked up only, never iterated
  std::map<std::pair<RecordDigest, PublicKey>, bool> verified_;
  std::unordered_map<std::string, HostCertificate> certificates_;
  std::map<std::tuple<Signature, PublicKey, registry::Claim>, bool> claims_;
};

}  // namespace sixpn::sim
