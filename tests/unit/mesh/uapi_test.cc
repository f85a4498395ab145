#include "mesh/core/uapi.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "base/rng.h"

namespace sixpn::mesh {
namespace {

using testing::HasSubstr;

const std::string kKeyA(64, 'a');
const std::string kKeyB(64, 'b');

std::string good_reply() {
  return "private_key=" + std::string(63, '4') + "0\nlisten_port=51820\nfwmark=0\n" +
         "public_key=" + kKeyA + "\npreshared_key=" + std::string(64, '0') +
         "\nprotocol_version=1\nendpoint=192.0.2.1:51820\nlast_handshake_time_sec=1700000000\n"
         "last_handshake_time_nsec=500000000\ntx_bytes=7\nrx_bytes=9\n"
         "persistent_keepalive_interval=25\nallowed_ip=fdaa::/16\nallowed_ip=10.0.0.0/8\n"
         "public_key=" +
         kKeyB +
         "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
         "endpoint=[2001:db8::1]:1\nerrno=0\n\n";
}

PublicKey key(const std::string& hex) {
  return *to_array<32>(*parse_hex(hex));
}

TEST(UapiGet, ReadsDeviceAndPeers) {
  auto state = parse_uapi_get(good_reply());
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->listen_port, 51820);
  EXPECT_NE(state->public_key, PublicKey{});
  ASSERT_EQ(state->peers.size(), 2u);
  const ObservedPeer& a = state->peers.at(key(kKeyA));
  EXPECT_EQ(a.endpoint, parse_endpoint("192.0.2.1:51820"));
  EXPECT_EQ(a.last_handshake, from_unix_ms(1700000000500));
  EXPECT_EQ(a.tx_bytes, 7u);
  EXPECT_EQ(a.rx_bytes, 9u);
  EXPECT_EQ(a.keepalive, 25);
  EXPECT_TRUE(a.allowed.contains(*parse_prefix6("fdaa::/16")));
  EXPECT_TRUE(a.allowed.contains(make_prefix(*parse_ip("10.0.0.0"), 104)));
  const ObservedPeer& b = state->peers.at(key(kKeyB));
  EXPECT_FALSE(b.last_handshake.has_value());
  EXPECT_TRUE(b.allowed.empty());
}

TEST(UapiGet, AFreshDeviceHasNoKey) {
  auto state = parse_uapi_get("listen_port=4\nerrno=0\n\n");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->public_key, PublicKey{});
}

TEST(UapiGet, KeysOfANewerDaemonAreSkipped) {
  EXPECT_TRUE(parse_uapi_get("new_thing=1\npublic_key=" + kKeyA + "\nother=x=y\nerrno=0\n\n"));
}

TEST(UapiGet, RefusesWhatIsNoAnswer) {
  struct Case {
    std::string reply;
    const char* says;
  } cases[] = {
      {"", "cut short"},
      {"errno=0\n", "cut short"},
      {"listen_port=1\n\n", "no result"},
      {"errno=-22\n\n", "Invalid argument"},
      {"errno=zero\n\n", "malformed in line 1"},
      {"listen_port=65536\nerrno=0\n\n", "line 1"},
      {"listen_port=\nerrno=0\n\n", "line 1"},
      {"no equals sign\nerrno=0\n\n", "line 1"},
      {"private_key=abc\nerrno=0\n\n", "line 1"},
      {"public_key=" + std::string(62, 'a') + "\nerrno=0\n\n", "line 1"},
      {"public_key=" + kKeyA + "\npublic_key=" + kKeyA + "\nerrno=0\n\n", "line 2"},
      {"public_key=" + kKeyA + "\nallowed_ip=fdaa::/129\nerrno=0\n\n", "line 2"},
      {"public_key=" + kKeyA + "\nallowed_ip=10.0.0.0/33\nerrno=0\n\n", "line 2"},
      {"public_key=" + kKeyA + "\nallowed_ip=fdaa::\nerrno=0\n\n", "line 2"},
      {"public_key=" + kKeyA + "\nlast_handshake_time_sec=9223372036854775807\nerrno=0\n\n",
       "line 2"},
      {"public_key=" + kKeyA + "\nlast_handshake_time_sec=-5\nerrno=0\n\n", "line 2"},
      {"public_key=" + kKeyA + "\nrx_bytes=-1\nerrno=0\n\n", "line 2"},
  };
  for (const auto& c : cases) {
    auto state = parse_uapi_get(c.reply);
    ASSERT_FALSE(state) << c.reply;
    EXPECT_THAT(state.error().message, HasSubstr(c.says)) << c.reply;
  }
}

