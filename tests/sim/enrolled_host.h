// A cluster's root and hosts enrolled under it, for tests: real keys, real certificates, made from
// a seed so that every run of a test makes the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/core/certificate.h"
#include "registry/core/keys.h"
#include "registry/core/record.h"
#include "registry/core/signed_record.h"

namespace sixpn::sim {

// A secret that depends on the label only. For tests: nothing about it is secret.
Secret labelled_secret(const std::string& label);

struct EnrolledHost {
  HostId id;
  SigningKey key;
  HostCertificate certificate;
  HostRecord record;

  [[nodiscard]] SignedRecordPtr sign(Record unsigned_record) const;
  // The host record, stamped (incarnation, version).
  [[nodiscard]] SignedRecordPtr signed_host(std::uint64_t incarnation = 1,
                                            std::uint64_t version = 1) const;
};

class TestCluster {
 public:
  // Host i stands in region i % regions.size().
  explicit TestCluster(const std::string& label = "test cluster",
                       std::vector<std::string> regions = {"iad", "fra", "nrt"});

  [[nodiscard]] const SigningKey& root() const { return root_; }
  [[nodiscard]] Secret cluster_key() const;
  // When invites made from here on end; else a day after the enrolments.
  void set_invites_expire(WallTime when) { invites_expire_ = when; }
  // Host `index` (0...): id 0x10000 + index, named "h<index>".
  // `enrolment` tells several enrolments of one host id apart; a later number enrolled later.
  // `valid_until`: the end of its certificate; nothing: for ever.
  // `issued`: when it was invited; nothing: not said.
  [[nodiscard]] EnrolledHost enrol(unsigned index, std::vector<std::string> orgs = {"*"},
                                   unsigned enrolment = 0, std::optional<WallTime> valid_until = {},
                                   std::optional<WallTime> issued = {}) const;
  // The token of host `index` with rights in every org, for a host that makes keys of its own.
  [[nodiscard]] Token token(unsigned index) const;

 private:
  // How it is enrolled, whatever its orgs and times; the enrolment key is made from `label`.
  [[nodiscard]] Invite invite(unsigned index) const;
  [[nodiscard]] Token sign(Invite invite, const std::string& label) const;

  std::string label_;
  std::vector<std::string> regions_;
  SigningKey root_;
  std::optional<WallTime> invites_expire_;
};

HostId host_id(unsigned index);

}  // namespace sixpn::sim
