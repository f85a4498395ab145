#include "tools/cli/invitation.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/encoding.h"

namespace sixpn::cli {
namespace {

class Invitation : public testing::Test {
 protected:
  const SigningKey root_ = SigningKey::generate();
  const Secret cluster_key_ = Secret::random();
  const PublicKey wireguard_key_ = wireguard_public_key(generate_wireguard_key());
  boost::json::value material_ =
      boost::json::object{{"root_key", to_base64(as_bytes(root_.public_key()))},
                          {"cluster_key", to_base64(as_bytes(cluster_key_.bytes()))},
                          {"hosts", {{{"id", "00a1b2c3"}, {"name", "a"}}}},
                          {"seeds",
                           {{{"host", "00a1b2c3"},
                             {"wireguard_key", to_base64(as_bytes(wireguard_key_))},
                             {"wireguard", {"203.0.113.7:51820"}},
                             {"knock", {"203.0.113.7:51821"}}}}}};
  InvitationOptions options_{"b", "fra", {}, from_unix_ms(4'000'000'000'000)};

  Result<mesh::InviteRequest> make() {
    return make_invite_request(JsonView(material_), options_, root_.public_key());
  }
};

TEST_F(Invitation, CarriesWhatTheNewHostNeeds) {
  auto request = make();
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->name, "b");
  EXPECT_EQ(request->region, "fra");
  EXPECT_EQ(request->orgs, std::vector<std::string>{"*"});
  EXPECT_EQ(request->cluster_key, cluster_key_);
  EXPECT_NE(request->host_id, HostId(0x00a1b2c3));
  ASSERT_EQ(request->seeds.size(), 1u);
  EXPECT_EQ(request->seeds[0], (Seed{HostId(0x00a1b2c3),
                                     wireguard_key_,
                                     {*parse_endpoint("203.0.113.7:51820")},
                                     {*parse_endpoint("203.0.113.7:51821")}}));
}

// The token that comes of it says the same to the new host.
TEST_F(Invitation, MakesATokenThatVerifies) {
  options_.orgs = {"acme", "lab"};
  auto request = make();
  ASSERT_TRUE(request);
  auto text = mesh::make_invite(*request, root_);
  ASSERT_TRUE(text) << text.error().message;
  auto token = decode_token(*text);
  ASSERT_TRUE(token);
  auto invite = verify_invite(token->signed_invite, root_.public_key());
  ASSERT_TRUE(invite);
  EXPECT_EQ(invite->name, "b");
  EXPECT_EQ(invite->orgs, (std::vector<std::string>{"acme", "lab"}));
  EXPECT_EQ(invite->host, request->host_id);
}

TEST_F(Invitation, ATakenNameIsRefused) {
  options_.name = "a";
  EXPECT_EQ(make().error().message, "the name a is taken by host 00a1b2c3");
}

TEST_F(Invitation, TheRootKeyOfAnotherClusterIsRefused) {
  const SigningKey other = SigningKey::generate();
  auto request = make_invite_request(JsonView(material_), options_, other.public_key());
  EXPECT_EQ(request.error().message, "this root key is not the root key of the agent's cluster");
}

TEST_F(Invitation, MaterialThatCannotBeReadIsRefused) {
  auto& object = material_.as_object();
  object["seeds"] = boost::json::array();
  EXPECT_EQ(make().error().message, "the agent knows no host that the new one could join by");
  object["seeds"] = {{{"host", "x"}}};
  EXPECT_EQ(make().error().message,
            "the agent's list of hosts to join by cannot be read: is it of another version?");
  object["hosts"] = {{{"id", "no"}}};
  EXPECT_EQ(make().error().message,
            "the agent's list of hosts cannot be read: is it of another version?");
  object["cluster_key"] = "AAAA";
  EXPECT_EQ(make().error().message,
            "the agent's invite material cannot be read: is it of another version?");
}

}  // namespace
}  // namespace sixpn::cli
