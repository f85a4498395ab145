#include "tests/sim/enrolled_host.h"

#include <cstdlib>

#include "base/encoding.h"
#include "registry/core/key_proofs.h"

namespace sixpn::sim {
namespace {

const WallTime kEnrolled = from_unix_ms(1'700'000'000'000);

template <class T>
T must(Result<T> result) {
  if (!result) std::abort();  // a fixture that cannot be made: nothing to test
  return std::move(*result);
}

}  // namespace

Secret labelled_secret(const std::string& label) {
  return *Secret::from_bytes(as_bytes(hash(label)));
}

HostId host_id(unsigned index) {
  return HostId{0x10000 + index};
}

SignedRecordPtr EnrolledHost::sign(Record unsigned_record) const {
  return must(sign_record(unsigned_record, key));
}

SignedRecordPtr EnrolledHost::signed_host(std::uint64_t incarnation, std::uint64_t version) const {
  Record out;
  out.key = host_key(id);
  out.writer = id;
  out.stamp = {incarnation, version};
  out.value = record;
  return sign(std::move(out));
}

TestCluster::TestCluster(const std::string& label, std::vector<std::string> regions)
    : label_(label), regions_(std::move(regions)), root_(labelled_secret(label + " root")) {}

Secret TestCluster::cluster_key() const {
  return labelled_secret(label_ + " cluster");
}

Invite TestCluster::invite(unsigned index) const {
  Invite made;
  made.cluster = cluster_id(root_.public_key());
  made.serial = 1 + index;
  made.host = host_id(index);
  made.name = "h" + std::to_string(index);
  made.region = regions_.at(index % regions_.size());
  made.expires = invites_expire_.value_or(kEnrolled + std::chrono::hours(24));
  return made;
}

Token TestCluster::sign(Invite invite, const std::string& label) const {
  SigningKey enrolment_key(labelled_secret(label + " enrolment"));
  invite.enrolment_key = enrolment_key.public_key();
  return {root_.public_key(), cluster_key(), enrolment_key.seed(), sign_invite(invite, root_), {}};
}

Token TestCluster::token(unsigned index) const {
  Invite asked = invite(index);
  asked.orgs = {"*"};
  return sign(asked, label_ + " " + asked.name);
}

EnrolledHost TestCluster::enrol(unsigned index, std::vector<std::string> orgs, unsigned enrolment,
                                std::optional<WallTime> valid_until,
                                std::optional<WallTime> issued) const {
  Invite asked = invite(index);
  asked.orgs = std::move(orgs);
  asked.valid_until = valid_until;
  asked.issued = issued;
  const std::string label = label_ + " " + asked.name + " " + std::to_string(enrolment);
  SigningKey key(labelled_secret(label + " signing"));
  auto certificate = must(sixpn::enrol(sign(asked, label), key.public_key(),
                                       kEnrolled + std::chrono::seconds(enrolment)));

  HostRecord record;
  record.id = asked.host;
  record.name = asked.name;
  record.region = asked.region;
  record.certificate = certificate.encoded;
  const Secret main = labelled_secret(label + " wireguard");
  const Secret spare = labelled_secret(label + " spare");
  record.wireguard_key = wireguard_public_key(main);
  record.spare_key = wireguard_public_key(spare);
  record.spare_port = 51822;
  record.key_proofs = prove_keys(record.id, main, spare);
  record.endpoints = {*parse_endpoint("192.0.2.1:51820")};
  record.knock_port = 51821;
  record.version = "test";
  return {asked.host, std::move(key), std::move(certificate), std::move(record)};
}

}  // namespace sixpn::sim
