// What the root's holder signs for TLS: only for hosts that it enrolled itself, and for their orgs.
#include "tools/cli/tls_issuing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/encoding.h"
#include "registry/core/signed_record.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::cli {
namespace {

namespace json = boost::json;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const WallTime kNow = from_unix_ms(1'800'000'000'000);
const WallTime kUntil = kNow + hours(100);

struct Issuing : ::testing::Test {
  sim::TestCluster cluster;
  const SigningKey& root = cluster.root();
  json::array hosts;
  json::array authorities;

  static std::string key_of(char fill) {
    return host_tls_key(*Secret::from_bytes(std::string(32, fill))).public_key();
  }
  static json::object told(const SignedRecordPtr& record) {
    return {{"record", to_base64(record->wire())}, {"valid_until_ms", nullptr}};
  }
  void add(unsigned index, std::vector<std::string> orgs, std::string tls_key) {
    auto host = cluster.enrol(index, std::move(orgs));
    host.record.tls_key = std::move(tls_key);
    hosts.push_back(told(host.signed_host()));
  }
  TlsGrant grant(const SigningKey& key) {
    return *make_authority_grant(key, "acme", {kNow - hours(1), kNow + hours(1000)}, kNow);
  }
  [[nodiscard]] CertMaterial read() const {
    json::value all = json::object{{"hosts", hosts}, {"authorities", authorities}};
    return read_cert_material(JsonView(all), root.public_key());
  }
  std::vector<IssuedGrant> issue(const CertMaterial& material, const std::set<HostId>& only = {},
                                 WallTime until = kUntil) {
    auto issued = issue_grants(material, material.authorities.at(0), only, kNow, until, root);
    EXPECT_TRUE(issued) << issued.error().message;
    return issued ? *issued : std::vector<IssuedGrant>{};
  }
};

TEST_F(Issuing, HostsOfTheOrgThatHaveAKeyAreCertified) {
  authorities.emplace_back(to_base64(sign_tls_grant(grant(root), root)));
  add(1, {"*"}, key_of('a'));
  add(2, {"globex"}, key_of('b'));
  add(3, {"acme"}, "");  // an older program
  add(4, {"acme", "globex"}, key_of('c'));
  auto material = read();
  EXPECT_THAT(material.refused, IsEmpty());
  auto issued = issue(material);
  ASSERT_THAT(issued, SizeIs(2));
  EXPECT_EQ(issued[0].host, "h1");
  EXPECT_EQ(issued[1].host, "h4");
  auto signed_grant = verify_tls_grant(issued[1].statement, root.public_key());
  ASSERT_TRUE(signed_grant) << signed_grant.error().message;
  EXPECT_EQ(signed_grant->org, "acme");
  EXPECT_EQ(signed_grant->host, sim::host_id(4));
  EXPECT_EQ(read_certificate(signed_grant->certificate)->public_key, key_of('c'));
  auto only = issue(material, {sim::host_id(1)});
  ASSERT_THAT(only, SizeIs(1));
  EXPECT_EQ(only[0].host, "h1");
}

TEST_F(Issuing, NothingOutlivesTheHostsOwnCertificateOrTheAuthority) {
  authorities.emplace_back(to_base64(sign_tls_grant(grant(root), root)));
  for (unsigned index : {1U, 2U, 3U}) add(index, {"acme"}, key_of('a'));
  hosts[1].as_object()["valid_until_ms"] = unix_ms(kNow + hours(5));
  hosts[2].as_object()["valid_until_ms"] = unix_ms(kNow);
  auto issued = issue(read(), {}, kNow + hours(5000));
  ASSERT_THAT(issued, SizeIs(2)) << "one has ended";
  EXPECT_EQ(issued[0].until, kNow + hours(1000));
  EXPECT_EQ(issued[1].until, kNow + hours(5));
}

// An agent may have been taken over: what it tells is only material.
TEST_F(Issuing, WhatTheRootDidNotSignIsRefusedAndSaid) {
  authorities.emplace_back(to_base64(sign_tls_grant(grant(root), root)));
  sim::TestCluster strangers("another cluster");
  authorities.emplace_back(to_base64(sign_tls_grant(grant(strangers.root()), strangers.root())));
  authorities.emplace_back("%");
  auto foreign = strangers.enrol(7, {"acme"});
  hosts.push_back(told(foreign.signed_host()));
  // Signed by another host than the one that it speaks of.
  auto own = cluster.enrol(1);
  auto thief = cluster.enrol(2);
  Record record = own.signed_host()->record;
  auto stolen = sign_record(record, thief.key);
  ASSERT_TRUE(stolen);
  hosts.push_back(told(*stolen));
  hosts.push_back(json::object{{"record", "%"}});
  auto material = read();
  EXPECT_THAT(material.hosts, IsEmpty());
  EXPECT_THAT(material.authorities, SizeIs(1));
  EXPECT_THAT(
      material.refused,
      ElementsAre(HasSubstr("host h7"), HasSubstr("host h1: its record is not signed by it"),
                  HasSubstr("cannot be read"), HasSubstr("not signed by the root key"),
                  HasSubstr("cannot be read")));
  EXPECT_THAT(issue(material), IsEmpty());
}

}  // namespace
}  // namespace sixpn::cli
