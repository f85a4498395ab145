#include "agent/core/peer_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

constexpr HostId kSelf{0x10001};
constexpr HostId kOther{0x10002};
constexpr NetworkId kAcme{0x11};
constexpr NetworkId kGlobex{0x12};

PublicKey key(std::uint8_t number) {
  PublicKey out{};
  out[0] = number;
  return out;
}

// Hosts a (this one, for acme alone) and b; networks default of acme and of globex.
class PeerWrites : public ::testing::Test {
 protected:
  PeerWrites() {
    self_.invite.name = "a";
    self_.invite.orgs = {"acme"};
    snapshot_.self = kSelf;
    add_host(kSelf, "a", 200);
    add_host(kOther, "b", 210);
    edit(kAcme).network = {kAcme, "acme", "default"};
    edit(kGlobex).network = {kGlobex, "globex", "default"};
  }
  void add_host(HostId id, const std::string& name, std::uint8_t number) {
    HostView& host = snapshot_.hosts[id];
    host.record.id = id;
    host.record.name = name;
    host.record.wireguard_key = key(number);
    host.record.spare_key = key(static_cast<std::uint8_t>(number + 1));
  }
  NetworkView& edit(NetworkId id) {
    auto known = snapshot_.networks.find(id);
    auto copy = known == snapshot_.networks.end() ? std::make_shared<NetworkView>()
                                                  : std::make_shared<NetworkView>(*known->second);
    snapshot_.networks[id] = copy;
    return *copy;
  }
  void add_peer(const PeerRecord& peer) { edit(peer.network).peers[peer.name] = peer; }
  Result<PlannedPeer> create(const PeerName& name, const PublicKey& its = key(1)) {
    return plan_create_peer(snapshot_, self_, name, its);
  }

  Snapshot snapshot_;
  HostCertificate self_;
};

TEST_F(PeerWrites, APeerIsBehindThisHostAtTheLowestFreeAddress) {
  for (auto index : std::initializer_list<std::uint8_t>{0, 1, 3})
    add_peer({"p" + std::to_string(index), kAcme, kSelf,
              key(static_cast<std::uint8_t>(100 + index)), peer_address(kAcme, kSelf, index)});
  add_peer({"far", kAcme, kOther, key(120), peer_address(kAcme, kOther, 2)});
  auto planned = create({"laptop", "acme", ""});
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->record,
            (PeerRecord{"laptop", kAcme, kSelf, key(1), peer_address(kAcme, kSelf, 2)}));
  ASSERT_EQ(planned->writes.size(), 1U);
  EXPECT_EQ(planned->writes[0].org, "acme");
  EXPECT_FALSE(planned->writes[0].erase);
  EXPECT_EQ(std::get<PeerRecord>(planned->writes[0].value), planned->record);
}

TEST_F(PeerWrites, TheNetworkIsTheOneThatIsMeant) {
  auto either = create({"laptop", "", ""});
  ASSERT_FALSE(either);
  EXPECT_EQ(either.error().code, kInvalid);
  EXPECT_THAT(either.error().message, HasSubstr("acme/default, globex/default"));
  edit(NetworkId{0x13}).network = {NetworkId{0x13}, "acme", "lab"};
  auto lab = create({"laptop", "", "lab"});
  ASSERT_TRUE(lab);
  EXPECT_EQ(lab->record.network, NetworkId{0x13});
  auto none = create({"laptop", "acme", "lob"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("no network lob of organisation acme"));
  auto foreign = create({"laptop", "globex", ""});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, kForbidden);
}

TEST_F(PeerWrites, NamesAndKeysAreOnePeers) {
  add_peer({"laptop", kAcme, kOther, key(9), peer_address(kAcme, kOther, 0)});
  auto name = create({"laptop", "acme", ""});
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, kTaken);
  EXPECT_THAT(name.error().message, HasSubstr("behind host b"));
  auto taken = create({"phone", "acme", ""}, key(9));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, kTaken);
  EXPECT_THAT(taken.error().message, HasSubstr("peer laptop of acme/default"));
  for (auto of_a_host : std::initializer_list<std::uint8_t>{200, 201, 210, 211}) {
    auto refused = create({"phone", "acme", ""}, key(of_a_host));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the key of host"));
  }
  EXPECT_FALSE(create({"phone", "acme", ""}, PublicKey{}));
  for (const char* bad : {"", "Laptop", "a.b", "-a"}) {
    auto refused = create({bad, "acme", ""});
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message, HasSubstr("expected 1 to 63"));
  }
}

TEST_F(PeerWrites, AHostHasAddressesFor256PeersOfANetwork) {
  for (int index = 0; index < 256; ++index) {
    PublicKey its = key(1);
    its[1] = static_cast<std::uint8_t>(index);
    its[2] = 1;
    auto planned = create({"p" + std::to_string(index), "acme", ""}, its);
    ASSERT_TRUE(planned) << index;
    add_peer(planned->record);
  }
  auto full = create({"one-more", "acme", ""});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, kFull);
  EXPECT_THAT(full.error().message, HasSubstr("256 peers of acme/default"));
}

TEST_F(PeerWrites, APeerIsRemovedByAnyHostOfItsOrg) {
  add_peer({"laptop", kAcme, kOther, key(9), peer_address(kAcme, kOther, 0)});
  add_peer({"phone", kGlobex, kOther, key(8), peer_address(kGlobex, kOther, 0)});
  auto removed = plan_remove_peer(snapshot_, self_, {"laptop", "", ""});
  ASSERT_TRUE(removed);
  ASSERT_EQ(removed->size(), 1U);
  EXPECT_TRUE(removed->front().erase);
  EXPECT_EQ(removed->front().key, peer_key(kAcme, "laptop"));
  EXPECT_EQ(removed->front().org, "acme");
  auto foreign = plan_remove_peer(snapshot_, self_, {"phone", "", ""});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, kForbidden);
  auto none = plan_remove_peer(snapshot_, self_, {"tablet", "", ""});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, kNotFound);
  add_peer({"laptop", kGlobex, kOther, key(7), peer_address(kGlobex, kOther, 1)});
  auto several = plan_remove_peer(snapshot_, self_, {"laptop", "", ""});
  ASSERT_FALSE(several);
  EXPECT_THAT(several.error().message, HasSubstr("acme/default, globex/default"));
  EXPECT_TRUE(plan_remove_peer(snapshot_, self_, {"laptop", "acme", ""}));
}

}  // namespace
}  // namespace sixpn::agent
