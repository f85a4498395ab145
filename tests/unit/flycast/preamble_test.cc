#include "flycast/core/preamble.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

Preamble sample() {
  return {kNetwork,
          MachineId{0x148e21dad76789},
          {machine_address(kNetwork, host(1), 0x123456), 40123},
          {kFlycast, 65535},
          1};
}

std::string body_of(const std::string& frame) {
  return frame.substr(kFrameHeaderBytes);
}

Result<std::size_t> header_of(const std::string& frame) {
  return decode_frame_header(std::string_view(frame).substr(0, kFrameHeaderBytes));
}

TEST(Preamble, RoundTrip) {
  std::string frame = encode_preamble(sample());
  ASSERT_LE(frame.size(), kFrameHeaderBytes + kMaxFrameBody);
  auto length = header_of(frame);
  ASSERT_TRUE(length);
  EXPECT_EQ(*length, frame.size() - kFrameHeaderBytes);
  auto decoded = decode_preamble(body_of(frame));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, sample());
}

TEST(Preamble, SaysWhetherToWake) {
  for (Wake wake : {Wake::kJoin, Wake::kStart}) {
    Preamble asked = sample();
    asked.wake = wake;
    asked.last = true;
    auto decoded = decode_preamble(body_of(encode_preamble(asked)));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, asked);
  }
  std::string newer = body_of(encode_preamble(sample())) + std::string("\xa0\x01\x09", 3);  // 9
  auto decoded = decode_preamble(newer);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->wake, Wake::kNo) << "what is not known is not done";
}

TEST(Preamble, SaysWhetherItMayWait) {
  Preamble waits = sample();
  waits.may_wait = true;
  auto decoded = decode_preamble(body_of(encode_preamble(waits)));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->may_wait);
}

TEST(Preamble, AsksForAnExchange) {
  Preamble asks = sample();
  EXPECT_FALSE(asks.exchange || asks.fresh) << "an older agent's";
  asks.exchange = asks.fresh = true;
  auto decoded = decode_preamble(body_of(encode_preamble(asks)));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, asks);
}

TEST(HopReply, GrantsAnExchange) {
  HopReply reply{HopStatus::kOk, 1};
  reply.exchange = true;
  auto decoded = decode_reply(body_of(encode_reply(reply)));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->exchange);
}

TEST(Preamble, AsksToListen) {
  Preamble asks = sample();
  EXPECT_FALSE(asks.listens) << "an older agent's";
  asks.listens = true;
  auto decoded = decode_preamble(body_of(encode_preamble(asks)));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, asks);
  HopReply reply{HopStatus::kOk, 1};
  EXPECT_FALSE(reply.tells);
  reply.tells = true;
  auto told = decode_reply(body_of(encode_reply(reply)));
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, reply);
}

TEST(Preamble, SaysThatFramesComeAhead) {
  Preamble asks = sample();
  EXPECT_FALSE(asks.ahead) << "an older agent's";
  asks.exchange = asks.ahead = true;
  auto decoded = decode_preamble(body_of(encode_preamble(asks)));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, asks);
  HopReply reply{HopStatus::kOk, 1};
  EXPECT_FALSE(reply.takes_ahead);
  reply.takes_ahead = true;
  auto told = decode_reply(body_of(encode_reply(reply)));
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, reply);
}

TEST(Preamble, SaysThatTheAnswerMayComeWithTheMachines) {
  Preamble asks = sample();
  EXPECT_FALSE(asks.whole) << "an older agent's";
  asks.exchange = asks.ahead = asks.whole = true;
  auto decoded = decode_preamble(body_of(encode_preamble(asks)));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, asks);
  HopReply reply{HopStatus::kOk, 1};
  EXPECT_EQ(reply.held.count(), 0);
  reply.held = std::chrono::microseconds(815);
  auto told = decode_reply(body_of(encode_reply(reply)));
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, reply);
}

TEST(Silence, RoundTrip) {
  for (std::uint16_t stream : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{65535}}) {
    Silence word{kNetwork, MachineId{0x148e21dad76789}, 8080, stream};
    auto decoded = decode_silence(body_of(encode_silence(word)));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, word);
  }
}

TEST(Silence, RefusesBadPortsAndNoise) {
  EXPECT_FALSE(decode_silence("")) << "no internal port";
  EXPECT_FALSE(decode_silence(std::string("\x18\x80\x80\x04", 4))) << "internal port 65536";
  EXPECT_FALSE(decode_silence(std::string("\x18\x50\x20\x80\x80\x04", 6))) << "stream 65536";
  EXPECT_TRUE(decode_silence(std::string("\x18\x50", 2)));
  EXPECT_FALSE(decode_silence("\xff\xff"));
}

