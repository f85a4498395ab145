#include "mesh/io/invite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

using ::testing::HasSubstr;

constexpr WallTime kNow = from_unix_ms(1'790'000'000'000);

InviteRequest request() {
  return {.name = "b",
          .region = "fra",
          .orgs = {"acme"},
          .expires = kNow + std::chrono::hours(24),
          .host_id = HostId(0x20003),
          .seeds = {},
          .cluster_key = Secret::random()};
}

TEST(Invite, ATokenCarriesWhatWasAskedFor) {
  SigningKey root = SigningKey::generate();
  InviteRequest asked = request();
  asked.seeds = {Seed{HostId(0x10001), {}, {}, {*parse_endpoint("192.0.2.1:51821")}}};
  auto token = decode_token(make_invite(asked, root).value());
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->root_key, root.public_key());
  EXPECT_EQ(token->cluster_key, asked.cluster_key);
  EXPECT_EQ(token->seeds, asked.seeds);
  auto invite = verify_invite(token->signed_invite, root.public_key());
  ASSERT_TRUE(invite) << invite.error().message;
  EXPECT_EQ(invite->name, "b");
  EXPECT_EQ(invite->host, asked.host_id);
  EXPECT_EQ(invite->orgs, asked.orgs);
  EXPECT_EQ(invite->expires, asked.expires);
  EXPECT_TRUE(enrol(*token, SigningKey::generate().public_key(), kNow));
}

TEST(Invite, EveryInviteIsAnotherOne) {
  SigningKey root = SigningKey::generate();
  auto first = decode_token(make_invite(request(), root).value()).value();
  auto second = decode_token(make_invite(request(), root).value()).value();
  EXPECT_FALSE(first.enrolment_seed == second.enrolment_seed);
  EXPECT_NE(first.signed_invite, second.signed_invite);
}

TEST(Invite, BadRequestsAreRefusedWhenMade) {
  SigningKey root = SigningKey::generate();
  InviteRequest bad_name = request();
  bad_name.name = "b.example";
  EXPECT_THAT(make_invite(bad_name, root).error().message,
              HasSubstr("the host name \"b.example\""));
  InviteRequest bad_region = request();
  bad_region.region = "frankfurt";
  EXPECT_THAT(make_invite(bad_region, root).error().message, HasSubstr("three letters"));
  bad_region.region = "vms";
  EXPECT_THAT(make_invite(bad_region, root).error().message, HasSubstr("other than vms"));
  InviteRequest bad_id = request();
  bad_id.host_id = HostId(1);
  EXPECT_THAT(make_invite(bad_id, root).error().message, HasSubstr("is reserved"));
  InviteRequest many_orgs = request();
  for (char c = 'a'; c < 'f'; ++c) many_orgs.orgs.emplace_back(60, c);
  EXPECT_THAT(make_invite(many_orgs, root).error().message, HasSubstr("too many organisations"));
}

TEST(Invite, OnlyTheFirstSeedsThatCanBeKnockedAtTravel) {
  Seed reachable{HostId(0x10001), {}, {}, std::vector<IpEndpoint>(9, *parse_endpoint("[::1]:1"))};
  InviteRequest asked = request();
  asked.seeds.assign(20, reachable);
  asked.seeds.front().knock.clear();
  auto token = decode_token(make_invite(asked, SigningKey::generate()).value()).value();
  ASSERT_EQ(token.seeds.size(), kInviteSeeds);
  for (const Seed& seed : token.seeds) EXPECT_EQ(seed.knock.size(), kInviteSeedEndpoints);
}

TEST(Invite, HostIdsAreValidAndFree) {
  std::vector<HostId> taken;
  for (int i = 0; i < 1000; ++i) {
    HostId id = choose_host_id(taken);
    EXPECT_GE(id.value, kFirstHostId);
    EXPECT_EQ(std::find(taken.begin(), taken.end(), id), taken.end());
    taken.push_back(id);
  }
}

}  // namespace
}  // namespace sixpn::mesh
