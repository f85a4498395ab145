#include "tests/sim/enrolled_host.h"

#include <cstdlib>

#include "base/encoding.h"

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

EnrolledHost TestCluster::enrol(unsigned index, std::vector<std::string> orgs, unsigned enrolment,
                                std::optional<WallTime> valid_until,
                                std::optional<WallTime> issued) const {
  std::string name = "h" + std::to_string(index);
  std::string label = label_ + " " + name + " " + std::to_string(enrolment);
  SigningKey enrolment_key(labelled_secret(label + " enrolment"));
  SigningKey key(labelled_secret(label + " signing"));

  Invite invite;
  invite.cluster = cluster_id(root_.public_key());
  invite.serial = 1 + index;
  invite.host = host_id(index);
  invite.name = name;
  invite.region = regions_.at(index % regions_.size());
  invite.orgs = std::move(orgs);
  invite.expires = invites_expire_.value_or(kEnrolled + std::chrono::hours(24));
  invite.enrolment_key = enrolment_key.public_key();
  invite.valid_until = valid_until;
  invite.issued = issued;
  Token token{
      root_.public_key(), cluster_key(), enrolment_key.seed(), sign_invite(invite, root_), {}};
  auto certificate =
      must(sixpn::enrol(token, key.public_key(), kEnrolled + std::chrono::seconds(enrolment)));

  HostRecord record;
  record.id = invite.host;
  record.name = name;
  record.region = invite.region;
  record.certificate = certificate.encoded;
  record.wireguard_key = wireguard_public_key(labelled_secret(label + " wireguard"));
  record.endpoints = {*parse_endpoint("192.0.2.1:51820")};
  record.knock_port = 51821;
  record.version = "test";
  return {invite.host, std::move(key), std::move(certificate), std::move(record)};
}

}  // namespace sixpn::sim
