// The WireGuard backends against a real device, and the choice between them. Runs with whatever
// this kernel has: here wireguard-go, in tests/vm the kernel's.
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "mesh/io/wireguard_backend.h"
#include "tests/netns/mesh/lab.h"

namespace sixpn::mesh {
namespace {

using testing::HasSubstr;

std::string device_name() {
  return "wgt" + std::to_string(getpid()) + "h90";
}

PublicKey numbered_key(int number) {
  PublicKey key{};
  key[0] = static_cast<std::uint8_t>(number);
  key[1] = static_cast<std::uint8_t>(number >> 8);
  key[31] = 0x11;
  return key;
}

SetPeer numbered_peer(int number) {
  SetPeer peer{.key = numbered_key(number), .create = true, .keepalive = 25};
  peer.endpoint = number % 2 == 0 ? IpEndpoint{*parse_ip("192.0.2.9"), 51820}
                                  : IpEndpoint{*parse_ip("2001:db8::9"), 51820};
  for (std::uint16_t i = 0; i < 3; ++i)
    peer.allowed.push_back(
        {Ip6::from_words({0xfdaa, 0, 1, static_cast<std::uint16_t>(number), i, 0, 0, 0}), 80});
  return peer;
}

// A device in a namespace of its own. Everything runs on the test's thread, inside it.
class Backend : public testing::Test {
 protected:
  void run(const std::function<void(WireguardBackend&)>& body) {
    netns_.run([&] {
      auto netlink = Netlink::open();
      ASSERT_TRUE(netlink);
      MeshOptions options{.private_key = generate_wireguard_key(), .interface = device_name()};
      auto backend = choose_backend(*netlink, options);
      ASSERT_TRUE(backend) << backend.error().message;
      ASSERT_TRUE((*backend)->create_device());
      body(**backend);
      EXPECT_TRUE(netlink->delete_link(options.interface));
    });
  }

  static WireguardState state_of(WireguardBackend& backend) {
    auto state = backend.get();
    EXPECT_TRUE(state) << state.error().message;
    return state ? *state : WireguardState{};
  }