TEST(UapiGet, AnEndpointWithAZoneIsNoEndpoint) {
  auto state = parse_uapi_get("public_key=" + kKeyA + "\nendpoint=[fe80::1%eth0]:5\nerrno=0\n\n");
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->peers.begin()->second.endpoint.has_value());
}

TEST(UapiGet, PropertyDamagedRepliesNeverCrash) {
  const std::string good = good_reply();
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Rng rng(seed);
    std::string reply = good;
    for (std::uint64_t n = rng.below(6) + 1; n > 0; --n) {
      auto at = static_cast<std::size_t>(rng.below(reply.size()));
      if (rng.chance(0.3)) {
        reply.erase(at, static_cast<std::size_t>(rng.below(40)));
      } else {
        reply[at] = static_cast<char>(rng.below(256));
      }
      if (reply.empty()) reply = "\n";
    }
    if (rng.chance(0.5)) reply += "\n\n";
    auto state = parse_uapi_get(reply);
    if (state) {
      EXPECT_LE(state->peers.size(), 4u);
    }
    static_cast<void>(parse_uapi_set(reply));
  }
}

TEST(UapiSet, ReadsTheResult) {
  EXPECT_TRUE(parse_uapi_set("errno=0\n\n"));
  EXPECT_FALSE(parse_uapi_set("\n"));
  EXPECT_FALSE(parse_uapi_set("errno=0\n"));
  auto busy = parse_uapi_set("errno=-98\n\n");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, 98);
}

TEST(UapiEncode, APeerInOneRequestKeepaliveLast) {
  SetPeer peer{.key = key(kKeyA),
               .create = true,
               .endpoint = parse_endpoint("192.0.2.1:51820"),
               .keepalive = 25,
               .allowed = {*parse_prefix6("fdaa:0:1::/48"), *parse_prefix6("fdaa:0:2::/48")}};
  PeerStep steps[] = {peer, RemovePeer{key(kKeyB)}};
  EXPECT_EQ(encode_uapi(steps),
            "set=1\npublic_key=" + kKeyA +
                "\nendpoint=192.0.2.1:51820\nallowed_ip=fdaa:0:1::/48\nallowed_ip=fdaa:0:2::/48\n"
                "persistent_keepalive_interval=25\npublic_key=" +
                kKeyB + "\nremove=true\n\n");
}

TEST(UapiEncode, AChangeNeverMakesAPeer) {
  PeerStep steps[] = {SetPeer{.key = key(kKeyA), .allowed = {}, .replace_allowed = true}};
  EXPECT_EQ(encode_uapi(steps),
            "set=1\npublic_key=" + kKeyA + "\nupdate_only=true\nreplace_allowed_ips=true\n\n");
}

TEST(UapiEncode, TheDeviceGetsOnlyWhatDiffers) {
  EXPECT_EQ(encode_uapi(ConfigureDevice{.listen_port = 7}), "set=1\nlisten_port=7\n\n");
  ConfigureDevice change{.private_key = Secret::from_bytes(std::string(32, '\x42'))};
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "42";
  EXPECT_EQ(encode_uapi(change), "set=1\nprivate_key=" + hex + "\n\n");
}

}  // namespace
}  // namespace sixpn::mesh
