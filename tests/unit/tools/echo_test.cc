#include "tools/cli/echo.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/rng.h"
#include "registry/core/address.h"
#include "tools/cli/ping_targets.h"

namespace sixpn::cli {
namespace {

// The packet that a host answers with: the request, turned round.
std::vector<std::uint8_t> reply_to(const Echo& echo) {
  auto request = encode_echo_request(echo);
  std::vector<std::uint8_t> reply(request.begin(), request.end());
  reply[0] = 129;
  return reply;
}

// RFC 4443 section 3: the error's header, then as much of the packet as fits.
std::vector<std::uint8_t> error_about(const Echo& echo, const Ip6& destination, std::uint8_t type,
                                      std::uint8_t code) {
  std::vector<std::uint8_t> packet(8 + 40);
  packet[0] = type;
  packet[1] = code;
  packet[8 + 6] = 58;
  std::copy(destination.bytes.begin(), destination.bytes.end(), packet.begin() + 8 + 24);
  auto request = encode_echo_request(echo);
  packet.insert(packet.end(), request.begin(), request.end());
  return packet;
}

const Echo kEcho{0x1234, 7, 0x0102030405060708};

TEST(Echo, RequestHasTheFormOfRfc4443) {
  auto packet = encode_echo_request(kEcho);
  EXPECT_EQ(packet[0], 128);
  EXPECT_EQ(packet[1], 0);
  EXPECT_EQ(packet[4], 0x12);
  EXPECT_EQ(packet[5], 0x34);
  EXPECT_EQ(packet[7], 7);
  EXPECT_EQ(packet[8], 1);
  EXPECT_EQ(packet[15], 8);
}

TEST(Echo, ReplyCarriesTheRequest) {
  EXPECT_EQ(decode_echo_reply(reply_to(kEcho)), kEcho);
  auto request = encode_echo_request(kEcho);
  EXPECT_EQ(decode_echo_reply(request), std::nullopt);
}

TEST(Echo, ErrorsCarryTheRequest) {
  const Ip6 destination = *parse_ip6("fdaa:0:1::2");
  auto error = decode_echo_error(error_about(kEcho, destination, 1, 3));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->echo, kEcho);
  EXPECT_EQ(error->destination, destination);
  EXPECT_EQ(describe(*error), "address unreachable");
  EXPECT_EQ(describe(*decode_echo_error(error_about(kEcho, destination, 1, 1))),
            "forbidden by a firewall");
  EXPECT_EQ(describe(*decode_echo_error(error_about(kEcho, destination, 3, 0))),
            "hop limit reached: is there a routing loop?");
  EXPECT_EQ(describe(*decode_echo_error(error_about(kEcho, destination, 1, 200))), "unreachable");
}

// Every cut of a good packet, and random bytes, give nothing or something whole.
TEST(Echo, AnyBytesAreHarmless) {
  auto reply = reply_to(kEcho);
  for (std::size_t n = 0; n < 16; ++n)
    EXPECT_EQ(decode_echo_reply(std::span(reply).first(n)), std::nullopt);
  auto error = error_about(kEcho, Ip6{}, 1, 0);
  for (std::size_t n = 0; n < 8 + 40 + 16; ++n)
    EXPECT_FALSE(decode_echo_error(std::span(error).first(n))) << n;
  Rng rng(1);
  for (int i = 0; i < 10000; ++i) {
    std::vector<std::uint8_t> bytes(rng.below(120));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
    if (!bytes.empty() && rng.chance(0.5)) bytes[0] = static_cast<std::uint8_t>(rng.below(5));
    decode_echo_reply(bytes);
    decode_echo_error(bytes);
  }
}

TEST(Echo, Summary) {
  using std::chrono::microseconds;
  EchoCount count{Ip6{}, "", 4, {microseconds(300), microseconds(500), microseconds(400)}};
  EXPECT_EQ(
      summary(count),
      "4 sent, 3 received, 25% lost, round trip min 0.300 ms, average 0.400 ms, max 0.500 ms");
  EXPECT_EQ(summary({Ip6{}, "", 2, {}}), "2 sent, 0 received, 100% lost");
  EXPECT_EQ(summary({Ip6{}, "", 0, {}}), "0 sent, 0 received, 0% lost");
}

class PingTargets : public testing::Test {
 protected:
  const HostId self_{0x00a1b2c3};
  const HostId other_{0x00a1b2c4};
  const Ip6 machine_ = machine_address(NetworkId(5), other_, 0x10001);
  boost::json::value status_ = boost::json::object{
      {"host", {{"address", to_string(host_address(self_))}}},
      {"hosts",
       {{{"name", "a"}, {"region", "iad"}, {"address", to_string(host_address(self_))}},
        {{"name", "b"}, {"region", "fra"}, {"address", to_string(host_address(other_))}}}},
      {"machines",
       {{{"id", "148e21dad76789"},
         {"app", "web"},
         {"region", "fra"},
         {"address", to_string(machine_)}}}}};
  JsonView view_{status_};
};

TEST_F(PingTargets, SourceIsTheProxyAddressInTheSameNetwork) {
  auto targets = make_ping_targets(view_, {machine_, host_address(other_)});
  ASSERT_TRUE(targets);
  EXPECT_EQ(targets->at(0).source, proxy_address(NetworkId(5), self_));
  EXPECT_EQ(targets->at(0).label, "web 148e21dad76789, fra");
  EXPECT_EQ(targets->at(1).source, host_address(self_));
  EXPECT_EQ(targets->at(1).label, "host b, fra");
}

TEST_F(PingTargets, AddressesAndHostsNeedNoDns) {
  EXPECT_EQ(find_direct_address(view_, "fdaa::3"), parse_ip6("fdaa::3"));
  EXPECT_EQ(find_direct_address(view_, "b"), host_address(other_));
  EXPECT_EQ(find_direct_address(view_, "web.internal"), std::nullopt);
}

TEST_F(PingTargets, OnlyTheMeshIsPinged) {
  EXPECT_EQ(make_ping_targets(view_, {*parse_ip6("2001:db8::1")}).error().message,
            "2001:db8::1 is not an address of the mesh (fdaa::/16)");
  boost::json::value empty = boost::json::object{};
  EXPECT_EQ(make_ping_targets(JsonView(empty), {machine_}).error().message,
            "the agent does not know its own address yet");
}

}  // namespace
}  // namespace sixpn::cli