TEST(Preamble, SaysHowLongTheOwnerMayTryToConnect) {
  Preamble limited = sample();
  limited.connect_limit = std::chrono::milliseconds(225);
  auto decoded = decode_preamble(body_of(encode_preamble(limited)));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->connect_limit, std::chrono::milliseconds(225));
  EXPECT_EQ(decode_preamble(body_of(encode_preamble(sample())))->connect_limit.count(), 0);
}

TEST(HopReply, RoundTrip) {
  for (auto status : {HopStatus::kOk, HopStatus::kLimit, HopStatus::kConnectFailed,
                      HopStatus::kNotReady, HopStatus::kRecentlyStopped}) {
    HopReply reply{status, 77, 111, 3, 1'795'300'000'000'000};
    auto decoded = decode_reply(body_of(encode_reply(reply)));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, reply);
  }
}

// Of agents before 0.2: status, load and errno, and nothing else.
TEST(HopReply, TheOldFormIsUnderstood) {
  auto decoded = decode_reply(std::string("\x08\x05\x10\x4d\x18\x6f", 6));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, (HopReply{HopStatus::kConnectFailed, 77, 111, 0, 0}));
}

TEST(HopReply, BeginsWithTheOldFormForOlderAgents) {
  std::string body = body_of(encode_reply({HopStatus::kConnectFailed, 77, 111, 3, 9}));
  EXPECT_EQ(body.substr(0, 6), std::string("\x08\x05\x10\x4d\x18\x6f", 6));
}

TEST(HopReply, AStatusOfANewerVersionIsARefusal) {
  auto decoded = decode_reply(std::string("\x08\x63", 2));  // status 99
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->status, HopStatus::kUnknown);
}

TEST(Preamble, UnknownFieldsAreIgnored) {
  std::string body =
      body_of(encode_preamble(sample())) + std::string("\x78\x01", 2);  // field 15 = 1
  auto decoded = decode_preamble(body);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, sample());
}

TEST(FrameHeader, Refuses) {
  struct Case {
    std::string_view header;
    const char* expected;
  };
  const Case cases[] = {
      {"GET ", "not a Flycast hop preamble"},
      {"", "not a Flycast hop preamble"},
      {"F", "not a Flycast hop preamble"},
      {std::string_view("F\x02\x00\x10", 4), "version 2"},
      {std::string_view("F\x01\x00\x00", 4), "0 bytes"},
      {std::string_view("F\x01\x02\x01", 4), "513 bytes"},
      {std::string_view("F\x01\xff\xff", 4), "65535 bytes"},
  };
  for (const Case& test : cases) {
    auto decoded = decode_frame_header(test.header);
    ASSERT_FALSE(decoded) << test.expected;
    EXPECT_NE(decoded.error().message.find(test.expected), std::string::npos)
        << decoded.error().message;
  }
}

TEST(Preamble, RefusesBadAddressesAndPorts) {
  auto refused = [](auto change) {
    Preamble preamble = sample();
    change(preamble);
    return !decode_preamble(body_of(encode_preamble(preamble)));
  };
  EXPECT_TRUE(refused([](Preamble& p) { p.client.port = 0; }));
  EXPECT_TRUE(refused([](Preamble& p) { p.dialled.port = 0; }));
  EXPECT_TRUE(refused([](Preamble& p) { p.internal_port = 0; }));
  EXPECT_FALSE(decode_preamble(""));
  // Port 65536 (field 4) and an address of 15 bytes (field 3) cannot be encoded by us.
  std::string body = body_of(encode_preamble(sample()));
  EXPECT_FALSE(decode_preamble(body + std::string("\x20\x80\x80\x04", 4)));
  EXPECT_FALSE(decode_preamble(body + std::string("\x1a\x0f", 2) + std::string(15, 'x')));
}

TEST(Preamble, EveryTruncationIsAnError) {
  std::string body = body_of(encode_preamble(sample()));
  for (std::size_t length = 0; length < body.size(); ++length) {
    auto decoded = decode_preamble(std::string_view(body).substr(0, length));
    EXPECT_FALSE(decoded) << length;
  }
}

TEST(Preamble, RandomBytesNeverCrash) {
  Rng rng(11);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes =
        i % 2 == 0 ? body_of(encode_preamble(sample())) : std::string(rng.below(64), '\0');
    int flips = i % 2 == 0 ? 3 : static_cast<int>(bytes.size());
    for (int k = 0; k < flips; ++k) bytes[rng.below(bytes.size())] = static_cast<char>(rng());
    static_cast<void>(decode_preamble(bytes));
    static_cast<void>(decode_reply(bytes));
    static_cast<void>(decode_frame_header(bytes.substr(0, kFrameHeaderBytes)));
  }
}

}  // namespace
}  // namespace sixpn::flycast
