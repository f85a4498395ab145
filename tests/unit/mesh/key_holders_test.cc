#include "mesh/core/key_holders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "mesh/core/desired.h"
#include "registry/core/key_proofs.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

Secret secret(char fill) {
  return *Secret::from_bytes(std::string(32, fill));
}

const Secret kMain = secret('m');
const Secret kSpare = secret('s');
constexpr HostId kThief{0x10002};  // the smaller id
constexpr HostId kVictim{0x10003};

HostRecord published(HostId id, const Secret& main, const Secret& spare) {
  HostRecord record{.id = id, .name = "h" + to_string(id)};
  record.wireguard_key = wireguard_public_key(main);
  record.spare_key = wireguard_public_key(spare);
  record.spare_port = 51822;
  record.key_proofs = prove_keys(id, main, spare);
  return record;
}

class KeyHolders : public testing::Test {
 protected:
  void SetUp() override {
    snapshot_ = SnapshotBuilder().build();
    snapshot_.hosts[kVictim].record = published(kVictim, kMain, kSpare);
    thief_ = published(kThief, secret('t'), secret('u'));
  }
  void steal(HostRecord record) { snapshot_.hosts[kThief].record = std::move(record); }
  [[nodiscard]] HostId linked(const PublicKey& key) const {
    auto mesh = make_desired(snapshot_, {}, spare_options());
    auto peer = mesh.main.peers.find(key);
    return peer == mesh.main.peers.end() ? HostId{} : peer->second.host;
  }

  Snapshot snapshot_;
  HostRecord thief_;
  const PublicKey main_ = wireguard_public_key(kMain);
  const PublicKey spare_ = wireguard_public_key(kSpare);
};

TEST_F(KeyHolders, AProofIsOfItsHostsOwnTwoKeysAndOfNoOther) {
  const HostRecord victim = snapshot_.hosts[kVictim].record;
  EXPECT_TRUE(proves_key(victim, main_));
  EXPECT_TRUE(proves_key(victim, spare_));
  EXPECT_FALSE(proves_key(victim, wireguard_public_key(secret('x'))));
  HostRecord other = victim;
  other.id = kThief;
  EXPECT_FALSE(proves_key(other, main_)) << "another host's proof";
  HostRecord swapped = victim;
  std::swap(swapped.wireguard_key, swapped.spare_key);
  EXPECT_FALSE(proves_key(swapped, main_));
  EXPECT_FALSE(proves_key(swapped, spare_));
  HostRecord old = victim;
  old.key_proofs = "";
  EXPECT_FALSE(proves_key(old, main_));
}

TEST_F(KeyHolders, EachBitOfAProofCounts) {
  const std::string statement = "what is said";
  const auto proof = prove_possession(kMain, statement);
  EXPECT_TRUE(check_possession(main_, statement, as_bytes(proof)));
  EXPECT_EQ(prove_possession(kMain, statement), proof) << "the same each time";
  EXPECT_FALSE(check_possession(main_, "what is sais", as_bytes(proof)));
  EXPECT_FALSE(check_possession(spare_, statement, as_bytes(proof)));
  EXPECT_FALSE(check_possession(main_, statement, as_bytes(proof).substr(1)));
  EXPECT_FALSE(check_possession(main_, statement, std::string(proof.size(), '\0')));
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    auto flipped = proof;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(check_possession(main_, statement, as_bytes(flipped))) << bit;
  }
}

TEST_F(KeyHolders, EveryPrivateKeyCanBeProven) {
  for (int i = 0; i < 200; ++i) {
    const Secret key = i % 2 == 0 ? generate_wireguard_key() : Secret::random();  // X25519 clamps
    EXPECT_TRUE(
        check_possession(wireguard_public_key(key), "it", as_bytes(prove_possession(key, "it"))));
  }
}

TEST_F(KeyHolders, AStolenHostCutsNobodyOffByPublishingAnothersKey) {
  thief_.wireguard_key = main_;  // with proofs of keys that it has
  steal(thief_);
  EXPECT_EQ(linked(main_), kVictim);
  thief_.key_proofs = snapshot_.hosts[kVictim].record.key_proofs;
  steal(thief_);
  EXPECT_EQ(linked(main_), kVictim);
  thief_ = published(kThief, secret('t'), secret('u'));
  thief_.spare_key = main_;
  steal(thief_);
  EXPECT_EQ(linked(main_), kVictim);
  EXPECT_EQ(linked(thief_.wireguard_key), kThief) << "what is its own stays";
  auto claims = false_key_claims(snapshot_);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].host, kThief);
  EXPECT_EQ(claims[0].holder, kVictim);
  EXPECT_TRUE(claims[0].proven);
}

TEST_F(KeyHolders, TheSpareLinkGoesToWhoProvesTheKey) {
  thief_.spare_key = spare_;
  thief_.rotation = Rotation::kLeave;
  steal(thief_);
  snapshot_.hosts[kVictim].record.rotation = Rotation::kLeave;
  auto mesh = make_desired(snapshot_, {}, spare_options());
  ASSERT_TRUE(mesh.spare);
  ASSERT_TRUE(mesh.spare->peers.contains(spare_));
  EXPECT_EQ(mesh.spare->peers.at(spare_).host, kVictim);
  EXPECT_FALSE(mesh.links.contains(kThief));
}

TEST_F(KeyHolders, WithoutProofsTheSmallestIdHasTheKey) {
  snapshot_.hosts[kVictim].record.key_proofs = "";  // an older program
  thief_.wireguard_key = main_;
  steal(thief_);
  EXPECT_EQ(linked(main_), kThief);
  auto claims = false_key_claims(snapshot_);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].host, kVictim);
  EXPECT_FALSE(claims[0].proven);
}

TEST_F(KeyHolders, WhoIsGoneHasNone) {
  steal(published(kThief, kMain, kSpare));  // the victim's own identity, enrolled anew
  EXPECT_EQ(linked(main_), kThief);
  snapshot_.hosts[kThief].status = HostStatus::kLeft;
  EXPECT_EQ(linked(main_), kVictim);
  EXPECT_THAT(false_key_claims(snapshot_), IsEmpty());
}

TEST_F(KeyHolders, ZeroIsNoKey) {
  HostRecord none{.id = kThief, .name = "none"};
  steal(none);
  snapshot_.hosts[HostId{0x10004}].record = {.id = HostId{0x10004}, .name = "also none"};
  EXPECT_EQ(linked(PublicKey{}), HostId{});
  EXPECT_THAT(false_key_claims(snapshot_), IsEmpty());
}

}  // namespace
}  // namespace sixpn::mesh