  NetNs netns_;
};

TEST_F(Backend, IsTheKernelsWhereItHasWireguard) {
  netns_.run([&] {
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink);
    auto supported = netlink->supports_link_kind("wireguard");
    ASSERT_TRUE(supported);
    EXPECT_FALSE(*netlink->supports_link_kind("no-such-kind"));
    EXPECT_FALSE(netlink->find_link("sixpn-probe")->has_value());
    MeshOptions options{.private_key = generate_wireguard_key(), .interface = device_name()};
    auto backend = choose_backend(*netlink, options);
    ASSERT_TRUE(backend);
    EXPECT_EQ((*backend)->name(), *supported ? "kernel" : "userspace");
  });
}

TEST_F(Backend, KeepsKeyAndPort) {
  run([](WireguardBackend& backend) {
    EXPECT_EQ(state_of(backend).public_key, PublicKey{});
    Secret key = generate_wireguard_key();
    ASSERT_TRUE(backend.configure({.private_key = key, .listen_port = 51999}));
    EXPECT_EQ(state_of(backend).public_key, wireguard_public_key(key));
    EXPECT_EQ(state_of(backend).listen_port, 51999);
    ASSERT_TRUE(backend.configure({.listen_port = 51998}));
    EXPECT_EQ(state_of(backend).public_key, wireguard_public_key(key));
    EXPECT_EQ(state_of(backend).listen_port, 51998);
  });
}

// Many peers take several netlink messages each way, where the embeddable library has its faults.
TEST_F(Backend, ManyPeersComeBackAsTheyWereSet) {
  run([](WireguardBackend& backend) {
    ASSERT_TRUE(backend.configure({.private_key = generate_wireguard_key()}));
    std::vector<PeerStep> steps;
    for (int i = 0; i < 300; ++i) steps.emplace_back(numbered_peer(i));
    ASSERT_TRUE(backend.apply(steps));
    WireguardState state = state_of(backend);
    ASSERT_EQ(state.peers.size(), 300u);
    for (int i = 0; i < 300; ++i) {
      SetPeer wanted = numbered_peer(i);
      const ObservedPeer& peer = state.peers.at(wanted.key);
      EXPECT_EQ(peer.endpoint, wanted.endpoint);
      EXPECT_EQ(peer.keepalive, 25);
      EXPECT_EQ(peer.allowed, std::set<Prefix6>(wanted.allowed.begin(), wanted.allowed.end()));
      EXPECT_FALSE(peer.last_handshake.has_value());
    }
  });
}

TEST_F(Backend, OnePeerWithManyAllowedIpsComesBackWhole) {
  run([](WireguardBackend& backend) {
    ASSERT_TRUE(backend.configure({.private_key = generate_wireguard_key()}));
    SetPeer peer{.key = numbered_key(1), .create = true};
    for (std::uint16_t i = 0; i < 1000; ++i)
      peer.allowed.push_back({Ip6::from_words({0xfdaa, 0, 1, 2, i, 0, 0, 0}), 80});
    PeerStep steps[] = {peer, numbered_peer(5)};
    ASSERT_TRUE(backend.apply(steps));
    WireguardState state = state_of(backend);
    EXPECT_EQ(state.peers.at(peer.key).allowed.size(), 1000u);
    EXPECT_EQ(state.peers.size(), 2u);
  });
}

TEST_F(Backend, AChangeTouchesOnlyWhatItNames) {
  run([](WireguardBackend& backend) {
    ASSERT_TRUE(backend.configure({.private_key = generate_wireguard_key()}));
    PeerStep make[] = {numbered_peer(1), numbered_peer(2), numbered_peer(3)};
    ASSERT_TRUE(backend.apply(make));
    WireguardState before = state_of(backend);
    Prefix6 moved = *numbered_peer(2).allowed.begin();
    PeerStep change[] = {
        SetPeer{.key = numbered_key(1), .endpoint = IpEndpoint{*parse_ip("192.0.2.8"), 7}},
        SetPeer{.key = numbered_key(1), .allowed = {moved}},
        SetPeer{.key = numbered_key(2),
                .allowed = {numbered_peer(2).allowed[1]},
                .replace_allowed = true},
        RemovePeer{numbered_key(3)}};
    ASSERT_TRUE(backend.apply(change));
    WireguardState expected = before;
    expected.peers.at(numbered_key(1)).endpoint = IpEndpoint{*parse_ip("192.0.2.8"), 7};
    expected.peers.at(numbered_key(1)).allowed.insert(moved);
    expected.peers.at(numbered_key(2)).allowed = {numbered_peer(2).allowed[1]};
    expected.peers.erase(numbered_key(3));
    EXPECT_EQ(state_of(backend), expected);
    ASSERT_TRUE(backend.apply(std::span(change).last(1))) << "removing again is harmless";
    EXPECT_EQ(state_of(backend), expected);
  });
}

// ---- the choice
// ------------------------------------------------------------------------------------

Result<std::unique_ptr<WireguardBackend>> choose(const NetNs& netns, const MeshOptions& options) {
  Result<std::unique_ptr<WireguardBackend>> chosen = Error("not run");
  netns.run([&] {
    auto netlink = Netlink::open();
    if (netlink) chosen = choose_backend(*netlink, options);
  });
  return chosen;
}

TEST(ChooseBackend, AnInterfaceOfAnotherKindIsNotTakenOver) {
  NetNs netns;
  MeshOptions options{.private_key = generate_wireguard_key(), .interface = "mine"};
  netns.must("ip link add mine type bridge");
  auto chosen = choose(netns, options);
  ASSERT_FALSE(chosen);
  EXPECT_THAT(chosen.error().message, HasSubstr("interface mine exists and is not a WireGuard"));
  EXPECT_THAT(chosen.error().message, HasSubstr("ip link delete mine"));
}

TEST(ChooseBackend, AForcedKernelBackendNeedsTheKernelsWireguard) {
  NetNs netns;
  MeshOptions options{.private_key = generate_wireguard_key(),
                      .interface = device_name(),
                      .backend = BackendChoice::kKernel};
  bool supported = false;
  netns.run([&] { supported = *Netlink::open()->supports_link_kind("wireguard"); });
  auto chosen = choose(netns, options);
  if (supported) {
    ASSERT_TRUE(chosen);
    EXPECT_EQ((*chosen)->name(), "kernel");
  } else {
    ASSERT_FALSE(chosen);
    EXPECT_THAT(chosen.error().message, HasSubstr("this kernel has no WireGuard"));
  }
}

TEST(ChooseBackend, WithoutPermissionSaysSo) {
  NetNs netns;
  MeshOptions options{.private_key = generate_wireguard_key(), .interface = device_name()};
  std::string message;
  netns.run([&] {
    // For this thread only, which ends here: the C library's call would change the whole process.
    ASSERT_EQ(syscall(SYS_setresuid, 65534, 65534, 65534), 0);
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink);
    auto chosen = choose_backend(*netlink, options);
    ASSERT_FALSE(chosen);
    message = chosen.error().message;
  });
  EXPECT_THAT(message, HasSubstr("not permitted"));
  EXPECT_THAT(message, HasSubstr("CAP_NET_ADMIN"));
}

}  // namespace
}  // namespace sixpn::mesh
